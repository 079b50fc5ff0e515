"""The command that suggests a target from a KPI's history: `kpi suggest-target`."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.cli.options import Json, Lang
from orchestration.cli.terminal import console, print_json

HELP_ORDER = 5
app = typer.Typer()


@app.command("suggest-target")
def suggest_target(
    kpi: Annotated[str, typer.Argument(metavar="KPI", help="Its id or name.")],
    lang: Lang = "en",
    as_json: Json = False,
) -> None:
    """A cautious, a likely and an ambitious target from the KPI's own history; it writes none of them."""
    from orchestration.cli.reports import analysis as report
    from publishing import reader
    from publishing.analysis import suggested_target as analysis
    from publishing.language import language

    answer = analysis.suggest_target(kpi, lang)
    if as_json:
        print_json(answer)
    else:
        of_kpi = "select unit, currency from kpi.catalog where kpi_id = ?"
        (kpi_row,) = reader.query(of_kpi, [answer["kpi_id"]])
        report.print_targets(console(), answer, kpi_row["unit"], kpi_row["currency"], language(lang))
