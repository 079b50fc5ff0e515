"""What a person sees of release dates and past values: from rows to tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from rich.console import Console
from rich.text import Text

from metrics.definitions.catalog import Catalog, CatalogKpi, ReleaseDate
from orchestration.cli.formats import number, revision_legend, status_legend
from orchestration.cli.revisions import History, Statistics, Value
from orchestration.cli.tables import Cell, Column, number_column, print_table
from orchestration.cli.terminal import styled


def print_calendar(console: Console, dates: Sequence[ReleaseDate], today: date) -> None:
    """A row for each closing date. Until it closes, a period's values are provisional."""
    columns = [*map(Column, ("closes on", "domain", "period", "ends")), Column("KPIs", wraps=True)]
    rows = [
        [str(one.closes_on), one.domain, one.time_period, _ends(one.period_end, today), ", ".join(one.kpis)]
        for one in dates
    ]
    caption = "Values are provisional until their period closes; on that day it is still open."
    print_table(console, columns, rows, title=f"Closing dates from {today} on", caption=caption)


def _ends(day: date, today: date) -> str:
    wait = (day - today).days
    return "ended" if wait < 0 else "today" if wait == 0 else f"in {wait} day{'s' * (wait != 1)}"


def print_as_of(
    console: Console, catalog: Catalog, day: date, rows: Sequence[Mapping[str, Any]], kpi: CatalogKpi | None
) -> None:
    """Totals with the day since which they were the newest ones; of a KPI no longer adopted, without its unit.

    Of one KPI (`kpi`) the name stands in the title, else in the first column.
    """
    adopted = {one.kpi_id: one for one in catalog.kpis}
    columns = [Column("period"), number_column("value"), *map(Column, ("status", "published on", "version"))]
    lines: list[list[Cell]] = []
    for row in rows:
        entry = adopted.get(row["kpi_id"])
        value = number(row["obs_value"], entry.unit if entry else "", catalog.reporting_currency)
        line: list[Cell] = [
            row["time_period"],
            styled(("suppressed", "dim")) if row["obs_status"] == "Q" else value,
            row["obs_status"],
            str(row["realtime_start"]),
            str(row["definition_version"]),
        ]
        lines.append(line if kpi else [entry.name if entry else row["kpi_id"], *line])
    subject = kpi.name if kpi else catalog.company
    title = f"{subject}: as it stood at the end of {day}"
    if not lines:
        console.print(title, style="bold", highlight=False)
        console.print("Nothing of it had been published by then.")
        return
    columns = columns if kpi else [Column("KPI", wraps=True), *columns]
    print_table(console, columns, lines, title=title, caption=status_legend(row["obs_status"] for row in rows))


def print_triangle(console: Console, catalog: Catalog, kpi: CatalogKpi, histories: Sequence[History]) -> None:
    """A row for each period, a column for its first, second, … published value with day and revision type."""
    count = max((len(one.values) for one in histories), default=1)
    names = [{1: "first", 2: "second", 3: "third"}.get(place, f"{place}th") for place in range(1, count + 1)]
    lines: list[list[Cell]] = []
    for history in histories:
        values = [_published_value(catalog, kpi, value) for value in history.values]
        lines.append([history.time_period, *values, *([""] * (count - len(values)))])
    title = f"{kpi.name}: published values of each period"
    types = [value.revision_type for history in histories for value in history.values]
    columns = [Column("period"), *map(number_column, names)]
    print_table(console, columns, lines, title=title, caption=revision_legend(types))


def _published_value(catalog: Catalog, kpi: CatalogKpi, value: Value) -> Text:
    when = f"{value.realtime_start} {value.revision_type or ''}".rstrip()
    exact = number(value.obs_value, kpi.unit, catalog.reporting_currency, exact=True)
    return styled(f"{exact}\n", (when, "dim"))


def statistics_line(found: Statistics) -> str:
    """The statistics in words."""
    redefined = (
        f" A new definition (R3) changed {found.redefined}; that says nothing of their first values, and isn't counted."
        if found.redefined
        else ""
    )
    if found.mean_revision is None or found.mean_absolute_revision is None:
        return f"No period has a first and a latest value to compare.{redefined}"
    revised = f"{found.revised} of {found.periods} periods revised.{redefined}"
    if not found.revised:
        return revised
    error = "" if found.standard_error is None else f" ± {_size(found.standard_error, found)} (standard error)"
    return (
        f"{revised} Mean revision, the bias of first values: {_size(found.mean_revision, found, sign='+')}{error}; "
        f"mean absolute revision: {_size(found.mean_absolute_revision, found)}."
    )


def _size(value: float, found: Statistics, sign: str = "") -> str:
    return f"{value * 100:{sign}.2f} {'%' if found.relative else 'pp'}"
