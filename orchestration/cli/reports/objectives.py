"""The report of `kpi objectives`: the tree of objectives, with the KPIs, initiatives and goals that serve them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from metrics.core.periods import parse
from orchestration.cli.formats import PERIODS, target_mark
from orchestration.cli.terminal import styled
from publishing.language import Language

_STATE_STYLES = {"planned": "dim", "under way": "default", "ended": "dim"}


def print_objectives(terminal: Console, objectives: Sequence[Mapping[str, Any]], rule: str, words: Language) -> None:
    """Print the objectives, each below the one that it is a part of, topmost ones by perspective."""
    perspective, branches = "", list[Tree]()
    for place, objective in enumerate(objectives):
        if objective["depth"] == 0:
            if branches:
                terminal.print(branches[0], highlight=False)
            if objective["perspective"] != perspective:
                perspective = objective["perspective"]
                heading = ("\n" if place else "") + words.title(perspective)
                terminal.print(heading, style="bold", highlight=False)
        node = Tree(_title(objective, words), guide_style="dim")
        for line in _lines(objective, words):
            node.add(line)
        goals = [goal for goal in objective["team_goals"] if goal["attainment"] is not None]
        if goals:
            period = words.period(goals[0]["time_period"])
            of_teams = node.add(words.t("Goals of teams, {period}", period=period))
            for goal in goals:
                of_teams.add(_team_goal(goal, words))
        del branches[objective["depth"] :]
        if branches:
            branches[-1].children.append(node)
        branches.append(node)
    if branches:
        terminal.print(branches[0], highlight=False)
    terminal.print()
    marks = words.t("✓ on target, ~ at risk, ✗ off target, · not judged, for the reason given.")
    terminal.print(f"{marks} {rule}", style="dim", highlight=False)


def _attained(objective: Mapping[str, Any], words: Language) -> str:
    """An objective's attainment and KPIs, such as "67% attained (50% a year ago): 2 on target, 1 at risk"."""
    counts = [
        f"{objective[f'kpis_{name}']} {words.t(status)}"
        for name, status in (
            ("on_target", "on target"),
            ("at_risk", "at risk"),
            ("off_target", "off target"),
            ("not_judged", "not judged"),
        )
        if objective[f"kpis_{name}"]
    ]
    by_month = {row["time_period"]: row["attainment"] for row in objective["history"]}
    newest = max(by_month, default="")
    a_year_ago = by_month.get(parse(newest).shift(-12).code) if newest else None
    if objective["attainment"] is None:
        share = words.t("not judged")
    else:
        share = words.t("{share} attained", share=_percent(objective["attainment"], words))
        if a_year_ago is not None:
            share += f" ({words.t('{share} a year ago', share=_percent(a_year_ago, words))})"
    return f"{share}: {', '.join(counts)}" if counts else words.t("no key KPI serves it")


def _percent(share: float, words: Language) -> str:
    return f"{words.decimal(share * 100, 0)}\N{NO-BREAK SPACE}%"


def _title(objective: Mapping[str, Any], words: Language) -> Text:
    t = words.t
    facts = [_attained(objective, words), objective["owner"] or t("no owner")]
    facts.append(t("by {day}", day=words.day(objective["horizon"])) if objective["horizon"] else t("no horizon"))
    if objective["depth"] and objective["weight"] != 1:
        facts.append(t("weight {weight}", weight=f"{objective['weight']:g}"))
    return styled((objective["name"], "bold"), "\n", ("; ".join(facts), "dim"))


def _lines(objective: Mapping[str, Any], words: Language) -> list[Text]:
    lines, t = [], words.t
    for kpi in objective["kpis"]:
        mark = target_mark(kpi["status"])
        facts = [t(kpi["status"])]
        if kpi["obs_value"] is not None:
            value = words.value(kpi["obs_value"], kpi["unit"], kpi["currency"])
            facts = [t("{value} in {period}", value=value, period=words.period(kpi["time_period"]))]
            if kpi["target"] is not None:
                goal = words.target(kpi["target"], kpi["target_to"], kpi["unit"], kpi["currency"])
                a_period = f"a {PERIODS[kpi['target_freq']]}" if kpi["target_freq"] else ""
                facts.append(f"{t('target {value}', value=goal)} {t(a_period)}".rstrip())
            if not mark.plain:
                facts.append(t(kpi["status"]))
        level = f", {t('supporting')}" if kpi["level"] != "key" else ""
        lines.append(styled(mark if mark.plain else "·", f" {kpi['name']}{level}: ", ("; ".join(facts), "dim")))
    for initiative in objective["initiatives"]:
        days = {name: words.day(initiative[name]) for name in ("since", "until")}
        moves = f", {t('to move {kpi}', kpi=initiative['kpi_name'])}" if initiative["kpi_name"] else ""
        text = f"{t('Initiative')}: {initiative['name']} ({t(initiative['state'])}){moves}"
        span = f", {t('{since} to {until}', **days)}, {initiative['owner']}"
        lines.append(styled((text, _STATE_STYLES[initiative["state"]]), (span, "dim")))
    return lines


def _team_goal(goal: Mapping[str, Any], words: Language) -> Text:
    """Stores for Net revenue: 76 % attained, 29 % of the objective's goals."""
    t, team = words.t, goal["team"]
    named = {"_T": t("all teams"), "_U": t("unknown")}.get(team, team)
    share = goal["share_of_objective"]
    facts = [t("{share} attained", share=_percent(goal["attainment"], words))]
    if share is not None:
        facts.append(t("{share} of the objective's goals", share=_percent(share, words)))
    said = t("{team} for {kpi}", team=named, kpi=goal["kpi_served_name"])
    return styled(f"{said[:1].upper()}{said[1:]}: ", (", ".join(facts), "dim"))
