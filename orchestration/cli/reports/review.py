"""Prints what a review of a KPI looks at, and the list of reviews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from metrics.definitions.catalog import CatalogKpi
from orchestration.cli.formats import NOT_AUTHENTICATED, PERIODS, target_legend, target_mark
from orchestration.cli.tables import Cell, Column, number_column, print_record, print_table
from orchestration.cli.terminal import styled
from publishing.language import Language, language
from publishing.statuses import TARGET_SOURCES

_BARS = "▁▂▃▄▅▆▇█"
_BARS_SHOWN, _VALUES_SHOWN, _LISTED = 24, 6, 5
_CADENCES = {"monthly": "reviewed every month", "quarterly": "reviewed every quarter"}


def print_review(terminal: Console, kpi: CatalogKpi, facts: Mapping[str, Any], currency: str, words: Language) -> None:
    """Print the facts of `publishing.reviews.review`, and how a review is recorded."""
    t = words.t
    direction = t("unit {unit}, direction {direction}", unit=t(facts["unit"]), direction=t(facts["direction"]))
    fields: list[tuple[str, Cell]] = [
        ("means", facts["description"]),
        ("formula", f"{facts['formula']}; {direction}, {t(facts['type'] or '–')}"),
        ("serves", f"{facts['objective']} ({t(facts['level'])}); {t('Owner').lower()} {facts['owner']}"),
        *_target(kpi, facts, currency, words),
        *_initiatives(facts["initiatives"], words),
        *_retirement(facts, words),
        ("reviewed", _reviewed(facts["review"], words, is_retired=kpi.is_retired)),
        ("on target", _attainment(facts["attainment"], words)),
        ("revised", _revisions(facts["revisions"], words)),
        *(
            (f"{'relevance' if not place else ''}", styled((f"! {text}", "yellow")))
            for place, text in enumerate(facts["relevance"])
        ),
        *_leads_to(facts["leads_to"]),
        *_incidents(facts["incidents"], words),
        *_decisions(facts["decisions"], words),
        *votes(facts["opinions_on_retiring"], "retiring it", words),
    ]
    named = [(t(name) if name else "", value) for name, value in fields]
    print_record(terminal, f"{facts['name']} ({facts['kpi_id']})", named)
    _print_values(terminal, kpi, facts, currency, words)
    if not kpi.is_retired:
        command = f'  kpi review {kpi.kpi_id} --outcome keep|change|retire --reason "…" --by …'
        terminal.print(styled((t("Record the review:"), "bold")))
        terminal.print(command, soft_wrap=True, highlight=False)


def votes(
    opinions: Sequence[Mapping[str, Any]], question: str, words: Language | None = None
) -> list[tuple[str, Cell]]:
    """The lines of a record that say who is for and against; none without opinions."""
    if not opinions:
        return []
    t = (words or language("en")).t
    in_favour = sum(opinion["in_favour"] for opinion in opinions)
    counts = {"in_favour": in_favour, "against": len(opinions) - in_favour, "question": t(question)}
    said = t("{in_favour} for and {against} against {question}", **counts)
    fields: list[tuple[str, Cell]] = [("votes", f"{said} ({t(NOT_AUTHENTICATED)})")]
    for opinion in opinions:
        side = t("for" if opinion["in_favour"] else "against")
        fields.append(("", f"{side}: {opinion['stated_by']}, {opinion['stated_on']}: {opinion['reason']}"))
    return fields


def print_due(terminal: Console, rows: Sequence[Mapping[str, Any]], words: Language) -> None:
    """Print the rows of `publishing.reviews.due`."""
    lines: list[list[Cell]] = []
    t = words.t
    for row in rows:
        late = row["days_overdue"]
        days = words.count(abs(late), "day", "days")
        due = styled((t("{days} overdue", days=days), "yellow")) if late > 0 else t("in {days}", days=days)
        due = t("today") if late == 0 else due
        last = f"{row['reviewed_on']} {t(row['outcome'] or '')}".strip() if row["reviewed_on"] else t("never")
        lines.append([row["kpi_id"], f"{row['due_on']}", due, row["owner"], last])
    columns = [Column(t(name)) for name in ("KPI", "due on", "", "owner", "last review")]
    caption = (
        "A KPI without a review is due a month or quarter after its first publication. `kpi review KPI` shows what to"
        " look at."
    )
    print_table(
        terminal,
        columns,
        lines,
        title=t("Reviews, the soonest due first"),
        caption=t(caption),
    )


def _target(kpi: CatalogKpi, facts: Mapping[str, Any], currency: str, words: Language) -> list[tuple[str, Cell]]:
    """The target of the newest period, from where it is at risk, its source and rationale."""
    t = words.t
    if kpi.target is None:
        return [("target", t("none: {reason}", reason=kpi.target_note))]
    shown = words.target(kpi.target, kpi.target_to, kpi.unit, currency)
    if kpi.target_by_period and facts["target_period"] and facts["target"] is not None:
        value = words.value(facts["target"], kpi.unit, currency)
        shown = t("{target} for {period}; it varies", target=value, period=words.period(facts["target_period"]))
    elif kpi.target_freq:
        shown += f" {t(f'a {PERIODS[kpi.target_freq]}')}"
    if kpi.target_tolerance is not None:
        tolerance = words.value(kpi.target_tolerance, kpi.unit, currency)
        shown += f"; {t('at risk within {tolerance} of it', tolerance=tolerance)}"
    reasons = [kpi.target_rationale] if kpi.target_rationale else []
    reasons += [t(TARGET_SOURCES[kpi.target_source])] if kpi.target_source else []
    return [("target", shown), *([("", "; ".join(reasons))] if reasons else [])]


def _initiatives(initiatives: Sequence[Mapping[str, Any]], words: Language) -> list[tuple[str, Cell]]:
    t = words.t
    return [
        (
            "" if place else "initiatives",
            f"{row['name']} ({t(row['state'])}, {t('{since} to {until}', since=row['since'], until=row['until'])}),"
            f" {row['owner']}",
        )
        for place, row in enumerate(initiatives)
    ]


def _retirement(facts: Mapping[str, Any], words: Language) -> list[tuple[str, Cell]]:
    fields: list[tuple[str, Cell]] = []
    t = words.t
    if facts["retired_on"]:
        by = f"; {t('replaced by {name}', name=facts['replaced_by'])}" if facts["replaced_by"] else ""
        said = t("on {day}: {reason}", day=facts["retired_on"], reason=facts["retired_reason"])
        fields.append(("retired", f"{said}{by}"))
    for row in facts["replaces"]:
        said = "{kpi}, retired on {day}; its history stays published"
        fields.append(("replaces", t(said, kpi=row["kpi_id"], day=row["retired_on"])))
    return fields


def _reviewed(review: Mapping[str, Any], words: Language, *, is_retired: bool) -> Cell:
    t = words.t
    cadence = "" if is_retired else f"; {t(_CADENCES.get(review['review'], review['review']))}"
    due = f", {t('due on {day}', day=review['due_on'])}" if review["due_on"] else ""
    if not review["reviewed_on"]:
        return f"{t('never')}{due}{cadence}"
    outcome = f" ({t(review['outcome'])})" if review["outcome"] else ""
    days = t("today")
    if review["days_since"]:
        days = t("{days} ago", days=words.count(review["days_since"], "day", "days"))
    by = t("by {name}", name=review["reviewed_by"])
    return f"{review['reviewed_on']}, {days}, {by}{outcome}: {review['reason']}{due}{cadence}"


def _attainment(attainment: Mapping[str, int], words: Language) -> str:
    if not attainment["compared"]:
        return words.t("never compared with a target")
    return words.t(
        "{met_in_year} of {compared_in_year} periods in the past year; {met} of {compared} in all", **attainment
    )


def _revisions(revisions: Mapping[str, int], words: Language) -> str:
    totals = words.count(revisions["revised"], "total", "totals")
    if not revisions["revised"]:
        return words.t("no total in the past year")
    said = "{totals} in the past year, {after} of them after closing"
    return words.t(said, totals=totals, after=revisions["after_closing"])


def _leads_to(answer: Mapping[str, Any] | None) -> list[tuple[str, Cell]]:
    if answer is None:
        return []
    is_doubtful = answer["verdict"] == "leads nothing"
    return [("moves before", styled((f"! {answer['text']}", "yellow")) if is_doubtful else answer["text"])]


def _incidents(incidents: Sequence[Mapping[str, Any]], words: Language) -> list[tuple[str, Cell]]:
    t = words.t
    if not incidents:
        return [("incidents", t("none in the past year"))]
    fields: list[tuple[str, Cell]] = [
        ("" if place else "incidents", f"{row['incident_id']} ({t(row['state'])}): {row['title']}")
        for place, row in enumerate(incidents[:_LISTED])
    ]
    more = len(incidents) - _LISTED
    return [*fields, ("", t("and {count} more", count=more))] if more > 0 else fields


def _decisions(decisions: Sequence[Mapping[str, Any]], words: Language) -> list[tuple[str, Cell]]:
    fields: list[tuple[str, Cell]] = []
    t = words.t
    for row in decisions:
        what = " ".join(t(word) for word in (row["decision"], row["outcome"]) if word)
        what += f" {words.period(row['time_period'])}" if row["time_period"] else ""
        text = t("{what} by {name} on {day}", what=what, name=row["decided_by"], day=row["decided_on"])
        text += f": {row['reason']}"
        fields.append(("" if fields else "decisions", text))
    return fields


def _print_values(terminal: Console, kpi: CatalogKpi, facts: Mapping[str, Any], currency: str, words: Language) -> None:
    """Print the newest values as a table, and below it a sparkline of a longer history."""
    values, t = facts["values"], words.t
    if not values:
        terminal.print(t("Nothing is published."), highlight=False)
        return
    rows: list[list[Cell]] = []
    for row in values[-_VALUES_SHOWN:]:
        hidden = row["obs_status"] == "Q"
        value = styled((t("suppressed"), "dim")) if hidden else words.value(row["obs_value"], kpi.unit, currency)
        changes = [
            words.change(row[name], kpi.change_kind, kpi.unit, currency)
            for name in ("change_previous", "change_year_ago")
        ]
        ends = [end for end in (row["target"], row["target_to"]) if end is not None]
        stated = " – ".join(words.value(end, kpi.unit, currency, with_unit=False) for end in ends)
        against = styled(target_mark(row["target_status"]), f" {stated}") if stated else ""
        rows.append([row["time_period"], value, *changes, against, row["obs_status"]])
    numbers = [number_column(t(name)) for name in ("value", "vs period before", "vs year ago", "target")]
    columns = [Column(t("period")), *numbers, Column(t("status"))]
    shown = values[-_BARS_SHOWN:]
    said = t("The past {count} {periods}:", count=len(shown), periods=t(f"{PERIODS[facts['freq']]}s"))
    caption = f"{said} {sparkline([row['obs_value'] for row in shown])}"
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
