"""The command on reviews: `kpi review` shows what a review looks at, records a review, and lists due reviews."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from metrics.core import clock
from metrics.core.errors import NyckeltalError
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration.cli.options import By, Json, Lang, user
from orchestration.cli.terminal import console, print_json
from orchestration.lock import writing

HELP_ORDER = 5
app = typer.Typer()
_NEXT_SHOWN = 8


class Outcome(StrEnum):
    """What a review decides."""

    KEEP = "keep"
    CHANGE = "change"
    RETIRE = "retire"


@app.command()
def review(
    kpi_id: Annotated[str | None, typer.Argument(metavar="[KPI]")] = None,
    outcome: Annotated[
        Outcome | None,
        typer.Option(help="Record a review: keep the KPI, change it, or retire it (`kpi retire` does that)."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why. It is published with the review.")] = "",
    by: By = None,
    due: Annotated[
        bool, typer.Option("--due", help="List the reviews that are due; where none is, the next ones.")
    ] = False,
    lang: Lang = "en",
    as_json: Json = False,
) -> None:
    """What a review of a KPI looks at; with --outcome, record the review.

    Shown are definition, values, how often the target was met, revisions, incidents, decisions, votes, and what speaks
    against the KPI or its target. A review is recorded by the KPI's owner or those who decide for its domain; the name
    is recorded, not authenticated.
    """
    from orchestration.cli.reports import review as report
    from publishing.answers import reviews
    from publishing.language import language

    if due == (kpi_id is not None) or (due and outcome):
        raise NyckeltalError("name a KPI, or give --due", field="KPI")
    words = language(lang)
    company = Company.load()
    catalog = Catalog.read(company)
    today = clock.today(company.time_zone)
    if kpi_id is None:
        rows = reviews.due(today)
        if as_json:
            print_json(rows)
        else:
            overdue = [row for row in rows if row["days_overdue"] >= 0]
            if not overdue:
                console().print(words.t("No review is due. The next ones:"), highlight=False)
            report.print_due(console(), overdue or rows[:_NEXT_SHOWN], words)
    elif outcome is not None:
        _record(company, catalog, kpi_id, outcome, reason, by, as_json)
    elif reason or by:
        raise NyckeltalError("a review needs an outcome", field="--outcome", expected="keep, change or retire")
    else:
        kpi = catalog.in_language(lang).kpi(kpi_id)
        from publishing import lint  # takes scipy, which a mistyped KPI needn't wait for

        facts = reviews.review(kpi_id, today, lang) | lint.of_review(kpi_id, today, lang)
        if as_json:
            print_json(facts)
        else:
            report.print_review(console(), kpi, facts, catalog.reporting_currency, words)


def _record(
    company: Company, catalog: Catalog, kpi_id: str, outcome: Outcome, reason: str, by: str | None, as_json: bool
) -> None:
    import publishing
    from data_quality.release import decisions
    from orchestration.cli.reports import decisions as decision_report

    with writing(), publishing.published_around("the review is recorded and released"):
        decided = decisions.decide(
            company, catalog, "review", kpi_id, reason=reason, by=user() if by is None else by, outcome=outcome.value
        )
    if as_json:
        print_json(asdict(decided))
    else:
        decision_report.decided(console(), catalog, decided, clock.today(company.time_zone))
