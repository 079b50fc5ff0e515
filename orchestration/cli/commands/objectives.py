"""The command that shows what the company wants to reach, and how far it has come: `kpi objectives`."""

from __future__ import annotations

import typer

from orchestration.cli.options import AsOf, Json, past_day
from orchestration.cli.terminal import console, print_json

HELP_ORDER = 4
app = typer.Typer()


@app.command()
def objectives(as_of: AsOf = "", as_json: Json = False) -> None:
    """What the company wants to reach, as a tree: attainment, owner, horizon, KPIs, initiatives and teams' goals.

    With --as-of as it was published on a past day: by that day's values, targets and objectives.
    """
    from orchestration.cli.reports.objectives import print_objectives
    from publishing.answers.objectives import answer
    from publishing.answers.value_rows import plain

    tree = answer(past_day(as_of))
    if as_json:
        print_json(plain(tree))
    else:
        print_objectives(console(), tree["objectives"], tree["attainment"])
        console().print(f"From release {tree['release']} of {tree['published_on']}.", style="dim", highlight=False)
