"""Prints the summary of a run, the status, the catalogue and published values. What needs a decision comes first."""

from __future__ import annotations

import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from metrics.core.deployment import published_path, site_path
from metrics.core.text import short_path
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.company import Company
from orchestration.cli.formats import cell, goal, number, status_legend, target_mark
from orchestration.cli.reports.values.value_cells import (
    changes,
    has_marks,
    not_supplied,
    usual_legend,
    value,
    why_nothing,
)
from orchestration.cli.stage_display import duration
from orchestration.cli.tables import (
    Cell,
    Column,
    natural_width,
    number_column,
    print_record,
    print_table,
    print_with_notes,
)
from orchestration.cli.terminal import styled
from orchestration.run import RunResult

GATE_WORDS = {
    "publish": ("", ""),
    "publish_flagged": ("flagged", "yellow"),
    "hold": ("held", "red"),
    "released": ("released", "yellow"),
}
GATE_LEGEND = {
    "flagged": "published, with a warning of a check",
    "held": "the newest candidate is held; what was published before stays",
    "released": "published by a decision",
}
_WIDE = 130  # characters
INCIDENTS_SHOWN, KPIS_NAMED, OVERDUE_SHOWN = 8, 3, 8  # in the summary; `kpi held` shows all


def run_summary(
    console: Console,
    company: Company,
    result: RunResult,
    rows: Sequence[Mapping[str, Any]],
    incidents: Sequence[Mapping[str, Any]],
) -> None:
    """Print the result of a run: faults, incidents, each KPI's newest value, the release, and how to query values."""
    command = _command()
    held = {held_value.key for held_value in result.release.held}
    verdicts = {
        verdict.key: "hold"
        if verdict.key in held  # the release holds some that passed the gate, as a closed period has changed
        else "released"
        if verdict.verdict == "hold"
        else verdict.verdict
        for verdict in result.verdicts
    }
    console.print()
    _faults(console, result)
    print_incidents(console, company, incidents)
    print_newest(console, company, result.catalog, rows, verdicts)
    release = result.release
    if release.release_id:
        console.print(
            f"Release {release.sequence}: {release.appended_observations:,} new value"
            f"{'s' * (release.appended_observations != 1)}; {len(result.verdicts):,} "
            f"period{'s' * (len(result.verdicts) != 1)} judged. It took {duration(sum(result.seconds.values()))}."
        )
    else:
        console.print(f"Nothing new to publish after release {release.sequence} ({release.unchanged:,} values).")
    for feed in result.feeds:
        for note in feed.notes:
            console.print(styled((f"Feed {feed.feed}: {note}", "dim")))
    console.print("Query the published values (read-only, while runs go on):", style="bold")
    console.print(f'  {command} sql "from kpi.observations limit 10"', soft_wrap=True, highlight=False)
    console.print(f"  BI tools open the DuckDB file {short_path(published_path())}", soft_wrap=True, highlight=False)
    console.print(f"The checks' findings as pages to read: {command} docs", soft_wrap=True, highlight=False)
    if site_path().exists():
        page = styled(("The scorecard:", "bold"), f" {short_path(site_path())} (`{command} open` opens it)")
        console.print(page, soft_wrap=True, highlight=False)


def _command() -> str:
    """How the reader can call `kpi` from the working directory."""
    program = sys.argv[0]
    if Path(program).name != "kpi" or shutil.which("kpi") == program:
        return "kpi"
    return short_path(program)


def scorecard(
    console: Console,
    company: Company,
    catalog: Catalog,
    releases: Sequence[Mapping[str, Any]],
    scores: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    incidents: Sequence[Mapping[str, Any]],
    overdue: Mapping[str, date],
) -> None:
    """Print held incidents, overdue reviews, paused KPIs, newest values, how many are on target, the newest release."""
    print_incidents(console, company, incidents)
    if overdue:
        listed = ", ".join(f"{kpi_id} (since {day})" for kpi_id, day in list(overdue.items())[:OVERDUE_SHOWN])
        more = f" and {len(overdue) - OVERDUE_SHOWN} more" if len(overdue) > OVERDUE_SHOWN else ""
        reminder = styled(("Reviews overdue:", "yellow"), f" {listed}{more}. `kpi review --due` lists them all.")
        console.print(reminder, highlight=False)
        console.print()
    retired = [f"{kpi.kpi_id} ({_retired(kpi)})" for kpi in catalog.kpis if kpi.is_retired]
    if retired:
        console.print(styled(("Retired:", "yellow"), f" {', '.join(retired)}"), highlight=False)
    paused: dict[str, list[str]] = defaultdict(list)
    for kpi in catalog.live:
        if kpi.paused:
            paused[kpi.paused].append(kpi.kpi_id)
    for reason, kpi_ids in paused.items():
        console.print(styled(("Paused:", "yellow"), f" {', '.join(kpi_ids)}, because {reason}"), highlight=False)
    print_newest(console, company, catalog, rows, {}, {score["kpi_id"]: score["held"] for score in scores})
    statuses = Counter(score["status"] for score in scores)
    console.print(", ".join(f"{count:,} {status}" for status, count in statuses.most_common()) + ".", highlight=False)
    if releases:
        newest = releases[0]
        published_at = newest["published_at"].astimezone(ZoneInfo(company.time_zone))
        console.print(f"Release {newest['sequence']} of {published_at:%Y-%m-%d %H:%M} ({company.time_zone}).")


def print_query(console: Console, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print the rows of a query: NULL is empty, and floating-point numbers are short.

    Rows wider than the console are printed with a line per column.
    """
    cells = [[cell(value) for value in row] for row in rows]
    columns = []
    for place, name in enumerate(names):
        is_number = any(isinstance(row[place], int | float | Decimal) for row in rows)
        columns.append(number_column(name) if is_number else Column(name))
    if natural_width(columns, cells) <= console.width:
        print_table(console, columns, cells)
    else:
        for count, row in enumerate(cells, 1):
            print_record(console, f"row {count:,}", list(zip(names, row, strict=True)))
    console.print(f"{len(rows):,} row{'s' * (len(rows) != 1)}", style="dim", highlight=False)


def print_newest(
    console: Console,
    company: Company,
    catalog: Catalog,
    rows: Sequence[Mapping[str, Any]],
    verdicts: Mapping[Any, str],
    held: Mapping[str, int] | None = None,
) -> None:
    """Print each KPI's newest published value by objective, and that at its target's frequency where this differs.

    `rows` are the newest published totals of each KPI and frequency; `verdicts` are the verdicts of a run, by key;
    `held` has the number of held periods by KPI. A wide console has the rolling twelve months and the owner, too.
    """
    is_wide = console.width >= _WIDE
    columns = [
        Column("KPI", wraps=True),
        Column("period"),
        Column("value", justify="right", wraps=True),
        number_column("change"),
        number_column("a year ago"),
        number_column("target"),
        Column("status"),
        *([Column("gate")] if verdicts else []),
        *([number_column("12 months"), Column("owner")] if is_wide else []),
    ]
    newest = {(row["kpi_id"], row["freq"]): row for row in rows}
    lines: list[list[Cell]] = []
    without: list[str] = []
    order = list(catalog.objectives)
    named = None
    for kpi in sorted(
        catalog.live, key=lambda kpi: order.index(kpi.objective) if kpi.objective in order else len(order)
    ):
        shown = [newest[kpi.kpi_id, freq] for freq in kpi.shown_freqs if (kpi.kpi_id, freq) in newest]
        if shown and kpi.objective != named:
            named, objective = kpi.objective, catalog.objectives.get(kpi.objective)
            heading = styled((objective.name if objective else kpi.objective, "bold"))
            lines.append([heading, *[""] * (len(columns) - 1)])
        for place, row in enumerate(shown):
            lines.append(_newest_line(catalog, kpi, row, "" if place else kpi.name, marks=has_marks(rows)))
            if verdicts:
                lines[-1].append(_gate_word(verdicts.get((kpi.kpi_id, row["freq"], row["time_period"]), "publish")))
            if not place and held and held.get(kpi.kpi_id):
                lines[-1][6] = styled(row["obs_status"], (f" {held[kpi.kpi_id]:,} held", "red"))
            if is_wide:
                rolling = number(row["rolling_12_months"], kpi.unit, catalog.reporting_currency)
                lines[-1] += [rolling, "" if place else kpi.owner]
        if not shown:
            without.append(f"  {kpi.name}: {why_nothing(company, kpi, kpi.main_freq)}")
    title = f"{catalog.company}: newest published values"
    is_narrow = natural_width(columns, lines) > console.width
    statuses = {str(line[6])[:1] for line in lines}
    caption = status_legend(statuses - {"A"}, "Beside the value") if is_narrow else status_legend(statuses)
    if any(str(line[5]).startswith("~") for line in lines):
        caption += "\nTarget: ✓ reached, ~ at risk: missed by no more than the tolerance, ✗ missed."
    gate = {str(line[7]) for line in lines} if verdicts else set()
    meanings = "; ".join(f"{word} {meaning}" for word, meaning in GATE_LEGEND.items() if word in gate)
    caption += f"\nGate: {meanings}." if meanings else ""
    caption += "\nHeld: the number of periods that wait for a decision." if held and any(held.values()) else ""
    caption += usual_legend(rows, lines)
    if is_narrow:  # two tables of all KPIs, one below the other, can't be read
        columns = [*columns[:4], columns[5], *columns[7:]]
        lines = [[*_with_status(line)[:4], line[5], *line[7:]] for line in lines]
        caption += "\nA wider terminal shows the change on a year ago, too."
    else:  # of a year both changes are the same one: it is said once
        lines = [[*line[:3], "", *line[4:]] if len(str(line[1])) == len("2026") else line for line in lines]
    print_table(console, columns, lines, title=title, caption=caption.strip())
    if without:
        console.print("Nothing published yet:", style="bold")
        for line in without:
            console.print(line, highlight=False)
    console.print()


def _newest_line(catalog: Catalog, kpi: CatalogKpi, row: Mapping[str, Any], name: str, *, marks: bool) -> list[Cell]:
    currency = catalog.reporting_currency
    stated = goal(row["target"], row["target_to"], kpi.unit, currency, with_unit=False)
    against: Cell = styled(target_mark(row["target_status"]), f" {stated}") if stated else ""
    return [
        name,
        row["time_period"],
        value(row, kpi, catalog),
        *changes(row, kpi, currency, marks=marks),
        against,
        row["obs_status"],
    ]


def _with_status(line: Sequence[Cell]) -> list[Cell]:
    """The line, with the status beside the value unless it is normal: a narrow console has no room for a column."""
    status = "" if str(line[6]) == "A" else line[6]
    return [*line[:2], styled(line[2], " ", status) if status else line[2], *line[3:]]


def _gate_word(verdict: str) -> Text:
    return styled(GATE_WORDS.get(verdict, (verdict, "default")))


def print_catalog(console: Console, catalog: Catalog) -> None:
    """Print the adopted KPIs by domain, and whether their input is supplied."""
    rows: list[tuple[list[Cell], Text]] = []
    for kpi in catalog.kpis:
        cut = f"by {', '.join(kpi.segments)}" if kpi.segments else "total only"
        note = [styled((f"{kpi.level}; {kpi.unit}; {cut}; {kpi.owner}", "dim"))]
        if kpi.is_retired:
            note.append(styled((f"; retired {_retired(kpi)}", "yellow")))
        if not kpi.supplied:
            note.append(styled((f"; {not_supplied(kpi)}", "yellow")))
        rows.append(([kpi.kpi_id, kpi.name, kpi.domain, " ".join(kpi.freqs)], styled(*note)))
    columns = [Column("KPI"), Column("name", wraps=True), Column("domain"), Column("freqs")]
    print_with_notes(console, columns, rows, title=f"{catalog.company}: {len(catalog.kpis)} KPIs")


def _retired(kpi: CatalogKpi) -> str:
    """Since when a retired KPI isn't used, and what replaces it."""
    if kpi.retired is None:
        return ""
    return f"on {kpi.retired.on}" + (f", replaced by {kpi.retired.replaced_by}" if kpi.retired.replaced_by else "")


def print_incidents(console: Console, company: Company, incidents: Sequence[Mapping[str, Any]]) -> None:
    """Print a row for each incident that holds something, and who may decide. `incidents` are of `kpi.incidents`."""
    held = [incident for incident in incidents if incident["state"] == "held"]
    flagged = len(incidents) - len(held)
    rows: list[tuple[list[Cell], str]] = []
    for incident in held[:INCIDENTS_SHOWN]:
        kpis = incident["kpis"].split(", ")
        kpi_names = (
            incident["kpis"]
            if len(kpis) <= KPIS_NAMED
            else f"{', '.join(kpis[:KPIS_NAMED])} and {len(kpis) - KPIS_NAMED} more"
        )
        rows.append(
            (
                [incident["incident_id"], f"{incident['since']}", f"{incident['periods_held']:,}", kpi_names],
                f"{incident['title']}. {_deciders(company, incident['domain'])}",
            )
        )
    if rows:
        periods = sum(incident["periods_held"] for incident in held)
        title = f"Held: {len(held):,} incident{'s' * (len(held) != 1)}, {periods:,} period{'s' * (periods != 1)}"
        columns = [Column("incident"), Column("since"), number_column("periods"), Column("KPIs", wraps=True)]
        print_with_notes(console, columns, rows, title=title)
        more = len(held) - len(rows)
        rest = f"And {more:,} more. " if more > 0 else ""
        console.print(f"{rest}`kpi held` shows the values and what can be decided.", style="dim", highlight=False)
    else:
        console.print(styled(("Nothing is held.", "green")))
    if flagged:
        verb = "is only a warning" if flagged == 1 else "are only warnings"
        text = f"{flagged:,} incident{'s' * (flagged != 1)} of the whole history {verb}: `kpi held --flags`."
        console.print(text, style="dim", highlight=False)
    console.print()


def _deciders(company: Company, domain: str) -> str:
    deciders = company.roles.deciders(domain)
    return (
        f"{' or '.join(deciders)} may decide." if deciders else f"roles.yml names nobody who may decide for {domain}."
    )


def _faults(console: Console, result: RunResult) -> None:
    """Print the KPIs that could not be built, and the feeds with faulty files or rejected rows."""
    not_built: dict[str, list[str]] = defaultdict(list)
    for kpi_id, reason in result.build_failures.items():
        not_built[reason].append(kpi_id)
    for reason, kpi_ids in not_built.items():
        console.print(styled(("Not built:", "red"), f" {', '.join(kpi_ids)}: {reason}"))
    for feed in result.feeds:
        if feed.outstanding:
            console.print(styled((f"Feed {feed.feed}:", "red"), f" {feed.outstanding}"))
        if feed.rows_rejected:
            rows = f" {feed.rows_rejected:,} rows rejected (the reasons are in raw._rejected)"
            console.print(styled((f"Feed {feed.feed}:", "yellow"), rows))
