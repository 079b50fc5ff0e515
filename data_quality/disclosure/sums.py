"""Longer periods as sums of their published parts, so that a small change of a part isn't revealed by differencing.

A published month that would change by too few persons keeps its published value. If its quarter were published later
with the changed value, the quarter minus its months would reveal that change. So the quarter is the sum of the
published months.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Set
from datetime import date, timedelta
from typing import Any

from data_quality.disclosure.system import Cell, cell_of
from data_quality.disclosure.thresholds import Row
from metrics.definitions.catalog import CatalogKpi

_SHORTER = {"Q": ("M",), "A": ("Q", "M")}
_SUMMED_COLUMNS = {"ratio": ("numerator", "denominator", "n_obs"), "simple": ("obs_value", "n_obs")}


def sums_of_published_parts(
    rows: Collection[Row],
    new: Collection[Cell],
    unchanged: Mapping[Cell, Row],
    published: Set[Cell],
    kpis: Mapping[str, CatalogKpi],
) -> dict[Cell, dict[str, Any]]:
    """By new cell, the row with the sums of its published parts, if one of these is in `unchanged`.

    `rows` are the candidate rows; `unchanged` are, by cell, the published rows of cells that keep their published value
    although the candidate differs; `published` are all published cells. Columns that aren't the sum of the candidates'
    parts, such as an average, are taken from the candidate.
    """
    candidates = {cell_of(row): row for row in rows}
    parts: dict[tuple[str, str, str, str], dict[date, Row]] = defaultdict(dict)
    for cell in published & candidates.keys():
        part = candidates[cell]
        parts[cell.kpi_id, cell.freq, cell.segment, cell.member][part["period_start"]] = part
    summed: dict[Cell, dict[str, Any]] = {}
    for cell in new:
        kpi, row = kpis[cell.kpi_id], candidates[cell]
        for freq in _SHORTER.get(cell.freq, ()) if not kpi.only_ratio else ():
            covering = _covering(row, parts[cell.kpi_id, freq, cell.segment, cell.member])
            published_parts = [unchanged.get(cell_of(part), part) for part in covering]
            if published_parts != covering:
                summed[cell] = _summed(row, covering, published_parts, _SUMMED_COLUMNS[kpi.metric_type])
                break
    return summed


def _covering(row: Row, parts: Mapping[date, Row]) -> list[Row]:
    """The parts that cover the row's period one after the other; empty where one is missing. `parts` are by start."""
    covering, day = [], row["period_start"]
    while day <= row["period_end"]:
        if day not in parts:
            return []
        covering.append(parts[day])
        day = parts[day]["period_end"] + timedelta(days=1)
    return covering


def _summed(
    row: Row, candidate_parts: Collection[Row], published_parts: Collection[Row], columns: Collection[str]
) -> dict[str, Any]:
    """The row with the sum of the published parts in each column that is the sum of the candidates' parts."""
    summed = dict(row)
    for column in columns:
        computed, published = [part[column] for part in candidate_parts], [part[column] for part in published_parts]
        if None in (row[column], *computed, *published):
            continue
        if abs(sum(computed) - row[column]) <= 1e-9 * abs(row[column]):
            summed[column] = sum(published)
    if "numerator" in columns and summed["denominator"]:
        summed["obs_value"] = summed["numerator"] / summed["denominator"]
    return summed
