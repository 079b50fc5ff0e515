"""The report of `kpi objectives`: the tree of objectives, with the KPIs, initiatives and goals that serve them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from metrics.core.periods import parse
from orchestration.cli.formats import PERIODS, goal, number, target_mark
from orchestration.cli.terminal import styled

_STATE_STYLES = {"planned": "dim", "under way": "default", "ended": "dim"}


def print_objectives(terminal: Console, objectives: Sequence[Mapping[str, Any]], rule: str) -> None:
    """Print the objectives, each below the one that it is a part of, topmost ones by perspective."""
    perspective, branches = "", list[Tree]()
    for place, objective in enumerate(objectives):
        if objective["depth"] == 0:
            if branches:
                terminal.print(branches[0], highlight=False)
            if objective["perspective"] != perspective:
                perspective = objective["perspective"]
                terminal.print(("\n" if place else "") + perspective.capitalize(), style="bold", highlight=False)
        node = Tree(_title(objective), guide_style="dim")
        for line in _lines(objective):
            node.add(line)
        goals = [goal for goal in objective["team_goals"] if goal["attainment"] is not None]
        if goals:
            of_teams = node.add(f"Teams' goals, {goals[0]['time_period']}")
            for goal in goals:
                of_teams.add(_team_goal(goal))
        del branches[objective["depth"] :]
        if branches:
            branches[-1].children.append(node)
        branches.append(node)
    if branches:
        terminal.print(branches[0], highlight=False)
    terminal.print()
    terminal.print(
        f"✓ on target, ~ at risk, ✗ off target, · not judged, for the reason given. {rule}",
        style="dim",
        highlight=False,
    )


def attained(objective: Mapping[str, Any]) -> str:
    """An objective's attainment and KPIs, such as "67% attained (50% a year ago): 2 on target, 1 at risk"."""
    counts = [
        f"{objective[f'kpis_{name}']} {words}"
        for name, words in (
            ("on_target", "on target"),
            ("at_risk", "at risk"),
            ("off_target", "off target"),
            ("not_judged", "not judged"),
        )
        if objective[f"kpis_{name}"]
    ]
    share = "nothing judged" if objective["attainment"] is None else f"{objective['attainment']:.0%} attained"
    by_month = {row["time_period"]: row["attainment"] for row in objective["history"]}
    newest = max(by_month, default="")
    a_year_ago = by_month.get(parse(newest).shift(-12).code) if newest else None
    if objective["attainment"] is not None and a_year_ago is not None:
        share += f" ({a_year_ago:.0%} a year ago)"
    return f"{share}: {', '.join(counts)}" if counts else "no key KPI serves it"


def _title(objective: Mapping[str, Any]) -> Text:
    facts = [attained(objective), objective["owner"] or "no owner"]
    facts.append(f"by {objective['horizon']}" if objective["horizon"] else "no horizon")
    if objective["depth"] and objective["weight"] != 1:
        facts.append(f"weight {objective['weight']:g}")
    return styled((objective["name"], "bold"), "\n", ("; ".join(facts), "dim"))


def _lines(objective: Mapping[str, Any]) -> list[Text]:
    lines = []
    for kpi in objective["kpis"]:
        mark = target_mark(kpi["status"])
        value = number(kpi["obs_value"], kpi["unit"], kpi["currency"]) if kpi["obs_value"] is not None else ""
        facts = [f"{value} in {kpi['time_period']}"] if value else [kpi["status"]]
        if value and kpi["target"] is not None:
            period = f" a {PERIODS[kpi['target_freq']]}" if kpi["target_freq"] else ""
            facts.append(f"target {goal(kpi['target'], kpi['target_to'], kpi['unit'], kpi['currency'])}{period}")
        if value and not mark.plain:
            facts.append(kpi["status"])
        level = ", supporting" if kpi["level"] != "key" else ""
        lines.append(styled(mark if mark.plain else "·", f" {kpi['name']}{level}: ", ("; ".join(facts), "dim")))
    for initiative in objective["initiatives"]:
        span = f"{initiative['since']} to {initiative['until']}, {initiative['owner']}"
        moves = f", to move {initiative['kpi_name']}" if initiative["kpi_name"] else ""
        text = f"Initiative: {initiative['name']} ({initiative['state']}){moves}"
        lines.append(styled((text, _STATE_STYLES[initiative["state"]]), (f", {span}", "dim")))
    return lines


def _team_goal(goal: Mapping[str, Any]) -> Text:
    """Stores for Net revenue: 76% attained, 29% of the objective's goals."""
    team = {"_T": "All teams", "_U": "Unknown team"}.get(goal["team"], goal["team"])
    share = goal["share_of_objective"]
    carried = "" if share is None else f", {share:.0%} of the objective's goals"
    return styled(f"{team} for {goal['kpi_served_name']}: ", (f"{goal['attainment']:.0%} attained{carried}", "dim"))
