"""What a person sees on the terminal: tables and lines, from results to Rich."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from metrics import clock
from metrics.catalog import Catalog, CatalogKpi
from metrics.company import published_path
from orchestration.run import RunResult
from orchestration.terminal import styled

CLOSED = "the period closed on"
VERDICT_STYLES = {"publish": "green", "publish_flagged": "yellow", "hold": "red", "released": "yellow"}


def number(value: float | None, unit: str, currency: str) -> str:
    """A value as a person reads it: 12.3 %, 4,712,000 SEK, 3.42 hours."""
    if value is None:
        return "–"
    if unit == "fraction":
        return f"{value * 100:.1f} %"
    digits = 0 if abs(value) >= 1000 or unit in ("count", "persons") else 2
    label = {"currency": f" {currency}", "count": "", "ratio": "", "persons": ""}.get(unit, f" {unit}")
    return f"{value:,.{digits}f}{label}"


def change(value: float | None, previous: float | None, unit: str) -> str:
    """The change against the period before: percentage points for a share, per cent for anything else."""
    if value is None or previous is None:
        return "–"
    if unit == "fraction":
        return f"{(value - previous) * 100:+.1f} pp"
    return f"{(value / previous - 1) * 100:+.1f} %" if previous else "–"


def run_summary(console: Console, result: RunResult, rows: Sequence[Mapping[str, Any]]) -> None:
    """After a run: each KPI's newest month, what was held and why, the feeds' faults, seconds, where to connect."""
    refused = {one.key for one in result.release.held}
    verdicts = {
        one.key: "released" if one.verdict == "hold" and one.key not in refused else one.verdict
        for one in result.verdicts
    }
    console.print(newest_table(result.catalog, rows, verdicts))
    _held(console, result)
    _faults(console, result)
    release = result.release
    if release.release_id:
        console.print(
            f"Release {release.sequence}: {release.appended_observations:,} new vintages of {release.published:,} "
            f"judged periods; {release.unchanged:,} values unchanged."
        )
    else:
        console.print(f"Nothing new to publish; release {release.sequence} stands ({release.unchanged:,} values).")
    seconds = Table(title="Seconds", title_justify="left", box=None, pad_edge=False)
    seconds.add_column("stage")
    seconds.add_column("s", justify="right")
    for stage, spent in result.seconds.items():
        seconds.add_row(stage, f"{spent:.1f}")
    seconds.add_row("all", f"{sum(result.seconds.values()):.1f}", style="bold")
    console.print(seconds)
    command = sys.argv[0] if Path(sys.argv[0]).name == "kpi" else "kpi"
    console.print("Query the published values (read-only, while runs go on):", style="bold")
    console.print(f'  {command} sql "from kpi.observations limit 10"', soft_wrap=True, highlight=False)
    console.print(f"  BI tools open the DuckDB file {published_path()}", soft_wrap=True, highlight=False)
    console.print(f"What the checks found, as pages to read: {command} docs", soft_wrap=True, highlight=False)


def plain_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """The rows of any query, as they are; NULL is left empty."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, caption=f"{len(rows):,} rows", caption_justify="left")
    for index, name in enumerate(names):
        is_number = any(isinstance(row[index], int | float | Decimal) for row in rows)
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    return table


def newest_table(catalog: Catalog, rows: Sequence[Mapping[str, Any]], verdicts: Mapping[Any, str]) -> Table:
    """Each KPI with its newest published month: value, change, target, status, verdict."""
    table = Table(title=f"{catalog.company}: newest month published", title_justify="left")
    table.add_column("KPI", no_wrap=True)
    table.add_column("month", no_wrap=True)
    table.add_column("value", justify="right")
    table.add_column("change", justify="right")
    table.add_column("target", justify="right")
    table.add_column("")
    table.add_column("status")
    table.add_column("verdict" if verdicts else "")
    by_kpi = {row["kpi_id"]: row for row in rows}
    for kpi in catalog.kpis:
        row = by_kpi.get(kpi.kpi_id)
        if row is None:
            state = "nothing published" if kpi.supplied else f"not supplied: {', '.join(kpi.missing_entities)}"
            table.add_row(kpi.name, "", "", "", "", "", "", state, style="dim")
            continue
        verdict = verdicts.get((kpi.kpi_id, row["freq"], row["time_period"]), "")
        table.add_row(
            kpi.name,
            row["time_period"],
            number(row["obs_value"], kpi.unit, catalog.reporting_currency),
            change(row["obs_value"], row["previous_value"], kpi.unit),
            number(row["target"], kpi.unit, catalog.reporting_currency) if row["target"] is not None else "",
            attained(kpi, row["obs_value"], row["freq"]),
            row["obs_status"],
            styled((verdict, VERDICT_STYLES.get(verdict, "default"))),
        )
    return table


def attained(kpi: CatalogKpi, value: float | None, freq: str) -> Text:
    """A mark that says whether the target is reached."""
    reached = kpi.attained(value, freq)
    return styled("" if reached is None else ("✓", "green") if reached else ("✗", "red"))


def series_table(catalog: Catalog, kpi: CatalogKpi, rows: Sequence[Mapping[str, Any]], segment: str | None) -> Table:
    """The values of one KPI: a row per period, a column per member."""
    members = sorted({row["member"] for row in rows})
    target = "" if kpi.target is None else f"; target {number(kpi.target, kpi.unit, catalog.reporting_currency)}"
    table = Table(
        title=f"{kpi.name}{target}",
        title_justify="left",
        caption=f"{kpi.description}\nOwner {kpi.owner}; definition version {kpi.definition_version}.",
        caption_justify="left",
    )
    table.add_column("period")
    cells = {(row["time_period"], row["member"]): row for row in rows}
    for member in members:
        table.add_column("value" if member == "_T" else "unknown" if member == "_U" else member, justify="right")
    if segment is None:
        for column in ("change", "a year ago", ""):
            table.add_column(column, justify="right")
    table.add_column("status")
    for period in dict.fromkeys(row["time_period"] for row in rows):
        found = [cells.get((period, member)) for member in members]
        line: list[str | Text] = [_cell(row, kpi, catalog) for row in found]
        first = next(row for row in found if row is not None)
        if segment is None:
            value = first["obs_value"]
            line += [
                change(value, first["previous_value"], kpi.unit),
                change(value, first["year_ago_value"], kpi.unit),
                attained(kpi, value, first["freq"]),
            ]
        table.add_row(period, *line, " ".join(dict.fromkeys(row["obs_status"] for row in found if row)))
    return table


def status(
    console: Console,
    catalog: Catalog,
    releases: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    held: Sequence[Mapping[str, Any]],
) -> None:
    """The newest release, each KPI's newest month, and what the gate holds."""
    console.print(newest_table(catalog, rows, {}))
    if releases:
        newest = releases[0]
        console.print(f"Release {newest['sequence']} of {newest['published_at']:%Y-%m-%d %H:%M %Z}.")
    found = [(row["kpi_id"], row["time_period"], row["reason"]) for row in held]
    console.print(held_table(found) if found else styled(("Nothing is held.", "green")))


def overdue_reviews(catalog: Catalog, reviewed: Mapping[str, datetime], time_zone: str) -> dict[str, date]:
    """By KPI the day by which its owner should have reviewed it, where that day has passed."""
    zone, today = ZoneInfo(time_zone), clock.today(time_zone)
    due = {
        kpi.kpi_id: kpi.review_due(reviewed[kpi.kpi_id].astimezone(zone).date())
        for kpi in catalog.kpis
        if kpi.kpi_id in reviewed
    }
    return {kpi_id: day for kpi_id, day in due.items() if day < today}


def _cell(row: Mapping[str, Any] | None, kpi: CatalogKpi, catalog: Catalog) -> str | Text:
    if row is None:
        return ""
    if row["obs_status"] == "Q":
        return styled(("suppressed", "dim"))
    return number(row["obs_value"], kpi.unit, catalog.reporting_currency)


def catalog_table(catalog: Catalog) -> Table:
    """The adopted KPIs, and whether their input is supplied."""
    table = Table(title=f"{catalog.company}: {len(catalog.kpis)} KPIs", title_justify="left")
    for column in ("domain", "KPI", "level", "unit", "freqs", "segments", "owner", "input"):
        table.add_column(column)
    for kpi in catalog.kpis:
        state = ("supplied", "green") if kpi.supplied else (f"lacks {', '.join(kpi.missing_entities)}", "dim")
        freqs, segments = " ".join(kpi.freqs), ", ".join(kpi.segments)
        table.add_row(kpi.domain, kpi.kpi_id, kpi.level, kpi.unit, freqs, segments, kpi.owner, styled(state))
    return table


def held_table(held: Sequence[tuple[str, str, str]]) -> Table:
    """What is held: a row for each KPI and kind of reason, from (KPI id, period, reason)."""
    periods: dict[tuple[str, str], list[str]] = defaultdict(list)
    newest: dict[tuple[str, str], str] = {}
    for kpi_id, period, reason in held:
        kind = (kpi_id, reason.split(":")[0].split(" ")[0])
        periods[kind].append(period)
        newest[kind] = reason
    caption = "`kpi held` shows the evidence, and what can be decided"
    table = Table(title="Held back", title_justify="left", caption=caption, caption_justify="left")
    table.add_column("KPI", no_wrap=True)
    table.add_column("periods")
    table.add_column("why (the newest of them)")
    for kind, codes in periods.items():
        whole = CLOSED in newest[kind]  # one reason in two parts; checks come one after the other
        first, *others = [newest[kind]] if whole else newest[kind].split("; ")
        table.add_row(kind[0], _shortened(codes), first + (f" (and {len(others)} more)" if others else ""))
    return table


def _held(console: Console, result: RunResult) -> None:
    held = [(one.kpi_id, one.time_period, one.reason) for one in result.release.held]
    console.print(held_table(held) if held else styled(("Nothing was held back.", "green")))


def _faults(console: Console, result: RunResult) -> None:
    for kpi_id, reason in result.build_failures.items():
        console.print(styled(("Not built:", "red"), f" {kpi_id}: {reason}"))
    for feed in result.feeds:
        if feed.outstanding:
            console.print(styled((f"Feed {feed.feed}:", "red"), f" {feed.outstanding}"))
        if feed.rows_set_aside:
            rows = f" {feed.rows_set_aside:,} rows set aside (raw._set_aside says why)"
            console.print(styled((f"Feed {feed.feed}:", "yellow"), rows))
        for note in feed.notes:
            console.print(styled((f"Feed {feed.feed}: {note}", "dim")))


def _shortened(periods: Iterable[str]) -> str:
    ordered = sorted(periods)
    return ", ".join(ordered) if len(ordered) <= 4 else f"{ordered[0]}, {ordered[1]}, … {ordered[-1]} ({len(ordered)})"
