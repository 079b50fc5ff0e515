"""Disclosure control of the cells about to be released: all protected KPIs together, given what is published already.

Primary suppression, then KPIs of persons' amounts, then secondary suppression. A suppressed cell stays suppressed in
every later release.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_quality.disclosure import thresholds
from data_quality.disclosure.differences import disclosive
from data_quality.disclosure.histories import HISTORIES, Figure
from data_quality.disclosure.sums import sums_of_published_parts
from data_quality.disclosure.system import TOTAL, Cell, System, cell_of, systems, with_wider_groups
from data_quality.disclosure.thresholds import Row
from metrics.core.periods import PART_OF_WEEK
from metrics.definitions.catalog import CatalogKpi, Key

# The weight of a cell in the cost of suppressing it: longer periods weigh more, as fewer values can replace them.
_WEIGHT = {"W": 1, "M": 2, "Q": 4, "A": 8}
_WEIGHT_OF_TOTAL = 10
# For KPIs of persons' amounts: kpi_id and figure. All periods that end on the figure's day show the same figure.
_KpiFigure = tuple[str, Figure]


@dataclass
class _Published:
    """What the ledger holds of protected KPIs.

    `values` are the newest rows of published cells, `suppressed` the cells that were ever suppressed. `figures` and
    `suppressed_figures` are the same for the figures of persons' amounts.
    """

    values: dict[Cell, Row] = field(default_factory=dict)
    suppressed: set[Cell] = field(default_factory=set)
    figures: dict[_KpiFigure, Row] = field(default_factory=dict)
    suppressed_figures: set[_KpiFigure] = field(default_factory=set)


def controlled(
    rows: Collection[Row],
    eligible: Collection[Key],
    kpis: Mapping[str, CatalogKpi],
    committed: pa.Table,
    today: date,
    histories: Mapping[str, pa.Table],
) -> list[dict[str, Any]]:
    """The rows of the eligible keys after disclosure control, with their `conf_status`: F free, C confidential.

    A confidential cell is suppressed: it is published without value and counts.

    `rows` are all candidate rows of all protected KPIs, including keys that aren't released. `committed` are the
    ledger's observations with `sequence`. `histories` are, by kpi_id, the persons behind the figures of persons'
    amounts (histories.HISTORIES).

    - A cell that was suppressed once stays suppressed.
    - A published value that would change by less than the worth of `disclosure_threshold` persons isn't changed,
      because the difference of the two vintages would reveal those few. With a newer definition version it is
      suppressed.
    - A value is revised only where the new one reveals no suppressed cell by difference; else it stays as published.
    - A quarter or year is the sum of its published months, if one of these was not changed.
    - A published figure of persons' amounts never changes: where it would change by more, it is suppressed.
    - A new figure of persons' amounts is suppressed if it, together with all other published figures, would reveal an
      amount of too few persons, or too much about one person.
    - A cell that can't be shown to be safe is suppressed.

    Primary and secondary suppression aren't distinguished in the result: since the threshold is known, the distinction
    itself would often reveal the number.
    """
    from data_quality.disclosure.suppression import protect  # scipy takes half a second to import

    rows = with_wider_groups(rows, kpis)
    published = _published(committed, kpis)
    all_systems = systems(rows, kpis, today)
    primary = _primary_suppression(rows, kpis, published, _uncontrollable(rows, kpis, all_systems, today))
    released = set(eligible)
    suppressed, costs = set(primary.suppressed), dict(primary.costs)

    def suppress(cells: Collection[Cell]) -> None:
        suppressed.update(cells)
        for cell in cells:
            costs.pop(cell, None)

    amounts = [row for row in rows if kpis[row["kpi_id"]].only_ratio and cell_of(row)[:3] in released]
    suppress(_disclosive_amounts(amounts, costs, kpis, published, histories))
    # What a reader knows is what stays published: neither a value that this release revises, nor an earlier one of a
    # cell that is too small by now.
    too_small = {cell_of(row) for row in rows if thresholds.is_sensitive(row, kpis[row["kpi_id"]])}
    known = published.values.keys() - primary.revised.keys() - primary.suppressed - too_small
    # Without a new value in this release there is nothing that could be held back to protect another one.
    for system in all_systems if any(cell[:3] in released for cell in costs) else ():
        suppress(protect(system, known, costs))
    for cell in suppressed & primary.revised.keys():
        if primary.revised[cell]["definition_version"] == kpis[cell.kpi_id].definition_version:
            suppressed.discard(cell)
            primary.unchanged[cell] = primary.revised[cell]
    sums = sums_of_published_parts(rows, costs, primary.unchanged, published.values.keys(), kpis)
    disclosed_rows = []
    for row in rows:
        cell = cell_of(row)
        if cell[:3] in released:
            row = sums.get(cell, row)
            kpi, is_suppressed = kpis[cell.kpi_id], cell in suppressed
            disclosed = thresholds.suppressed(row) if is_suppressed else thresholds.disclosed(row, kpi)
            disclosed |= {name: primary.unchanged[cell][name] for name in _VALUES if cell in primary.unchanged}
            disclosed.pop(thresholds.WIDER, None)
            disclosed_rows.append({**disclosed, "conf_status": "C" if is_suppressed else "F"})
    return disclosed_rows


@dataclass(frozen=True)
class _Primary:
    """The outcome of primary suppression.

    `suppressed` are the suppressed cells. `unchanged` are the published rows of cells that keep their published value,
    `revised` the published rows of cells that would get another value. `costs` has, for each new or revised value, what
    it costs to suppress it in order to protect another one.
    """

    suppressed: set[Cell] = field(default_factory=set)
    unchanged: dict[Cell, Row] = field(default_factory=dict)
    revised: dict[Cell, Row] = field(default_factory=dict)
    costs: dict[Cell, float] = field(default_factory=dict)


def _primary_suppression(
    rows: Collection[Row], kpis: Mapping[str, CatalogKpi], published: _Published, uncontrollable: set[Key]
) -> _Primary:
    primary = _Primary()
    for row in rows:
        kpi, cell = kpis[row["kpi_id"]], cell_of(row)
        figure = _figure_of(row)
        before = published.values.get(cell) or published.figures.get(figure)
        if cell.freq == PART_OF_WEEK:
            continue
        if cell in published.suppressed or figure in published.suppressed_figures or cell[:3] in uncontrollable:
            primary.suppressed.add(cell)
        elif before is not None and thresholds.is_small_change(row, before, kpi):
            if before["definition_version"] == kpi.definition_version:
                primary.unchanged[cell] = before
            else:
                primary.suppressed.add(cell)
        elif thresholds.is_sensitive(row, kpi) or (
            before is not None and kpi.only_ratio and thresholds.is_changed(row, before, kpi)
        ):
            primary.suppressed.add(cell)
        elif before is None or (not kpi.only_ratio and thresholds.is_changed(row, before, kpi)):
            if before is not None:
                primary.revised[cell] = before
            weight = _WEIGHT[cell.freq] * (_WEIGHT_OF_TOTAL if (cell.segment, cell.member) == TOTAL else 1)
            primary.costs[cell] = weight * (1 + thresholds.persons(row))
    return primary


def _disclosive_amounts(
    amounts: Collection[Row],
    costs: Collection[Cell],
    kpis: Mapping[str, CatalogKpi],
    published: _Published,
    histories: Mapping[str, pa.Table],
) -> set[Cell]:
    """The cells of `costs` whose figures must not be published; `amounts` are the released rows of persons' amounts."""
    weights: dict[str, dict[Figure, int]] = defaultdict(dict)
    cells: dict[_KpiFigure, list[Cell]] = defaultdict(list)
    for row in amounts:
        cell = cell_of(row)
        if cell in costs:
            kpi_id, figure = _figure_of(row)
            cells[kpi_id, figure].append(cell)
            weights[kpi_id][figure] = max(weights[kpi_id].get(figure, 0), _WEIGHT[cell.freq])
    suppressed: set[Cell] = set()
    for kpi_id, figure_weights in weights.items():
        published_figures = [figure for published_kpi, figure in published.figures if published_kpi == kpi_id]
        table = histories.get(kpi_id, HISTORIES.empty_table())
        ranks = {figure: -weight for figure, weight in figure_weights.items()}
        for figure in disclosive(kpis[kpi_id], table, ranks, published_figures):
            suppressed.update(cells[kpi_id, figure])
    return suppressed


def _figure_of(row: Row) -> _KpiFigure:
    return row["kpi_id"], ((row["segment"], row["member"]), row["period_end"])


def _uncontrollable(
    rows: Collection[Row], kpis: Mapping[str, CatalogKpi], all_systems: Collection[System], today: date
) -> set[Key]:
    """The keys that can't be protected, so that they are suppressed as a whole.

    The persons behind a cell weren't counted; or the period has ended, and a sensitive cell is in no system of
    equations.
    """
    targets = {target.cell for system in all_systems for target in system.targets}
    keys = set()
    for row in rows:
        kpi, cell = kpis[row["kpi_id"]], cell_of(row)
        has_ended = row["period_end"] < today
        if not thresholds.is_counted(row, kpi) or (
            has_ended and cell not in targets and thresholds.is_sensitive(row, kpi)
        ):
            keys.add(cell[:3])
    return keys


_VALUES = ("obs_value", "numerator", "denominator", "n_obs")


def _published(committed: pa.Table, kpis: Mapping[str, CatalogKpi]) -> _Published:
    """What the committed observations hold of these KPIs. A later release's row replaces an earlier one of its cell."""
    is_protected = pc.is_in(committed.column("kpi_id"), value_set=pa.array(sorted(kpis), pa.string()))
    columns = [*Cell._fields, *_VALUES, "period_end", "conf_status", "definition_version", "sequence"]
    published = _Published()
    for row in committed.filter(is_protected).select(columns).sort_by("sequence").to_pylist():
        cell, figure, is_amount = cell_of(row), _figure_of(row), kpis[row["kpi_id"]].only_ratio
        if row["conf_status"] == "F":
            published.values[cell] = row
            if is_amount and row["obs_value"] is not None:
                published.figures[figure] = row
        else:
            published.suppressed.add(cell)
            if is_amount:
                published.suppressed_figures.add(figure)
    return published
