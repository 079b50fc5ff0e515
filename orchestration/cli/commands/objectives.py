"""The command that shows what the company wants to reach, and how far it has come: `kpi objectives`."""

from __future__ import annotations

import typer

from orchestration.cli.options import AsOf, Json, Lang, past_day
from orchestration.cli.terminal import console, print_json

HELP_ORDER = 4
app = typer.Typer()


@app.command()
def objectives(as_of: AsOf = "", lang: Lang = "en", as_json: Json = False) -> None:
    """What the company wants to reach, as a tree: attainment, owner, horizon, KPIs, initiatives and teams' goals.

    With --as-of as it was published on a past day: by that day's values, targets and objectives.
    """
    from orchestration.cli.reports.objectives import print_objectives
    from publishing.answers.objectives import answer
    from publishing.answers.value_rows import plain
    from publishing.language import language

    tree = answer(past_day(as_of), lang)
    if as_json:
        print_json(plain(tree))
    else:
        words = language(lang)
        print_objectives(console(), tree["objectives"], tree["attainment"], words)
        release = {"number": tree["release"], "day": words.day(tree["published_on"])}
        said = words.t("From the values of release {number} of {day}.", **release)
        console().print(said, style="dim", highlight=False)
