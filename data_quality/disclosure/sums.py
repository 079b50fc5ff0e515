"""Values of longer periods that are made of what was published of their parts.

A published month that would change by too few persons stays as it is. Its quarter, published later, would tell of
these persons all the same: it less the months. So it is the sum of the months as they were published.
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
_ADDED = {"ratio": ("numerator", "denominator", "n_obs"), "simple": ("obs_value", "n_obs")}


def of_published_parts(
    rows: Collection[Row],
    new: Collection[Cell],
    kept: Mapping[Cell, Row],
    public: Set[Cell],
    kpis: Mapping[str, CatalogKpi],
) -> dict[Cell, dict[str, Any]]:
    """By new cell, the row that its published parts add up to, where some of them are kept as they were published.

    What doesn't add up over the candidates' parts, such as an average, stays the candidate's.
    """
    candidates = {cell_of(row): row for row in rows}
    parts: dict[tuple[str, str, str, str], dict[date, Row]] = defaultdict(dict)
    for cell in public & candidates.keys():
        part = candidates[cell]
        parts[cell.kpi_id, cell.freq, cell.segment, cell.member][part["period_start"]] = part
    summed: dict[Cell, dict[str, Any]] = {}
    for cell in new:
        kpi, row = kpis[cell.kpi_id], candidates[cell]
        for freq in _SHORTER.get(cell.freq, ()) if not kpi.only_ratio else ():
            covering = _covering(row, parts[cell.kpi_id, freq, cell.segment, cell.member])
            published = [kept.get(cell_of(part), part) for part in covering]
            if published != covering:
                summed[cell] = _summed(row, covering, published, _ADDED[kpi.metric_type])
                break
    return summed


def _covering(row: Row, parts: Mapping[date, Row]) -> list[Row]:
    """The parts that fill the row's period one after the other; none where one is lacking."""
    covering, day = [], row["period_start"]
    while day <= row["period_end"]:
        if day not in parts:
            return []
        covering.append(parts[day])
        day = parts[day]["period_end"] + timedelta(days=1)
    return covering


def _summed(
    row: Row, candidates: Collection[Row], published: Collection[Row], names: Collection[str]
) -> dict[str, Any]:
    changed = dict(row)
    for name in names:
        computed, shown = [part[name] for part in candidates], [part[name] for part in published]
        if None not in (row[name], *computed, *shown) and abs(sum(computed) - row[name]) <= 1e-9 * abs(row[name]):
            changed[name] = sum(shown)
    if "numerator" in names and changed["denominator"]:
        changed["obs_value"] = changed["numerator"] / changed["denominator"]
    return changed
