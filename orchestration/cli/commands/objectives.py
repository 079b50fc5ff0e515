"""The command that shows what the company wants to reach, and how far it has come: `kpi objectives`."""

from __future__ import annotations

import typer

from orchestration.cli.options import Json
from orchestration.cli.terminal import console, print_json

HELP_ORDER = 4
app = typer.Typer()


@app.command()
def objectives(as_json: Json = False) -> None:
    """What the company wants to reach, as a tree: attainment, owner, horizon, KPIs, initiatives and teams' goals."""
    from orchestration.cli.reports.objectives import print_objectives
    from publishing.answers.objectives import answer

    tree = answer()
    if as_json:
        print_json(tree)
    else:
        print_objectives(console(), tree["objectives"], tree["attainment"])
