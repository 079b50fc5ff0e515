"""The commands on decisions: `kpi held` shows what waits for one; `release`, `reject` and `acknowledge` record one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from metrics.core import clock
from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.core.periods import Period, parse
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration.cli.options import By, Json, Reason, user
from orchestration.cli.terminal import console, print_json
from orchestration.lock import Busy, writing

if TYPE_CHECKING:  # Delta and Arrow take a third of a second to import
    from data_quality.gate.evidence import Evidence
    from data_quality.gate.incidents import Incident
    from data_quality.release.decisions import Decision

HELP_ORDER = 5
app = typer.Typer()
Named = Annotated[
    str,
    typer.Argument(metavar="INCIDENT | KPI PERIOD...", help="An incident as `kpi held` names it, or a KPI."),
]
PeriodCodes = Annotated[
    list[str] | None,
    typer.Argument(metavar="", help="Of a KPI: 2026-10, 2026-W48, 2026-Q4, 2026, or a range such as 2026-01..2026-03."),
]


@app.command()
def held(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[INCIDENT | KPI]", help="This incident, or this KPI's, with all the evidence."),
    ] = None,
    flags: Annotated[bool, typer.Option("--flags", help="List what was published with a warning, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: every pending period, with its state.")] = False,
) -> None:
    """The incidents that wait for a decision; an incident is everything that is held for one reason.

    For one incident, all the evidence: the values that would be published, the checks' findings, what differs, and who
    may decide. Figures of protected KPIs are read from the warehouse, and stored nowhere.
    While a run is writing the warehouse, the newest release is shown, without the new values and the feeds' state.
    """
    company = Company.load()
    catalog = Catalog.read(company)
    if name is not None and "-" not in name:
        catalog.kpi(name)
    from data_quality.gate import evidence, incidents
    from data_quality.release import pending
    from orchestration.cli.reports import decisions as decision_report
    from publishing import reader

    named_incidents: list[Incident] | None = None
    named_evidence: list[Evidence | None] = []
    try:
        with writing():
            pending_values = pending.pending_values(company, catalog, flagged=True)
            all_incidents = incidents.find(pending.failures(pending_values, catalog), catalog)
            if name is not None:
                named_incidents = _incidents_named(name, all_incidents)
                if not as_json:
                    named_evidence = [evidence.gather(company, catalog, incident) for incident in named_incidents]
    except Busy:
        pending_values = reader.pending_values(company, catalog, flagged=True)
        all_incidents = incidents.find(pending.failures(pending_values, catalog), catalog)
        if name is not None:
            named_incidents = _incidents_named(name, all_incidents)
            named_evidence = [None] * len(named_incidents)
        console(stderr=True).print(f"A run is going on. {decision_report.AS_RELEASED}", soft_wrap=True)
    by_key = {(value.kpi_id, value.freq, value.time_period): value for value in pending_values}
    shown = (
        named_incidents
        if named_incidents is not None
        else [incident for incident in all_incidents if flags or incident.is_held]
    )
    if as_json:
        incident_ids = {failure.key: incident.incident_id for incident in shown for failure in incident.failures}
        keys = [
            key
            for key in by_key
            if key in incident_ids and (flags or named_incidents or by_key[key].state != "flagged")
        ]
        print_json([asdict(by_key[key]) | {"incident_id": incident_ids[key]} for key in keys])
    elif named_incidents is not None:
        for incident, its_evidence in zip(named_incidents, named_evidence, strict=True):
            decision_report.evidence(console(), catalog, incident, by_key, its_evidence)
        if not named_incidents:
            decision_report.nothing(console(), name or "")
    else:
        decision_report.overview(console(), catalog, shown, by_key, not_shown=len(all_incidents) - len(shown))


def _incidents_named(name: str, all_incidents: Sequence[Incident]) -> list[Incident]:
    """The incident with that id, or the incidents of the KPI. Raises NyckeltalError for an unknown id."""
    from data_quality.gate import incidents

    incident = incidents.by_id(name, all_incidents)
    if incident is not None:
        return [incident]
    if "-" in name:
        incident_ids = [incident.incident_id for incident in all_incidents]
        raise NyckeltalError(
            f"no incident '{name}' is open{did_you_mean(name, incident_ids)}",
            expected="one that `kpi held --flags` lists",
        )
    return [incident for incident in all_incidents if name in incident.kpi_ids]


@app.command()
def release(
    name: Named,
    periods: PeriodCodes = None,
    *,
    reason: Reason,
    by: By = None,
    as_new_level: Annotated[
        bool,
        typer.Option(
            "--as-new-level",
            help="Accept each KPI's level from its first held day on: no later period is held for it.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Publish held values as they are: a decision on the present candidates, and on the checks that fail now.

    It covers all that the incident holds, or the named periods of the KPI. It has no effect on other values, or when
    another check fails too. roles.yml says who may decide; the name is recorded, not authenticated.
    """
    _decide("release", name, periods, reason, by, as_json, as_new_level=as_new_level)


@app.command()
def reject(name: Named, periods: PeriodCodes = None, *, reason: Reason, by: By = None, as_json: Json = False) -> None:
    """Don't publish held values, whatever the checks will find; what was published before stays.

    The decision is on the present candidates: other values are judged again. roles.yml says who may decide; the name
    is recorded, not authenticated.
    """
    _decide("reject", name, periods, reason, by, as_json)


@app.command()
def acknowledge(
    name: Named, periods: PeriodCodes = None, *, reason: Reason, by: By = None, as_json: Json = False
) -> None:
    """Record that a warning is known: the same checks of the same KPI aren't listed again for a year.

    The values stay published, with the flag in `kpi.verdicts`. roles.yml says who may; the name is recorded, not
    authenticated.
    """
    _decide("acknowledge", name, periods, reason, by, as_json)


def _decide(
    decision: Decision,
    name: str,
    codes: Sequence[str] | None,
    reason: str,
    by: str | None,
    as_json: bool,
    *,
    as_new_level: bool = False,
) -> None:
    """Record a decision on an incident (no `codes`) or on periods of a KPI, release it, and print what it did."""
    company = Company.load()
    catalog = Catalog.read(company)
    is_incident = not codes
    if not is_incident:
        catalog.kpi(name)
    elif name in {kpi.kpi_id for kpi in catalog.kpis}:
        example = f"`kpi {decision} {name} 2026-10`, or an incident that `kpi held {name}` shows"
        raise NyckeltalError("name an incident, or periods of the KPI", field="period", expected=example)
    if codes and as_new_level:
        raise NyckeltalError("a new level is accepted for an incident: name the incident", field="--as-new-level")
    ranges = [[parse(end) for end in code.split("..")] for code in codes or ()]
    by = user() if by is None else by
    import publishing
    from data_quality.release import decisions
    from orchestration.cli.reports import decisions as decision_report

    with writing(), publishing.published_around("the decision is recorded and released"):
        if is_incident:
            decided = decisions.decide_incident(
                company, catalog, decision, name, reason=reason, by=by, as_new_level=as_new_level
            )
        else:
            state = "flagged" if decision == "acknowledge" else "decide"
            periods = _periods(company, catalog, name, ranges, state)
            decided = decisions.decide(company, catalog, decision, name, *periods, reason=reason, by=by)
    if as_json:
        print_json(asdict(decided))
    else:
        decision_report.decided(console(), catalog, decided, clock.today(company.time_zone))


def _periods(
    company: Company, catalog: Catalog, kpi_id: str, ranges: Sequence[Sequence[Period]], state: str
) -> list[str]:
    """The codes of the periods: each single period, and of each range the periods in that state.

    `ranges` has one period or two ends each. Raises NyckeltalError for a range of two frequencies, or without a period
    in that state.
    """
    from data_quality.release import pending

    codes = []
    for ends in ranges:
        if len(ends) == 1:
            codes.append(ends[0].code)
            continue
        first, *_, last = ends
        range_text = f"{first.code}..{last.code}"
        if len(ends) > 2 or first.freq != last.freq:
            raise NyckeltalError(
                "there is no such range", field="period", found=range_text, expected="a range like 2026-01..2026-03"
            )
        held = [
            pending_value.time_period
            for pending_value in pending.pending_values(company, catalog, flagged=True)
            if pending_value.state == state
            and (pending_value.kpi_id, pending_value.freq) == (kpi_id, first.freq)
            and first.start <= parse(pending_value.time_period).start <= last.start
        ]
        if not held:
            state_word = "flagged" if state == "flagged" else "held"
            raise NyckeltalError(
                f"nothing is {state_word} for {kpi_id} in that range", field="period", found=range_text
            )
        codes += held
    return list(dict.fromkeys(codes))
