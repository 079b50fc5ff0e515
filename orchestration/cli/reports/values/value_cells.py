"""What the tables of values share: the cells of a value and its changes, and why there is no value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from metrics.core import clock
from metrics.core.periods import Period, period_of
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.company import Company
from orchestration.cli.formats import PERIODS, change, number
from orchestration.cli.tables import Cell
from orchestration.cli.terminal import styled
from publishing.usual_changes import says_nothing

_USUAL = "≈"
_CHANGES = ("change_previous", "change_year_ago")


def value(row: Mapping[str, Any], kpi: CatalogKpi, catalog: Catalog) -> Cell:
    if row["obs_status"] == "Q":
        return styled(("suppressed", "dim"))
    return number(row["obs_value"], kpi.unit, catalog.reporting_currency)


def changes(row: Mapping[str, Any], kpi: CatalogKpi, currency: str, *, marks: bool) -> list[Cell]:
    """The changes on the period before and on a year ago; one within the usual variation is dim, with a mark.

    `marks`: a change of the table has one, so that the others need room for it.
    """
    return [
        styled((f"{_usual_change(row[name], kpi, currency)} {_USUAL}", "dim"))
        if _is_usual(row, name)
        else f"{change(row[name], kpi, currency)}{'  ' * marks}"
        for name in _CHANGES
    ]


def has_marks(rows: Iterable[Mapping[str, Any]]) -> bool:
    return any(_is_usual(row, name) for row in rows for name in _CHANGES)


def _usual_change(value: float, kpi: CatalogKpi, currency: str) -> str:
    return change(None if says_nothing(value, kpi.change_kind, usual=True) else value, kpi, currency)


def _is_usual(row: Mapping[str, Any], name: str) -> bool:
    """Whether there is a change, and it is a usual one."""
    return row[name] is not None and bool(row.get(f"{name}_is_usual"))


def usual_legend(rows: Iterable[Mapping[str, Any]], lines: Iterable[Iterable[Cell]]) -> str:
    """The meaning of the mark of usual changes in the table's lines; empty if no change of the rows has it."""
    words = f"\n{_USUAL} within the KPI's usual variation, as nineteen of twenty of its changes are."
    if any(str(cell).strip() == f"– {_USUAL}" for line in lines for cell in line):
        words += "\n– beside it: more than 100 %, which says nothing."
    return words if has_marks(rows) else ""


def why_nothing(company: Company, kpi: CatalogKpi, freq: str) -> str:
    """Why nothing of the KPI is published at a frequency: no data, too early, or all values held."""
    if not kpi.supplied:
        return not_supplied(kpi)
    first = _first_period(kpi, freq)
    if first is not None and not kpi.observes(first):
        return f"its feeds cover it {kpi.observable_days}: no whole {PERIODS[freq]}"
    if first is not None and first.end >= clock.today(company.time_zone):
        looks_back = f" (it looks back {kpi.lookback})" if kpi.lookback else ""
        return f"its first {PERIODS[freq]} is {first.code}, which ends on {first.end}{looks_back}"
    return f"all values are held; `kpi held {kpi.kpi_id}` shows why"


def _first_period(kpi: CatalogKpi, freq: str) -> Period | None:
    """The KPI's first observable period; None where it has no feed."""
    if kpi.observable_from is None:
        return None
    period = period_of(freq, kpi.observable_from)
    return period if period.start >= kpi.observable_from else period.next()


def not_supplied(kpi: CatalogKpi) -> str:
    return f"not supplied, the company has no {', '.join(kpi.missing_entities)}"
