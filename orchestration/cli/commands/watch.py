"""The command that finds where the ground has shifted: `kpi watch`."""

from __future__ import annotations

import typer

from orchestration.cli.options import Json, Lang
from orchestration.cli.terminal import console, print_json

HELP_ORDER = 5
app = typer.Typer()


@app.command()
def watch(lang: Lang = "en", as_json: Json = False) -> None:
    """The KPIs whose level, trend or relation to another KPI changed in the last year, by more than chance."""
    from orchestration.cli.reports import analysis as report
    from publishing.analysis import watch as analysis
    from publishing.language import language

    answer = analysis.watch(lang)
    if as_json:
        print_json(answer)
    else:
        report.print_shifts(console(), answer, language(lang))
