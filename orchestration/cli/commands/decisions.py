"""The commands that show what waits for a decision, and record one: `kpi held`, `release`, `reject`, `acknowledge` and
`review`."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from metrics.core import clock
from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.core.periods import Period, parse
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration.cli.terminal import console, print_json
from orchestration.lock import Busy, writing

if TYPE_CHECKING:  # Delta and Arrow take a third of a second to import; other commands don't need them.
    from data_quality.gate.incidents import Incident
    from data_quality.release.decisions import Decision

app = typer.Typer()
Named = Annotated[
    str,
    typer.Argument(metavar="INCIDENT | KPI PERIOD...", help="An incident as `kpi held` names it, or a KPI."),
]
PeriodCodes = Annotated[
    list[str] | None,
    typer.Argument(metavar="", help="Of a KPI: 2026-10, 2026-W48, 2026-Q4, 2026, or a range such as 2026-01..2026-03."),
]
Reason = Annotated[str, typer.Option(help="Why. It is published with the decision.")]
By = Annotated[
    str | None,
    typer.Option(help="Who decides, as in roles.yml; else the environment's user. Recorded, not authenticated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


@app.command()
def held(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[INCIDENT | KPI]", help="This incident, or this KPI's, with all the evidence."),
    ] = None,
    flags: Annotated[bool, typer.Option("--flags", help="List what was published with a warning, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: every key that waits, with its state.")] = False,
) -> None:
    """What is held and waits for a decision, by reason: an incident is all that is held for one.

    Of one incident, all the evidence: the values that would be published, what the checks found, what differs, and who
    may decide. Of protected KPIs the figures are read from the warehouse, and stored nowhere.
    While a run writes the warehouse, it is what the newest release says, without the new values and the feeds.
    """
    company = Company.load()
    catalog = Catalog.read(company)
    if name is not None and "-" not in name:
        catalog.kpi(name)
    from data_quality.gate import evidence, incidents
    from data_quality.release import pending
    from orchestration.cli import decide_report
    from publishing import reader

    shown, behind = None, None
    try:
        with writing():
            found = pending.pending_values(company, catalog, flagged=True)
            grouped = incidents.find(pending.failures(found, catalog), catalog)
            if name is not None:
                shown = _named(name, grouped)
                behind = [evidence.gather(company, catalog, one) for one in shown] if not as_json else None
    except Busy:
        found = reader.pending_values(company, catalog, flagged=True)
        grouped = incidents.find(pending.failures(found, catalog), catalog)
        shown = _named(name, grouped) if name is not None else None
        console(stderr=True).print(f"A run is going on. {decide_report.AS_RELEASED}", soft_wrap=True)
    listed = [one for one in (grouped if shown is None else shown) if shown is not None or flags or one.is_held]
    by_key = {(one.kpi_id, one.freq, one.time_period): one for one in found}
    if as_json:
        named = {failure.key: one.incident_id for one in listed for failure in one.failures}
        keys = [key for key in by_key if key in named and (flags or shown or by_key[key].state != "flagged")]
        print_json([asdict(by_key[key]) | {"incident_id": named[key]} for key in keys])
    elif shown is not None:
        for place, one in enumerate(shown):
            decide_report.evidence(console(), catalog, one, by_key, behind[place] if behind else None)
        if not shown:
            decide_report.nothing(console(), name or "")
    else:
        decide_report.overview(console(), catalog, listed, by_key, others=len(grouped) - len(listed))


def _named(name: str, grouped: Sequence[Incident]) -> list[Incident]:
    """The incident of that id, or those of the KPI. Raises NyckeltalError for an id of none."""
    from data_quality.gate import incidents

    one = incidents.of(name, grouped)
    if one is not None:
        return [one]
    if "-" in name:
        known = [incident.incident_id for incident in grouped]
        raise NyckeltalError(
            f"no incident '{name}' is open{did_you_mean(name, known)}", expected="see `kpi held --flags`"
        )
    return [incident for incident in grouped if name in incident.kpi_ids]


@app.command()
def release(
    name: Named,
    periods: PeriodCodes = None,
    *,
    reason: Reason,
    by: By = None,
    as_new_level: Annotated[
        bool,
        typer.Option("--as-new-level", help="From its first day on this is the level: no later period is held for it."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Publish what is held as it is: a decision on these very candidates, and on the checks that fail now.

    Of an incident, all that it holds; of a KPI, the periods named. On other content, or when another check fails too,
    the decision counts for nothing. roles.yml says who may decide; the name is recorded, not authenticated.
    """
    _decide("release", name, periods, reason, by, as_json, as_new_level=as_new_level)


@app.command()
def reject(name: Named, periods: PeriodCodes = None, *, reason: Reason, by: By = None, as_json: Json = False) -> None:
    """Keep out what is held, whatever its checks will say; what was published before stands.

    The decision is on these very candidates: other ones are judged anew. roles.yml says who may decide; the name is
    recorded, not authenticated.
    """
    _decide("reject", name, periods, reason, by, as_json)


@app.command()
def acknowledge(
    name: Named, periods: PeriodCodes = None, *, reason: Reason, by: By = None, as_json: Json = False
) -> None:
    """Say that a warning is known: the same checks of the same KPI aren't listed again for a year.

    The values stay published, with the flag in `kpi.verdicts`. roles.yml says who may; the name is recorded, not
    authenticated.
    """
    _decide("acknowledge", name, periods, reason, by, as_json)


@app.command()
def review(
    kpi_id: Annotated[str, typer.Argument(metavar="KPI")], reason: Reason, by: By = None, as_json: Json = False
) -> None:
    """Record that a KPI was reviewed (its definition, target and use), and what came of it.

    Its owner may, and those who decide for its domain. The name is recorded, not authenticated.
    """
    _decide("review", kpi_id, None, reason, by, as_json)


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
    company = Company.load()
    catalog = Catalog.read(company)
    is_incident = decision != "review" and not codes
    if not is_incident:
        catalog.kpi(name)
    elif name in {kpi.kpi_id for kpi in catalog.kpis}:
        example = f"`kpi {decision} {name} 2026-10`, or an incident that `kpi held {name}` shows"
        raise NyckeltalError("say which incident, or which periods of the KPI", field="period", expected=example)
    if codes and as_new_level:
        raise NyckeltalError("a new level is what an incident shows: name the incident", field="--as-new-level")
    ranges = [[parse(end) for end in code.split("..")] for code in codes or ()]
    by = by or _user()
    import publishing
    from data_quality.release import decisions
    from orchestration.cli import decide_report

    with writing():
        publishing.publish()  # what an interrupted decision left undone
        if is_incident:
            done = decisions.settle(company, catalog, decision, name, reason=reason, by=by, as_new_level=as_new_level)
        else:
            state = "flagged" if decision == "acknowledge" else "decide"
            periods = _periods(company, catalog, name, ranges, state)
            done = decisions.decide(company, catalog, decision, name, *periods, reason=reason, by=by)
        publishing.publish()
    if as_json:
        print_json(asdict(done))
    else:
        decide_report.decided(console(), catalog, done, clock.today(company.time_zone))


def _periods(
    company: Company, catalog: Catalog, kpi_id: str, ranges: Sequence[Sequence[Period]], state: str
) -> list[str]:
    """The codes of the periods meant; of a range, of those in it that are in that state.

    Raises NyckeltalError for a range of two frequencies, or in which nothing is.
    """
    from data_quality.release import pending

    codes = []
    for ends in ranges:
        if len(ends) == 1:
            codes.append(ends[0].code)
            continue
        first, *_, last = ends
        told = f"{first.code}..{last.code}"
        if len(ends) > 2 or first.freq != last.freq:
            raise NyckeltalError(
                "there is no such range", field="period", found=told, expected="one like 2026-01..2026-03"
            )
        held = [
            one.time_period
            for one in pending.pending_values(company, catalog, flagged=True)
            if one.state == state
            and (one.kpi_id, one.freq) == (kpi_id, first.freq)
            and first.start <= parse(one.time_period).start <= last.start
        ]
        if not held:
            what = "flagged" if state == "flagged" else "held"
            raise NyckeltalError(f"nothing is {what} for {kpi_id} in that range", field="period", found=told)
        codes += held
    return list(dict.fromkeys(codes))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):
        raise NyckeltalError("the environment names no user", field="--by", expected="who decides") from None
