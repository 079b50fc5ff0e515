"""What a person sees of what waits for a decision, and of a decision: from results to Rich."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from rich.console import Console
from rich.text import Text

from data_quality.gate.evidence import Evidence
from data_quality.gate.incidents import Incident
from data_quality.release.decisions import Decided
from data_quality.release.pending import Pending
from data_quality.release.snapshot import FeedState
from metrics.definitions.catalog import Catalog, Key
from orchestration.cli.formats import PERIODS, change, number
from orchestration.cli.tables import Cell, Column, number_column, print_record, print_table, print_with_notes
from orchestration.cli.terminal import DONE, styled

NOT_AUTHENTICATED = "recorded, not authenticated"
AS_RELEASED = "This is what the newest release says; the new values and the feeds' state show when it has ended."
STATES = {
    "decide": "waits for a decision",
    "judge again": "must be built and judged again: no decision helps",
    "rejected": "was rejected",
    "flagged": "is published with a warning",
}
TITLES = {
    "decide": "Releasing it publishes",
    "judge again": "What is there now",
    "rejected": "What was rejected",
    "flagged": "Published with a warning",
}
VALUES_SHOWN, KPIS_NAMED = 12, 4


def overview(
    console: Console, catalog: Catalog, found: Sequence[Incident], by_key: Mapping[Key, Pending], *, others: int = 0
) -> None:
    """The incidents, by what can be done about them; what somebody may decide on comes first.

    `others` are those that aren't shown: they only warn.
    """
    by_state: dict[str, list[Incident]] = {state: [] for state in STATES}
    for incident in found:
        by_state[_state(incident, by_key)].append(incident)
    for state, incidents in by_state.items():
        if incidents:
            print_incidents(console, catalog, STATES[state].capitalize(), incidents, by_key)
    if by_state["decide"]:
        name = by_state["decide"][0].incident_id
        console.print(styled((f"kpi held {name}", "bold"), " shows all the evidence. Decide with"), highlight=False)
        for command in (f"release {name}", f"release {name} --as-new-level", f"reject {name}"):
            console.print(f'  kpi {command} --reason "…" --by …', soft_wrap=True, highlight=False)
    else:
        console.print(styled(("Nothing waits for a decision.", "green")))
    if others:
        told = f"{others} more incident{'s' * (others != 1)} only warn{'s' * (others == 1)}: `kpi held --flags`."
        console.print(told, style="dim", highlight=False)


def print_incidents(
    console: Console, catalog: Catalog, title: str, found: Sequence[Incident], by_key: Mapping[Key, Pending]
) -> None:
    """A row for each incident with the values of its lead, and below it what is wrong and what else it touches."""
    columns = [Column("incident"), Column("since"), *map(number_column, ("published", "candidate", "change"))]
    rows: list[tuple[list[Cell], Text]] = []
    for incident in found:
        one, kpi = by_key[incident.lead.key], incident.lead.kpi
        values = [number(v, kpi.unit, catalog.reporting_currency) for v in (one.published_value, one.candidate_value)]
        difference = change(one.candidate_value, one.published_value, kpi.unit)
        row: list[Cell] = [incident.incident_id, f"{incident.since}", *values, difference]
        rows.append((row, styled(*_told(incident, one), ("\n" + _extent(incident), "dim"))))
    print_with_notes(console, columns, rows, title=title)


def nothing(console: Console, kpi_id: str) -> None:
    """That no incident touches the KPI."""
    console.print(styled((f"Nothing is held for {kpi_id}.", "green")))


def evidence(
    console: Console,
    catalog: Catalog,
    incident: Incident,
    by_key: Mapping[Key, Pending],
    behind: Evidence | None,
) -> None:
    """All that is known of an incident; `behind` is what the warehouse says, None while a run has it."""
    lead, kpi = by_key[incident.lead.key], incident.lead.kpi
    facts: list[tuple[str, Cell]] = [("what", incident.title), ("extent", _extent(incident))]
    if not lead.checks or lead.state == "judge again":
        facts.append(("why", lead.reason))
    facts += _findings(incident, behind)
    for member in behind.members if behind else ():
        before, now = (number(v, kpi.unit, catalog.reporting_currency) for v in (member.before, member.now))
        facts.append((member.segment, f"{member.member}: {now}, {before} in the {PERIODS[lead.freq]} before"))
    for rows in behind.feeds if behind else ():
        usual = f"; {rows.usual_rows:,.0f} in as many days before" if rows.usual_rows is not None else ""
        facts.append(("rows", f"feed {rows.feed}: {rows.rows:,} since {incident.since}{usual}"))
    facts += _feeds(lead.feeds)
    if lead.standing:
        facts.append(("decided", _standing(lead.standing)))
    names = ", ".join(lead.deciders) or f"nobody: roles.yml names none for {kpi.domain}"
    facts.append(("may decide", f"{names} ({NOT_AUTHENTICATED})"))
    print_record(console, f"{incident.incident_id} {STATES[_state(incident, by_key)]}", facts)
    _print_values(console, catalog, incident, by_key, behind)


def _feeds(feeds: Sequence[FeedState]) -> list[tuple[str, Cell]]:
    """How far the feeds are whole: a line for those that are so until one day, and one for each that lacks some."""
    facts: list[tuple[str, Cell]] = []
    until: dict[str, list[FeedState]] = defaultdict(list)
    for feed in feeds:
        if feed.outstanding:
            facts.append(("feed", f"{feed.feed} whole until {feed.watermark or 'nothing yet'}; {feed.outstanding}"))
        else:
            until[f"{feed.watermark or 'nothing yet'}"].append(feed)
    for day, some in until.items():
        came = max((feed.newest_delivery for feed in some if feed.newest_delivery), default=None)
        delivery = f", newest delivery {came:%Y-%m-%d %H:%M}" if came else ""
        named = ", ".join(feed.feed for feed in some)
        facts.append(("feeds" if len(some) > 1 else "feed", f"{named} whole until {day}{delivery}"))
    return facts


def _print_values(
    console: Console, catalog: Catalog, incident: Incident, by_key: Mapping[Key, Pending], behind: Evidence | None
) -> None:
    """What would be published, by KPI and period."""
    columns = [Column("KPI", wraps=True), Column("period"), *map(number_column, ("published", "candidate", "change"))]
    rows: list[list[Cell]] = []
    for one in incident.held or incident.failures:
        found, unit = by_key[one.key], one.kpi.unit
        total = behind.totals.get(one.key) if behind else None
        candidate = total.value if total else found.candidate_value
        values = (
            number(value, unit, catalog.reporting_currency, exact=True) for value in (found.published_value, candidate)
        )
        difference = change(candidate, found.published_value, unit)
        rows.append([one.kpi.name, one.period.code, *values, difference])
    shown, more = rows[:VALUES_SHOWN], len(rows) - VALUES_SHOWN
    title = TITLES[_state(incident, by_key)]
    caption = f"And {more} more; `--json` has them all." if more > 0 else ""
    print_table(console, columns, shown, title=title, caption=caption)


def _findings(incident: Incident, behind: Evidence | None) -> list[tuple[str, Cell]]:
    """Of each check that fails what it finds: of the lead where it fails there, else of the first where it does."""
    told: dict[str, Cell] = {}
    for one in (incident.lead, *incident.failures):
        by_check = dict(behind.findings[one.key]) if behind else {check.check: check.detail for check in one.checks}
        for check in one.checks:
            name = "" if one.kpi.kpi_id == incident.lead.kpi.kpi_id else f"{one.kpi.kpi_id} "
            found = f"{name}{one.period.code}: {by_check.get(check.check) or check.detail or 'fails'}"
            told.setdefault(check.check, found + ("" if check.holds else "; only a warning"))
    return list(told.items())


def _told(incident: Incident, one: Pending) -> list[str]:
    check = incident.lead.main_check
    if one.state == "rejected" and one.standing:
        return [f"{incident.title}; {_standing(one.standing)}"]
    if check is None or one.state == "judge again":
        return [f"{incident.title}: {one.reason}"]
    return [incident.title + (f": {check.detail}" if check.detail else "")]


def _extent(incident: Incident) -> str:
    """How many periods of which KPIs."""
    count, others = len(incident.held or incident.failures), incident.kpi_ids[:KPIS_NAMED]
    more = len(incident.kpi_ids) - len(others)
    named = ", ".join(others) + (f" and {more} more" if more > 0 else "")
    return f"{count} period{'s' * (count != 1)} of {named}"


def _state(incident: Incident, by_key: Mapping[Key, Pending]) -> str:
    """What can be done about it: the first of STATES that one of its periods is in."""
    there = {by_key[one.key].state for one in incident.failures}
    return next(state for state in STATES if state in there)


def decided(console: Console, catalog: Catalog, done: Decided, today: date) -> None:
    """What a decision did."""
    who = f"by {done.decided_by} ({NOT_AUTHENTICATED})"
    codes = ", ".join(code for _, _, code in done.keys)
    name = done.incident_id or f"{done.kpi_id} {codes}".strip()
    count = f"{len(done.keys)} period{'s' * (len(done.keys) != 1)}"
    sequence = done.release.sequence
    if done.decision == "review":
        due = catalog.kpi(done.kpi_id).review_due(today)
        lines = [styled(DONE, f"{name} reviewed {who}; release {sequence}. The next review is due on {due}.")]
    elif done.decision == "acknowledge":
        checks = ", ".join(done.checks)
        lines = [
            styled(DONE, f"{name} acknowledged {who}: {count}."),
            styled(f"  Of these KPIs and frequencies, warnings of {checks} aren't listed for a year."),
        ]
    elif done.decision == "reject":
        lines = [
            styled(DONE, f"{name} rejected {who}: {count}; release {sequence}. What was published before stands."),
            styled("  Another value of the same period is judged anew."),
        ]
    elif done.published:
        checks = f", although these fail: {', '.join(done.checks)}" if done.checks else ""
        lines = [
            styled(DONE, f"{name} released {who}{checks}."),
            styled(f"  {count} in release {sequence}: {done.release.appended_observations:,} new vintages."),
        ]
    else:
        reasons = "; ".join(f"{one.kpi_id} {one.time_period}: {one.reason}" for one in done.release.held)
        lines = [styled(("! ", "yellow"), f"{name}: the decision {who} is recorded, yet there is held: {reasons}")]
    if done.overrides:
        lines.append(styled(f"  Before: {_standing(done.overrides)}"))
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)


def _standing(decision: dict[str, Any]) -> str:
    day = f"{decision['decided_at']:%Y-%m-%d}"
    return f"{decision['decision']} by {decision['decided_by']} on {day}: {decision['reason']}"
