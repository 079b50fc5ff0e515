"""The commands that show what waits for a decision, and record one: `kpi held`, `release`, `reject` and `review`."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from metrics import clock
from metrics.catalog import Catalog
from metrics.company import Company
from metrics.errors import NyckeltalError
from metrics.periods import parse
from orchestration.lock import Busy, writing
from orchestration.terminal import console, print_json

if TYPE_CHECKING:  # Delta and Arrow take a third of a second to import; other commands don't need them.
    from data_quality.decisions import Decision

app = typer.Typer()
KpiId = Annotated[str, typer.Argument(metavar="KPI")]
PeriodCodes = Annotated[
    list[str],
    typer.Argument(metavar="PERIOD", help="2026-10, 2026-W48, 2026-Q4 or 2026: the code says which frequency."),
]
Reason = Annotated[str, typer.Option(help="Why. It is published with the decision.")]
By = Annotated[
    str | None,
    typer.Option(help="Who decides, as in roles.yml; else the environment's user. Recorded, not authenticated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


@app.command()
def held(
    kpi_id: Annotated[str | None, typer.Argument(metavar="[KPI]", help="This one's, with all the evidence.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: every key that waits, with its state.")] = False,
) -> None:
    """What is held and waits for a decision, and the evidence: failing checks, published and new value, state of feeds.

    While a run writes the warehouse, it is what the newest release says, without the new values and the feeds.
    """
    company = Company.load()
    catalog = Catalog.read(company)
    kpi = catalog.kpi(kpi_id) if kpi_id is not None else None
    from data_quality.waiting import waiting
    from orchestration import decide_report, published

    try:
        with writing():
            found = waiting(company, catalog)
    except Busy:
        found = published.waiting(company, catalog)
        console(stderr=True).print(f"A run is going on. {decide_report.AS_RELEASED}", soft_wrap=True)
    if kpi is not None:
        found = [one for one in found if one.kpi_id == kpi.kpi_id]
    if as_json:
        print_json([asdict(one) for one in found])
    elif kpi is not None:
        decide_report.evidence(console(), catalog, kpi, found)
    else:
        decide_report.overview(console(), catalog, found)


@app.command()
def release(kpi_id: KpiId, periods: PeriodCodes, reason: Reason, by: By = None, as_json: Json = False) -> None:
    """Publish a held value as it is: a decision on this very candidate, and on the checks that fail now.

    On other content, or when another check fails too, the decision counts for nothing. Of several periods each is
    decided on in turn, up to the first that can't be. roles.yml says who may decide; the name is recorded, not
    authenticated.
    """
    _decide("release", kpi_id, periods, reason, by, as_json)


@app.command()
def reject(kpi_id: KpiId, periods: PeriodCodes, reason: Reason, by: By = None, as_json: Json = False) -> None:
    """Keep a held value out, whatever its checks will say; what was published before stands.

    The decision is on this very candidate: another one is judged anew. Of several periods each is decided on in turn,
    up to the first that can't be. roles.yml says who may decide; the name is recorded, not authenticated.
    """
    _decide("reject", kpi_id, periods, reason, by, as_json)


@app.command()
def review(kpi_id: KpiId, reason: Reason, by: By = None, as_json: Json = False) -> None:
    """Record that a KPI was reviewed (its definition, target and use), and what came of it.

    Its owner may, and those who decide for its domain. The name is recorded, not authenticated.
    """
    _decide("review", kpi_id, [None], reason, by, as_json)


def _decide(
    decision: Decision, kpi_id: str, periods: Sequence[str | None], reason: str, by: str | None, as_json: bool
) -> None:
    company = Company.load()
    catalog = Catalog.read(company)
    catalog.kpi(kpi_id)
    for period in periods:
        if period is not None:
            parse(period)
    by = by or _user()
    from data_quality import decisions
    from orchestration import decide_report

    done = []
    try:
        with writing():
            for period in dict.fromkeys(periods):
                done.append(decisions.decide(company, catalog, decision, kpi_id, period, reason=reason, by=by))
    finally:  # those before one that can't be decided on stand
        if as_json:
            print_json([asdict(one) for one in done])
        else:
            for one in done:
                decide_report.decided(console(), catalog, one, clock.today(company.time_zone))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):
        raise NyckeltalError("the environment names no user", field="--by", expected="who decides") from None
