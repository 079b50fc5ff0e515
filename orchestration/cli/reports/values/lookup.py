"""Prints release dates and past values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from rich.console import Console
from rich.text import Text

from metrics.definitions.catalog import Catalog, CatalogKpi, ReleaseDate
from orchestration.cli.formats import number, revision_legend, status_legend
from orchestration.cli.reports.values.revisions import History, Statistics, Value
from orchestration.cli.tables import Cell, Column, natural_width, number_column, print_table
from orchestration.cli.terminal import styled


def print_calendar(console: Console, dates: Sequence[ReleaseDate], today: date) -> None:
    """Print a row for each closing date. A period's values are provisional until it closes."""
    columns = [*map(Column, ("closes on", "domain", "period", "ends")), Column("KPIs", wraps=True)]
    rows = [
        [
            str(release_date.closes_on),
            release_date.domain,
            release_date.time_period,
            _ends(release_date.period_end, today),
            ", ".join(release_date.kpis),
        ]
        for release_date in dates
    ]
    caption = "Values are provisional until their period closes, at the end of that day."
    print_table(console, columns, rows, title=f"Closing dates from {today} on", caption=caption)


def _ends(day: date, today: date) -> str:
    """When a period ends, in words."""
    days_left = (day - today).days
    return "ended" if days_left < 0 else "today" if days_left == 0 else f"in {days_left} day{'s' * (days_left != 1)}"


def print_as_of(
    console: Console, catalog: Catalog, day: date, rows: Sequence[Mapping[str, Any]], kpi: CatalogKpi | None
) -> None:
    """Print totals, each with the day since which it had been the newest value.

    With `kpi`, its name is in the title, else names are in the first column. Values of a KPI that is no longer adopted
    have no unit.
    """
    adopted = {adopted_kpi.kpi_id: adopted_kpi for adopted_kpi in catalog.kpis}
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
    """Print a row for each period, with columns for its first, second, … published value, day and revision type."""
    count = max((len(history.values) for history in histories), default=1)
    names = [{1: "first", 2: "second", 3: "third"}.get(place, f"{place}th") for place in range(1, count + 1)]

    def lines(between: str) -> list[list[Cell]]:
        """The rows; what stands between a value and its day is a space, or a new line where that is too wide."""
        return [
            [
                history.time_period,
                *(_published_value(catalog, kpi, value, between) for value in history.values),
                *([""] * (count - len(history.values))),
            ]
            for history in histories
        ]

    title = f"{kpi.name}: published values of each period"
    types = [value.revision_type for history in histories for value in history.values]
    columns = [Column("period"), *map(number_column, names)]
    is_wide = natural_width(columns, lines("  ")) > console.width
    shown = lines("\n" if is_wide else "  ")
    print_table(console, columns, shown, title=title, caption=revision_legend(types))


def _published_value(catalog: Catalog, kpi: CatalogKpi, value: Value, between: str) -> Text:
    when = f"{value.realtime_start} {value.revision_type or ''}".rstrip()
    exact = number(value.obs_value, kpi.unit, catalog.reporting_currency, exact=True)
    return styled(f"{exact}{between}", (when, "dim"))


def statistics_line(statistics: Statistics) -> str:
    """The statistics in words."""
    redefined = (
        f" A new definition (R3) changed {statistics.redefined}; this isn't counted, because it is no error of a first"
        " value."
        if statistics.redefined
        else ""
    )
    if statistics.mean_revision is None or statistics.mean_absolute_revision is None:
        return f"No period has a first and a latest value to compare.{redefined}"
    revised = f"{statistics.revised} of {statistics.periods} periods revised.{redefined}"
    if not statistics.revised:
        return revised
    error = (
        ""
        if statistics.standard_error is None
        else f" ± {_size(statistics.standard_error, statistics)} (standard error)"
    )
    mean_revision = _size(statistics.mean_revision, statistics, sign="+")
    mean_absolute_revision = _size(statistics.mean_absolute_revision, statistics)
    return (
        f"{revised} Mean revision, the bias of first values: {mean_revision}{error}; "
        f"mean absolute revision: {mean_absolute_revision}."
    )


def _size(value: float, statistics: Statistics, sign: str = "") -> str:
    return f"{value * 100:{sign}.2f} {'%' if statistics.relative else 'pp'}"
