"""Disclosure control of what is about to be released: all protected KPIs together, beside what is public already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_quality.disclosure import thresholds
from data_quality.disclosure.differences import too_close
from data_quality.disclosure.histories import HISTORIES, Figure
from data_quality.disclosure.sums import of_published_parts
from data_quality.disclosure.system import TOTAL, Cell, System, cell_of, systems
from data_quality.disclosure.thresholds import Row
from metrics.core.periods import PART_OF_WEEK
from metrics.definitions.catalog import CatalogKpi, Key

# What a cell is worth beside its persons: a year's value more than the months', as fewer values stand in for it.
_WORTH = {"W": 1, "M": 2, "Q": 4, "A": 8}
_WORTH_OF_TOTAL = 10
_Figure = tuple[str, Figure]  # of a KPI of persons' amounts: what all its periods that end on one day show


@dataclass
class _Public:
    """What the ledger holds of protected KPIs: each cell's newest value, and the cells that were ever hidden.

    The same of the figures of persons' amounts.
    """

    values: dict[Cell, Row] = field(default_factory=dict)
    hidden: set[Cell] = field(default_factory=set)
    figures: dict[_Figure, Row] = field(default_factory=dict)
    hidden_figures: set[_Figure] = field(default_factory=set)


def controlled(
    rows: Collection[Row],
    admitted: Collection[Key],
    kpis: Mapping[str, CatalogKpi],
    committed: pa.Table,
    today: date,
    histories: Mapping[str, pa.Table],
) -> list[dict[str, Any]]:
    """The rows of the admitted keys as they may leave the warehouse, with their `conf_status`: F free, C suppressed.

    `rows` are all candidate rows of all protected KPIs, those of keys that aren't released too; `committed` are the
    ledger's observations with `sequence`; `histories` say by KPI who is behind which figures of persons' amounts
    (histories.HISTORIES). Which suppressed cells are of too few persons, and which are hidden to protect those, isn't
    told: with the threshold known, that alone would often give them away.
    - What was hidden once stays hidden.
    - A published value that would change by less than what `disclosure_threshold` persons bring stays as it is: the
      difference between two vintages would tell of those few. Of a newer definition version it is hidden.
    - A quarter or year is what its months say as they are published, where one of them stays as it is.
    - A published figure of persons' amounts never changes: where it would by more than that, it is hidden.
    - A new figure of persons' amounts is hidden where it would tell of too few persons, or too much of one, beside all
      other published figures.
    - What can't be shown to be safe is hidden.
    """
    from data_quality.disclosure.suppression import protect  # scipy takes half a second, and only releases need it

    public = _public(committed, kpis)
    found = systems(rows, kpis, today)
    first = _each_by_itself(rows, kpis, public, _unsafe(rows, kpis, found, today))
    released = set(admitted)
    hidden, costs = set(first.hidden), dict(first.costs)

    def hide(cells: Collection[Cell]) -> None:
        hidden.update(cells)
        for cell in cells:
            costs.pop(cell, None)

    amounts = [row for row in rows if kpis[row["kpi_id"]].only_ratio and cell_of(row)[:3] in released]
    hide(_too_close(amounts, costs, kpis, public, histories))
    # Where nothing is released that the public hasn't, there is nothing that could be hidden to protect another.
    for system in found if any(cell[:3] in released for cell in costs) else ():
        hide(protect(system, public.values.keys(), costs))
    sums = of_published_parts(rows, costs, first.kept, public.values.keys(), kpis)
    outgoing = []
    for row in rows:
        cell = cell_of(row)
        if cell[:3] in released:
            row = sums.get(cell, row)
            free = thresholds.suppressed(row) if cell in hidden else thresholds.told(row, kpis[cell.kpi_id])
            free |= {name: first.kept[cell][name] for name in _VALUES if cell in first.kept}
            outgoing.append({**free, "conf_status": "C" if cell in hidden else "F"})
    return outgoing


@dataclass(frozen=True)
class _Decided:
    """What is decided of each cell by itself: hidden, kept as it was published, or free to be hidden at a cost."""

    hidden: set[Cell] = field(default_factory=set)
    kept: dict[Cell, Row] = field(default_factory=dict)
    costs: dict[Cell, float] = field(default_factory=dict)


def _each_by_itself(
    rows: Collection[Row], kpis: Mapping[str, CatalogKpi], public: _Public, unsafe: set[Key]
) -> _Decided:
    decided = _Decided()
    for row in rows:
        kpi, cell = kpis[row["kpi_id"]], cell_of(row)
        figure = _figure_of(row)
        before = public.values.get(cell) or public.figures.get(figure)
        if cell.freq == PART_OF_WEEK:
            continue
        if cell in public.hidden or figure in public.hidden_figures or cell[:3] in unsafe:
            decided.hidden.add(cell)
        elif before is not None and thresholds.small_change(row, before, kpi):
            if before["definition_version"] == kpi.definition_version:
                decided.kept[cell] = before
            else:
                decided.hidden.add(cell)
        elif (before is not None and kpi.only_ratio and thresholds.changed(row, before, kpi)) or thresholds.needs(
            row, kpi
        ):
            decided.hidden.add(cell)
        elif before is None:
            worth = _WORTH[cell.freq] * (_WORTH_OF_TOTAL if (cell.segment, cell.member) == TOTAL else 1)
            decided.costs[cell] = worth * (1 + thresholds.persons(row))
    return decided


def _too_close(
    amounts: Collection[Row],
    costs: Collection[Cell],
    kpis: Mapping[str, CatalogKpi],
    public: _Public,
    histories: Mapping[str, pa.Table],
) -> set[Cell]:
    """The cells of `costs` whose figures may not be published; `amounts` are the released rows of persons' amounts."""
    wanted: dict[str, dict[Figure, int]] = defaultdict(dict)
    cells: dict[_Figure, list[Cell]] = defaultdict(list)
    for row in amounts:
        cell = cell_of(row)
        if cell in costs:
            kpi_id, figure = _figure_of(row)
            cells[kpi_id, figure].append(cell)
            wanted[kpi_id][figure] = max(wanted[kpi_id].get(figure, 0), _WORTH[cell.freq])
    hidden: set[Cell] = set()
    for kpi_id, worths in wanted.items():
        known = [figure for of_kpi, figure in public.figures if of_kpi == kpi_id]
        table = histories.get(kpi_id, HISTORIES.empty_table())
        ranks = {figure: -worth for figure, worth in worths.items()}
        for figure in too_close(kpis[kpi_id], table, ranks, known):
            hidden.update(cells[kpi_id, figure])
    return hidden


def _figure_of(row: Row) -> _Figure:
    return row["kpi_id"], ((row["segment"], row["member"]), row["period_end"])


def _unsafe(rows: Collection[Row], kpis: Mapping[str, CatalogKpi], found: Collection[System], today: date) -> set[Key]:
    """The keys with a cell whose persons weren't counted, or of too few persons and in no system that protects it."""
    protected = {target.cell for system in found for target in system.targets}
    keys = set()
    for row in rows:
        kpi, cell = kpis[row["kpi_id"]], cell_of(row)
        ended = row["period_end"] < today
        if not thresholds.counted(row, kpi) or (ended and cell not in protected and thresholds.needs(row, kpi)):
            keys.add(cell[:3])
    return keys


_VALUES = ("obs_value", "numerator", "denominator", "n_obs")


def _public(committed: pa.Table, kpis: Mapping[str, CatalogKpi]) -> _Public:
    ours = pc.is_in(committed.column("kpi_id"), value_set=pa.array(sorted(kpis), pa.string()))
    columns = [*Cell._fields, *_VALUES, "period_end", "conf_status", "definition_version", "sequence"]
    found = _Public()
    for row in committed.filter(ours).select(columns).sort_by("sequence").to_pylist():
        cell, figure, amounts = cell_of(row), _figure_of(row), kpis[row["kpi_id"]].only_ratio
        if row["conf_status"] == "F":
            found.values[cell] = row
            if amounts and row["obs_value"] is not None:
                found.figures[figure] = row
        else:
            found.hidden.add(cell)
            if amounts:
                found.hidden_figures.add(figure)
    return found
