"""What a person sees of release dates and past values: from rows to Rich."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from rich.table import Table
from rich.text import Text

from metrics.catalog import Catalog, CatalogKpi, ReleaseDate
from orchestration.report import number
from orchestration.revisions import History, Statistics, Value
from orchestration.terminal import styled


def calendar_table(dates: Sequence[ReleaseDate], today: date) -> Table:
    """A row for each closing date; a period that has not ended yet is told in days to its end."""
    table = Table(title=f"Closing dates from {today} on", title_justify="left")
    for column in ("closes on", "domain", "period", "ends", "", "KPIs"):
        table.add_column(column, no_wrap=column != "KPIs")
    for one in dates:
        wait = (one.period_end - today).days + 1
        state = f"ends in {wait} days" if wait > 0 else "ended, open"
        table.add_row(str(one.closes_on), one.domain, one.time_period, str(one.period_end), state, ", ".join(one.kpis))
    return table


def as_of_table(catalog: Catalog, day: date, rows: Sequence[Mapping[str, Any]]) -> Table:
    """Totals with the day since which they were the newest ones; of a KPI no longer adopted, without its unit."""
    kpis = {kpi.kpi_id: kpi for kpi in catalog.kpis}
    table = Table(title=f"{catalog.company}: as it stood on {day}", title_justify="left")
    table.add_column("KPI", no_wrap=True)
    table.add_column("period", no_wrap=True)
    table.add_column("value", justify="right")
    for column in ("status", "published on", "definition"):
        table.add_column(column)
    for row in rows:
        kpi = kpis.get(row["kpi_id"])
        table.add_row(
            kpi.name if kpi else row["kpi_id"],
            row["time_period"],
            number(row["obs_value"], kpi.unit if kpi else "", catalog.reporting_currency),
            row["obs_status"],
            str(row["realtime_start"]),
            f"version {row['definition_version']}",
        )
    if not rows:
        table.caption = "Nothing of it had been published by then."
    return table


def triangle_table(catalog: Catalog, kpi: CatalogKpi, histories: Sequence[History]) -> Table:
    """A row for each period, a column for its first, second, … published value with day and revision type."""
    table = Table(title=f"{kpi.name}: published values of each period", title_justify="left")
    table.add_column("period", no_wrap=True)
    for place in range(1, max((len(one.values) for one in histories), default=1) + 1):
        table.add_column({1: "first", 2: "second", 3: "third"}.get(place, f"{place}th"), justify="right")
    for history in histories:
        table.add_row(history.time_period, *(_published_value(catalog, kpi, value) for value in history.values))
    return table


def _published_value(catalog: Catalog, kpi: CatalogKpi, value: Value) -> Text:
    when = f"{value.realtime_start} {value.revision_type or ''}".rstrip()
    return styled(f"{number(value.obs_value, kpi.unit, catalog.reporting_currency)}\n", (when, "dim"))


def statistics_line(found: Statistics) -> str:
    """The statistics in words."""
    if found.mean_revision is None or found.mean_absolute_revision is None:
        return "No period has a first and a latest value to compare."
    error = "" if found.standard_error is None else f" ± {_size(found.standard_error, found)} (standard error)"
    return (
        f"{found.revised} of {found.periods} periods revised. Mean revision, the bias of first values: "
        f"{_size(found.mean_revision, found, sign='+')}{error}; "
        f"mean absolute revision: {_size(found.mean_absolute_revision, found)}."
    )


def _size(value: float, found: Statistics, sign: str = "") -> str:
    return f"{value * 100:{sign}.2f} {'%' if found.relative else 'pp'}"
