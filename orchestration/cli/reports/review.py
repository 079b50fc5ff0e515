"""Prints what a review of a KPI looks at, and the list of reviews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from metrics.definitions.catalog import CatalogKpi
from orchestration.cli.formats import (
    NOT_AUTHENTICATED,
    PERIODS,
    change,
    goal,
    number,
    target,
    target_legend,
    target_mark,
)  # fmt: skip
from orchestration.cli.tables import Cell, Column, number_column, print_record, print_table
from orchestration.cli.terminal import styled

_BARS = "▁▂▃▄▅▆▇█"
_BARS_SHOWN, _VALUES_SHOWN, _LISTED = 24, 6, 5
_CADENCES = {"monthly": "every month", "quarterly": "every quarter"}


def print_review(terminal: Console, kpi: CatalogKpi, facts: Mapping[str, Any], currency: str) -> None:
    """Print the facts of `publishing.reviews.review`, and how a review is recorded."""
    fields: list[tuple[str, Cell]] = [
        ("means", facts["description"]),
        (
            "formula",
            f"{facts['formula']}; unit {facts['unit']}, direction {facts['direction']}, {facts['type'] or '–'}",
        ),
        ("serves", f"{facts['objective']} ({facts['level']}); owner {facts['owner']}"),
        *_target(kpi, facts, currency),
        *_initiatives(facts["initiatives"]),
        *_retirement(facts),
        ("reviewed", _reviewed(facts["review"], is_retired=kpi.is_retired)),
        ("on target", _attainment(facts["attainment"])),
        ("revised", _revisions(facts["revisions"])),
        *(
            (f"{'relevance' if not place else ''}", styled((f"! {text}", "yellow")))
            for place, text in enumerate(facts["relevance"])
        ),
        *_leads_to(facts["leads_to"]),
        *_incidents(facts["incidents"]),
        *_decisions(facts["decisions"]),
        *votes(facts["opinions_on_retiring"], "retiring it"),
    ]
    print_record(terminal, f"{facts['name']} ({facts['kpi_id']})", fields)
    _print_values(terminal, kpi, facts, currency)
    if not kpi.is_retired:
        command = f'  kpi review {kpi.kpi_id} --outcome keep|change|retire --reason "…" --by …'
        terminal.print(styled(("Record the review:", "bold")))
        terminal.print(command, soft_wrap=True, highlight=False)


def votes(opinions: Sequence[Mapping[str, Any]], question: str) -> list[tuple[str, Cell]]:
    """The lines of a record that say who is for and against; none without opinions."""
    if not opinions:
        return []
    in_favour = sum(opinion["in_favour"] for opinion in opinions)
    fields: list[tuple[str, Cell]] = [
        ("votes", f"{in_favour} for and {len(opinions) - in_favour} against {question} ({NOT_AUTHENTICATED})")
    ]
    for opinion in opinions:
        side = "for" if opinion["in_favour"] else "against"
        fields.append(("", f"{side}: {opinion['stated_by']}, {opinion['stated_on']}: {opinion['reason']}"))
    return fields


def print_due(terminal: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the rows of `publishing.reviews.due`."""
    lines: list[list[Cell]] = []
    for row in rows:
        late = row["days_overdue"]
        due = styled((f"{late} days overdue", "yellow")) if late > 0 else "today" if late == 0 else f"in {-late} days"
        last = f"{row['reviewed_on']} {row['outcome'] or ''}".strip() if row["reviewed_on"] else "never"
        lines.append([row["kpi_id"], f"{row['due_on']}", due, row["owner"], last])
    columns = [Column("KPI"), Column("due on"), Column(""), Column("owner"), Column("last review")]
    print_table(
        terminal,
        columns,
        lines,
        title="Reviews, the soonest due first",
        caption="A KPI without a review is due a month or quarter after its first publication. `kpi review KPI` shows"
        " what to look at.",
    )


def _target(kpi: CatalogKpi, facts: Mapping[str, Any], currency: str) -> list[tuple[str, Cell]]:
    """The target of the newest period, from where it is at risk, its source and rationale."""
    if kpi.target is None:
        return [("target", f"none: {kpi.target_note}")]
    shown = target(kpi, currency, value=facts["target"], period=facts["target_period"])
    if kpi.target_tolerance is not None:
        shown += f"; at risk within {number(kpi.target_tolerance, kpi.unit, currency)} of it"
    reasons = [kpi.target_rationale] if kpi.target_rationale else []
    reasons += [f"source: {kpi.target_source}"] if kpi.target_source else []
    return [("target", shown), *([("", "; ".join(reasons))] if reasons else [])]


def _initiatives(initiatives: Sequence[Mapping[str, Any]]) -> list[tuple[str, Cell]]:
    return [
        (
            "" if place else "initiatives",
            f"{row['name']} ({row['state']}, {row['since']} to {row['until']}), {row['owner']}",
        )
        for place, row in enumerate(initiatives)
    ]


def _retirement(facts: Mapping[str, Any]) -> list[tuple[str, Cell]]:
    fields: list[tuple[str, Cell]] = []
    if facts["retired_on"]:
        by = f"; {facts['replaced_by']} replaces it" if facts["replaced_by"] else ""
        fields.append(("retired", f"on {facts['retired_on']}: {facts['retired_reason']}{by}"))
    for row in facts["replaces"]:
        fields.append(("replaces", f"{row['kpi_id']}, retired on {row['retired_on']}; its history stays published"))
    return fields


def _reviewed(review: Mapping[str, Any], *, is_retired: bool) -> Cell:
    cadence = "" if is_retired else f"; reviewed {_CADENCES.get(review['review'], review['review'])}"
    due = f", due on {review['due_on']}" if review["due_on"] else ""
    if not review["reviewed_on"]:
        return f"never{due}{cadence}"
    outcome = f" ({review['outcome']})" if review["outcome"] else ""
    days = f"{review['reviewed_on']}, {review['days_since']} days ago"
    return f"{days}, by {review['reviewed_by']}{outcome}: {review['reason']}{due}{cadence}"


def _attainment(attainment: Mapping[str, int]) -> str:
    if not attainment["compared"]:
        return "never compared with a target"
    year = f"{attainment['met_in_year']} of {attainment['compared_in_year']} periods in the past year"
    return f"{year}; {attainment['met']} of {attainment['compared']} in all"


def _revisions(revisions: Mapping[str, int]) -> str:
    if not revisions["revised"]:
        return "no total in the past year"
    return f"{revisions['revised']} totals in the past year, {revisions['after_closing']} of them after closing"


def _leads_to(answer: Mapping[str, Any] | None) -> list[tuple[str, Cell]]:
    if answer is None:
        return []
    is_doubtful = answer["verdict"] == "leads nothing"
    return [("leads", styled((f"! {answer['text']}", "yellow")) if is_doubtful else answer["text"])]


def _incidents(incidents: Sequence[Mapping[str, Any]]) -> list[tuple[str, Cell]]:
    if not incidents:
        return [("incidents", "none in the past year")]
    fields: list[tuple[str, Cell]] = [
        ("" if place else "incidents", f"{row['incident_id']} ({row['state']}): {row['title']}")
        for place, row in enumerate(incidents[:_LISTED])
    ]
    more = len(incidents) - _LISTED
    return [*fields, ("", f"and {more} more")] if more > 0 else fields


def _decisions(decisions: Sequence[Mapping[str, Any]]) -> list[tuple[str, Cell]]:
    fields: list[tuple[str, Cell]] = []
    for row in decisions:
        what = " ".join(word for word in (row["decision"], row["outcome"], row["time_period"]) if word)
        text = f"{what} by {row['decided_by']} on {row['decided_on']}: {row['reason']}"
        fields.append(("" if fields else "decisions", text))
    return fields


def _print_values(terminal: Console, kpi: CatalogKpi, facts: Mapping[str, Any], currency: str) -> None:
    """Print the newest values as a table, and below it a sparkline of a longer history."""
    values = facts["values"]
    if not values:
        terminal.print("Nothing is published.", highlight=False)
        return
    rows: list[list[Cell]] = []
    for row in values[-_VALUES_SHOWN:]:
        value = (
            styled(("suppressed", "dim")) if row["obs_status"] == "Q" else number(row["obs_value"], kpi.unit, currency)
        )
        changes = [change(row[name], kpi, currency) for name in ("change_previous", "change_year_ago")]
        stated = goal(row["target"], row["target_to"], kpi.unit, currency, with_unit=False)
        against = styled(target_mark(row["target_status"]), f" {stated}") if stated else ""
        rows.append([row["time_period"], value, *changes, against, row["obs_status"]])
    columns = [Column("period"), *map(number_column, ("value", "change", "a year ago", "target")), Column("status")]
    shown = values[-_BARS_SHOWN:]
    caption = f"The past {len(shown)} {PERIODS[facts['freq']]}s: {sparkline([row['obs_value'] for row in shown])}"
    caption += target_legend(row["target_status"] for row in values[-_VALUES_SHOWN:])
    print_table(terminal, columns, rows, caption=f"{caption}\n")


def sparkline(values: Sequence[float | None]) -> str:
    """The values as bars from the least to the greatest; a dot for one that is suppressed or missing."""
    known = [value for value in values if value is not None]
    low, span = min(known, default=0.0), max(known, default=0.0) - min(known, default=0.0)
    steps = len(_BARS) - 1
    return "".join(
        "·" if value is None else _BARS[round((value - low) / span * steps) if span else steps // 2] for value in values
    )
