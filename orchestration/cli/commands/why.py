"""The command that splits a change into what makes it up: `kpi why`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from orchestration.cli.options import Json, Lang
from orchestration.cli.terminal import console, print_json

HELP_ORDER = 4
app = typer.Typer()


class Against(StrEnum):
    """What a value is compared with."""

    PREVIOUS = "previous"
    YEAR_AGO = "year_ago"
    TARGET = "target"


@app.command()
def why(
    kpi: Annotated[str, typer.Argument(metavar="KPI", help="Its id or name.")],
    period: Annotated[str, typer.Argument(metavar="[PERIOD]", help="Such as 2026-10; by default the newest.")] = "",
    against: Annotated[
        Against,
        typer.Option(
            help="The period before, the same period a year ago, or the target: then since the last period that reached"
            " it."
        ),
    ] = Against.PREVIOUS,
    lang: Lang = "en",
    as_json: Json = False,
) -> None:
    """Why a published value moved: what each member and each part of a ratio or margin adds to the change."""
    from orchestration.cli.reports import why as report
    from publishing import reader
    from publishing.answers.reasons import Reasons
    from publishing.answers.why import why_it_moved
    from publishing.language import language

    answer = why_it_moved(kpi, period, against.value, lang)
    if as_json:
        print_json(answer)
    elif answer.get("change") is None:  # one of the two values isn't published
        answers = [answer, answer.get("value"), answer.get("compared_with")]
        quotes = [row["quote"] for row in answers if isinstance(row, dict) and "quote" in row and row["value"] is None]
        console().print(language(lang).t("There is nothing to compare:"), *quotes, sep="\n", highlight=False)
    else:
        catalog = reader.newest_catalog().in_language(lang)
        unit, members = catalog.kpi(answer["value"]["kpi_id"]).unit, catalog.member_names(lang)
        reasons = Reasons(language(lang), answer, unit, catalog.reporting_currency, members)
        report.print_movement(console(), reasons)
