"""The commands on opinions: `kpi propose` and `kpi vote`, on adopting a standard KPI or on retiring one in use."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from metrics.core.errors import NyckeltalError
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from metrics.definitions.proposals import Proposal, is_protected
from orchestration.cli.options import Json, user
from orchestration.cli.terminal import console, print_json
from orchestration.lock import writing

HELP_ORDER = 5
app = typer.Typer()
Named = Annotated[str, typer.Argument(metavar="KPI")]
Why = Annotated[str, typer.Option(help="Why. It is published with the opinion.")]
StatedBy = Annotated[
    str | None,
    typer.Option(
        "--by", help="Who states this. Without it, the user who runs the command. Recorded, not authenticated."
    ),
]
Retire = Annotated[bool, typer.Option("--retire", help="It is on retiring a KPI in use, not on adopting one.")]


@app.command()
def propose(kpi_id: Named, reason: Why, by: StatedBy = None, retire: Retire = False, as_json: Json = False) -> None:
    """Propose to adopt a standard KPI, or with --retire to retire one in use.

    It counts as a vote for it, decides nothing, and is published in `kpi.opinions`. `kpi suggest` and `kpi review`
    show what was proposed, with the votes.
    """
    _state("propose", kpi_id, reason, by, retire, True, as_json)


@app.command()
def vote(
    kpi_id: Named,
    reason: Why,
    in_favour: Annotated[
        bool | None, typer.Option("--for/--against", help="In favour of adopting (or retiring) it, or against it.")
    ] = None,
    by: StatedBy = None,
    retire: Retire = False,
    as_json: Json = False,
) -> None:
    """Vote for or against adopting a standard KPI, or with --retire for or against retiring one in use.

    The newest vote of a person counts. It decides nothing, and is published in `kpi.opinions`.
    """
    if in_favour is None:
        raise NyckeltalError("give --for or --against", field="vote")
    _state("vote", kpi_id, reason, by, retire, in_favour, as_json)


def _state(
    kind: Literal["propose", "vote"],
    kpi_id: str,
    reason: str,
    by: str | None,
    retire: bool,
    in_favour: bool,
    as_json: bool,
) -> None:
    """Record a proposal or vote, release it, and print it with the other opinions on the KPI."""
    company = Company.load()
    catalog = Catalog.read(company)
    proposal: Proposal = "retire" if retire else "adopt"
    is_protected(catalog, kpi_id, proposal)  # a misspelt KPI is reported before the ledger's libraries are imported
    import publishing
    from data_quality.release import opinions
    from orchestration.cli.reports import opinions as report
    from publishing.answers import reviews

    with writing(), publishing.published_around("the opinion is recorded and released"):
        opinion = opinions.state(
            company,
            catalog,
            kind,
            kpi_id,
            proposal,
            in_favour=in_favour,
            reason=reason,
            by=user() if by is None else by,
        )
    counted = reviews.opinions(opinion.proposal).get(kpi_id, [])
    if as_json:
        print_json({**asdict(opinion), "opinions": counted})
    else:
        report.print_stated(console(), kind, opinion, counted)
