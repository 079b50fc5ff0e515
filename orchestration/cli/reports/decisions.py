"""Prints incidents that wait for a decision, their evidence, and the result of a decision."""

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
from orchestration.cli.formats import NOT_AUTHENTICATED, PERIODS, change_between, number
from orchestration.cli.tables import Cell, Column, number_column, print_record, print_table, print_with_notes
from orchestration.cli.terminal import DONE, styled

AS_RELEASED = "This is the state of the newest release; new values and the feeds' state are shown after the run."
STATES = {
    "decide": "waits for a decision",
    "judge again": "must be built and judged again: a decision can't release it",
    "rejected": "was rejected",
    "flagged": "is published with a warning",
}
TITLES = {
    "decide": "Releasing it publishes",
    "judge again": "Present values",
    "rejected": "Rejected",
    "flagged": "Published with a warning",
}
VALUES_SHOWN, KPIS_NAMED = 12, 4


def overview(
    console: Console,
    catalog: Catalog,
    incidents: Sequence[Incident],
    by_key: Mapping[Key, Pending],
    *,
    not_shown: int = 0,
) -> None:
    """Print the incidents by state; those that wait for a decision come first.

    `by_key` has the pending values of all incidents. `not_shown` is the number of incidents that are left out because
    they hold nothing.
    """
    by_state: dict[str, list[Incident]] = {state: [] for state in STATES}
    for incident in incidents:
        by_state[_state(incident, by_key)].append(incident)
    for state, state_incidents in by_state.items():
        if state_incidents:
            title, has_candidates = STATES[state].capitalize(), state != "flagged"
            print_incidents(console, catalog, title, state_incidents, by_key, has_candidates=has_candidates)
    if by_state["decide"]:
        name = by_state["decide"][0].incident_id
        console.print(styled((f"kpi held {name}", "bold"), " shows all the evidence. Decide with"), highlight=False)
        for command in (f"release {name}", f"release {name} --as-new-level", f"reject {name}"):
            console.print(f'  kpi {command} --reason "…" --by …', soft_wrap=True, highlight=False)
    else:
        console.print(styled(("Nothing waits for a decision.", "green")))
    if not_shown:
        verb = "is only a warning" if not_shown == 1 else "are only warnings"
        more = " more" if incidents else ""
        text = f"{not_shown}{more} incident{'s' * (not_shown != 1)} {verb}: `kpi held --flags`."
        console.print(text, style="dim", highlight=False)


def print_incidents(
    console: Console,
    catalog: Catalog,
    title: str,
    incidents: Sequence[Incident],
    by_key: Mapping[Key, Pending],
    *,
    has_candidates: bool,
) -> None:
    """Print a row for each incident with the values of its lead, and below it the reason and the periods.

    `has_candidates`: they hold values that differ from the published ones; of a warning both are the same.
    """
    names = ("published", "candidate", "change") if has_candidates else ("published",)
    columns = [Column("incident", wraps=True), Column("since"), *map(number_column, names)]
    rows: list[tuple[list[Cell], Text]] = []
    for incident in incidents:
        pending_value, kpi = by_key[incident.lead.key], incident.lead.kpi
        published, candidate = pending_value.published_value, pending_value.candidate_value
        values = [number(value, kpi.unit, catalog.reporting_currency) for value in (published, candidate)]
        difference = change_between(candidate, published, kpi, catalog.reporting_currency)
        row: list[Cell] = [incident.incident_id, f"{incident.since}", *[*values, difference][: len(names)]]
        rows.append((row, styled(_reason(catalog, incident, pending_value), ("\n" + _extent(incident), "dim"))))
    print_with_notes(console, columns, rows, title=title)


def nothing(console: Console, kpi_id: str) -> None:
    """Print that the KPI has no incident."""
    console.print(styled((f"Nothing is held for {kpi_id}.", "green")))


def evidence(
    console: Console,
    catalog: Catalog,
    incident: Incident,
    by_key: Mapping[Key, Pending],
    from_warehouse: Evidence | None,
) -> None:
    """Print an incident with all its evidence.

    `from_warehouse` is the evidence that the warehouse has (None while a run is writing the warehouse).
    """
    pending_value, kpi = by_key[incident.lead.key], incident.lead.kpi
    total = from_warehouse.totals.get(incident.lead.key) if from_warehouse else None
    value = total.value if total else pending_value.candidate_value
    fields: list[tuple[str, Cell]] = [("what", _title(catalog, incident, value)), ("extent", _extent(incident))]
    if not pending_value.checks or pending_value.state == "judge again":
        fields.append(("why", pending_value.reason))
    fields += _findings(incident, from_warehouse)
    for member in from_warehouse.members if from_warehouse else ():
        before, now = (number(value, kpi.unit, catalog.reporting_currency) for value in (member.before, member.now))
        fields.append((member.segment, f"{member.member}: {now}, {before} in the {PERIODS[pending_value.freq]} before"))
    for feed in from_warehouse.feeds if from_warehouse else ():
        usual = f"; {feed.usual_rows:,.0f} in as many days before" if feed.usual_rows is not None else ""
        fields.append(("rows", f"feed {feed.feed}: {feed.rows:,} since {incident.since}{usual}"))
    fields += _feeds(pending_value.feeds)
    if pending_value.standing:
        fields.append(("decided", _standing(pending_value.standing)))
    names = ", ".join(pending_value.deciders) or f"nobody: roles.yml names none for {kpi.domain}"
    fields.append(("may decide", f"{names} ({NOT_AUTHENTICATED})"))
    print_record(console, f"{incident.incident_id} {STATES[_state(incident, by_key)]}", fields)
    _print_values(console, catalog, incident, by_key, from_warehouse)


def _feeds(feeds: Sequence[FeedState]) -> list[tuple[str, Cell]]:
    """Up to which day the feeds are complete: a line for all feeds with the same day, and one for each faulty feed."""
    fields: list[tuple[str, Cell]] = []
    complete_until: dict[str, list[FeedState]] = defaultdict(list)
    for feed in feeds:
        if feed.outstanding:
            fields.append(("feed", f"{feed.feed} {_complete(feed)}; {feed.outstanding}"))
        else:
            complete_until[_complete(feed)].append(feed)
    for completeness, same_day_feeds in complete_until.items():
        newest = max((feed.newest_delivery for feed in same_day_feeds if feed.newest_delivery), default=None)
        delivery = f", newest delivery {newest:%Y-%m-%d %H:%M}" if newest else ""
        feed_names = ", ".join(feed.feed for feed in same_day_feeds)
        fields.append(("feeds" if len(same_day_feeds) > 1 else "feed", f"{feed_names} {completeness}{delivery}"))
    return fields


def _complete(feed: FeedState) -> str:
    return f"complete until {feed.watermark}" if feed.watermark else "complete for no day yet"


def _print_values(
    console: Console,
    catalog: Catalog,
    incident: Incident,
    by_key: Mapping[Key, Pending],
    from_warehouse: Evidence | None,
) -> None:
    """Print the values that would be published, by KPI and period."""
    columns = [Column("KPI", wraps=True), Column("period"), *map(number_column, ("published", "candidate", "change"))]
    rows: list[list[Cell]] = []
    for failure in incident.held or incident.failures:
        pending_value, kpi = by_key[failure.key], failure.kpi
        total = from_warehouse.totals.get(failure.key) if from_warehouse else None
        published, candidate = pending_value.published_value, total.value if total else pending_value.candidate_value
        values = (number(value, kpi.unit, catalog.reporting_currency, exact=True) for value in (published, candidate))
        difference = change_between(candidate, published, kpi, catalog.reporting_currency)
        rows.append([kpi.name, failure.period.code, *values, difference])
    shown, more = rows[:VALUES_SHOWN], len(rows) - VALUES_SHOWN
    title = TITLES[_state(incident, by_key)]
    caption = f"And {more} more; `--json` has them all." if more > 0 else ""
    print_table(console, columns, shown, title=title, caption=caption)


def _findings(incident: Incident, from_warehouse: Evidence | None) -> list[tuple[str, Cell]]:
    """The finding of each failing check, for the incident's lead if it fails there, else for the first failure."""
    findings: dict[str, Cell] = {}
    for failure in (incident.lead, *incident.failures):
        by_check = {check.check: check.detail for check in failure.checks}
        if from_warehouse:
            by_check = dict(from_warehouse.findings[failure.key])
        for check in failure.checks:
            name = "" if failure.kpi.kpi_id == incident.lead.kpi.kpi_id else f"{failure.kpi.kpi_id} "
            finding = f"{name}{failure.period.code}: {by_check.get(check.check) or check.detail or 'fails'}"
            findings.setdefault(check.check, finding + ("" if check.holds else "; only a warning"))
    return list(findings.items())


def _reason(catalog: Catalog, incident: Incident, pending_value: Pending) -> str:
    """Why the incident is held; `pending_value` is the value of its lead."""
    check, title = incident.lead.main_check, _title(catalog, incident, pending_value.candidate_value)
    if pending_value.state == "rejected" and pending_value.standing:
        return f"{title}; {_standing(pending_value.standing)}"
    if check is None or pending_value.state == "judge again":
        return f"{title}: {pending_value.reason}"
    return title + (f": {check.detail}" if check.detail else "")


def _title(catalog: Catalog, incident: Incident, value: float | None) -> str:
    """The incident's title after the value of its lead: "Net revenue 2026-04 is 451,311 SEK: the value is …"."""
    if value is None:
        return incident.title
    kpi, period = incident.lead.kpi, incident.lead.period
    is_about_value = incident.title.startswith(f"{kpi.name}: ")
    rest = incident.title.removeprefix(f"{kpi.name}")
    shown = number(value, kpi.unit, catalog.reporting_currency)
    return f"{kpi.name} {period.code} is {shown}{rest if is_about_value else f'. {rest}'}"


def _extent(incident: Incident) -> str:
    """The number of periods, and the KPIs: "12 periods of net_revenue, cac"."""
    count, named_kpis = len(incident.held or incident.failures), incident.kpi_ids[:KPIS_NAMED]
    more = len(incident.kpi_ids) - len(named_kpis)
    text = ", ".join(named_kpis) + (f" and {more} more" if more > 0 else "")
    return f"{count} period{'s' * (count != 1)} of {text}"


def _state(incident: Incident, by_key: Mapping[Key, Pending]) -> str:
    """The state of the incident: the first of STATES that one of its periods has."""
    states = {by_key[failure.key].state for failure in incident.failures}
    return next(state for state in STATES if state in states)


def decided(console: Console, catalog: Catalog, outcome: Decided, today: date) -> None:
    """Print the result of a decision."""
    decider = f"by {outcome.decided_by} ({NOT_AUTHENTICATED})"
    codes = ", ".join(code for _, _, code in outcome.keys)
    name = outcome.incident_id or f"{outcome.kpi_id} {codes}".strip()
    count = f"{len(outcome.keys)} period{'s' * (len(outcome.keys) != 1)}"
    sequence = outcome.release.sequence
    if outcome.decision == "review":
        kpi = catalog.kpi(outcome.kpi_id)
        reviewed = f"{name} reviewed {decider}: {outcome.outcome}; release {sequence}."
        lines = [styled(DONE, f"{reviewed} The next review is due on {kpi.review_due(today)}.")]
        if outcome.outcome == "retire" and not kpi.is_retired:
            lines.append(styled(f"  It stays in use until `kpi retire {kpi.kpi_id}`."))
    elif outcome.decision == "acknowledge":
        checks = ", ".join(outcome.checks)
        lines = [
            styled(DONE, f"{name} acknowledged {decider}: {count}."),
            styled(f"  Warnings of {checks} on these KPIs and frequencies aren't listed for a year."),
        ]
    elif outcome.decision == "reject":
        lines = [
            styled(DONE, f"{name} rejected {decider}: {count}; release {sequence}. What was published before stays."),
            styled("  Another value of the same period is judged again."),
        ]
    elif outcome.published:
        checks = f", although these fail: {', '.join(outcome.checks)}" if outcome.checks else ""
        lines = [
            styled(DONE, f"{name} released {decider}{checks}."),
            styled(f"  {count} in release {sequence}: {outcome.release.appended_observations:,} new values."),
        ]
    else:
        reasons = "; ".join(f"{held.kpi_id} {held.time_period}: {held.reason}" for held in outcome.release.held)
        lines = [styled(("! ", "yellow"), f"{name}: the decision {decider} is recorded, but still held: {reasons}")]
    if outcome.overrides:
        lines.append(styled(f"  Before: {_standing(outcome.overrides)}"))
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)


def _standing(decision: dict[str, Any]) -> str:
    """The decision in force, in words."""
    day = f"{decision['decided_at']:%Y-%m-%d}"
    return f"{decision['decision']} by {decision['decided_by']} on {day}: {decision['reason']}"
