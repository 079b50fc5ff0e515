"""The command that finds which KPIs moved before another: `kpi leads`."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.cli.options import Json, Lang
from orchestration.cli.terminal import console, print_json

HELP_ORDER = 5
app = typer.Typer()


@app.command()
def leads(
    kpi: Annotated[str, typer.Argument(metavar="KPI", help="Its id or name.")],
    of_all: Annotated[bool, typer.Option("--all", help="Try all KPIs, not only those of the type leading.")] = False,
    lang: Lang = "en",
    as_json: Json = False,
) -> None:
    """Which leading KPIs moved before this one, and by how many periods: beside season, trend and chance."""
    from orchestration.cli.reports import analysis as report
    from publishing.analysis import leads as analysis
    from publishing.language import language

    answer = analysis.leads(kpi, of_all=of_all, lang=lang)
    if as_json:
        print_json(answer)
    else:
        report.print_leads(console(), answer, language(lang))
