"""What the page of the objectives shows: the tree, with the KPIs, initiatives and teams' goals that serve each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from markupsafe import Markup

from metrics.core.periods import parse
from metrics.definitions.catalog import CatalogKpi
from metrics.definitions.objectives import path_to
from publishing.language import Language
from publishing.site.charts import Point, sparkline
from publishing.site.content import Content
from publishing.site.scorecard import Row, Scorecard
from publishing.statuses import TARGET_SOURCES

_COUNTS = (
    ("on_target", "on target"),
    ("at_risk", "at risk"),
    ("off_target", "off target"),
    ("not_judged", "not judged"),
)
_MONTHS_SHOWN = 24


@dataclass(frozen=True)
class TeamGoal:
    """How far a team attained its goals for a KPI in a period, and what part of the objective's goals they are."""

    team: str
    kpi: CatalogKpi
    attainment: str
    share: str


@dataclass(frozen=True)
class ShownObjective:
    """An objective as the page shows it. `attainment` is 0 to 1, None where nothing is judged."""

    key: str
    depth: int
    name: str
    description: str
    facts: list[str]
    attainment: float | None
    attainment_text: str
    counts: str
    spark: Markup
    spark_title: str
    kpis: list[Row]
    initiatives: list[tuple[str, str, str, CatalogKpi | None]]
    goals_period: str
    goals: list[TeamGoal]


class ObjectivesPage:
    """Makes what the page shows. `tree` is that of `publishing/answers/objectives.py`."""

    def __init__(self, site: Scorecard, tree: Sequence[Mapping[str, Any]]) -> None:
        self._site = site
        self._tree = tree
        self._content: Content = site.content
        self._language: Language = site.language

    def perspectives(self) -> list[tuple[str, list[ShownObjective]]]:
        """The objectives by the perspective of the topmost one, each before its parts."""
        groups: list[tuple[str, list[ShownObjective]]] = []
        for row in self._tree:
            if row["depth"] == 0 and (not groups or groups[-1][0] != row["perspective"]):
                groups.append((row["perspective"], []))
            groups[-1][1].append(self._objective(row))
        return groups

    def _objective(self, row: Mapping[str, Any]) -> ShownObjective:
        catalog, language, t = self._content.catalog, self._language, self._language.t
        objective = catalog.objectives[row["objective"]]
        facts = [objective.owner] if objective.owner else [t("no owner")]
        facts.append(t("by {day}", day=language.day(objective.horizon)) if objective.horizon else t("no horizon"))
        if row["depth"] and objective.weight != 1:
            weight = language.decimal(objective.weight, 0 if objective.weight.is_integer() else 1)
            facts.append(t("weight {weight}", weight=weight))
        counts = [f"{row[f'kpis_{name}']} {t(words)}" for name, words in _COUNTS if row[f"kpis_{name}"]]
        goals = [goal for goal in row["team_goals"] if goal["attainment"] is not None]
        points = [
            Point(parse(month["time_period"]), month["attainment"], self._share(month["attainment"]), "normal")
            for month in row["history"][-_MONTHS_SHOWN:]
        ]
        ends = [language.period(point.period.code, short=True) for point in points]
        spark_title = t("Attainment, {first} to {last}", first=ends[0], last=ends[-1]) if points else ""
        return ShownObjective(
            key=row["objective"],
            depth=row["depth"],
            name=objective.name,
            description=objective.description,
            facts=facts,
            attainment=row["attainment"],
            attainment_text=self._share(row["attainment"]) if row["attainment"] is not None else t("not judged"),
            counts=", ".join(counts) or t("no key KPI serves it"),
            spark=sparkline(points, spark_title, off_target=False) if len(points) > 1 else Markup(""),
            spark_title=spark_title,
            kpis=[self._site.row(catalog.kpi(kpi["kpi_id"])) for kpi in row["kpis"]],
            initiatives=[
                (
                    catalog.initiatives[initiative["initiative"]].name,
                    t(initiative["state"]),
                    f"{self._span(initiative['since'], initiative['until'])}, {initiative['owner']}",
                    catalog.kpi(initiative["kpi_id"]) if initiative["kpi_name"] else None,
                )
                for initiative in row["initiatives"]
            ],
            goals_period=language.period(goals[0]["time_period"]) if goals else "",
            goals=[
                TeamGoal(
                    t("all teams") if goal["team"] == "_T" else t("unknown") if goal["team"] == "_U" else goal["team"],
                    catalog.kpi(goal["kpi_served"]),
                    self._share(goal["attainment"]),
                    self._share(goal["share_of_objective"]),
                )
                for goal in goals
            ],
        )

    def _share(self, share: float | None) -> str:
        return "–" if share is None else f"{self._language.decimal(share * 100, 0)}\N{NO-BREAK SPACE}%"

    def _span(self, since: date, until: date) -> str:
        return f"{self._language.day(since)} – {self._language.day(until)}"


def initiatives(site: Scorecard, kpi: CatalogKpi) -> list[str]:
    """The initiatives that are to move the KPI, with their state on the day of the newest release."""
    day, t = site.content.release.realtime_start, site.language.t
    return [
        f"{one.name} ({t(one.state(day))}, {site.language.day(one.since)} – {site.language.day(one.until)})"
        for one in site.content.catalog.initiatives.values()
        if one.kpi == kpi.kpi_id
    ]


def period_targets(site: Scorecard, kpi: CatalogKpi) -> list[tuple[str, str]]:
    """The single periods with a target of their own, each with the target; last the target of all others."""
    targets = [
        (site.language.period(code, short=True), site.value(kpi, target))
        for code, target in kpi.target_by_period.items()
    ]
    return [*targets, (site.language.t("others"), site.value(kpi, kpi.target))] if targets else []


def path(site: Scorecard, kpi: CatalogKpi) -> list[tuple[str, str]]:
    """The path in the tree from the topmost objective down to the KPI's objective, as (key, name)."""
    objectives = site.content.catalog.objectives
    return [(key, objectives[key].name if key in objectives else key) for key in path_to(objectives, kpi.objective)]


def target_facts(site: Scorecard, kpi: CatalogKpi) -> list[str]:
    """What is said below a KPI's target: when it is at risk, of the shown period where it varies, and its source."""
    t, facts = site.language.t, []
    shown = site.target_of_period(kpi)
    target = shown[1] if shown else kpi.present_target
    if target is not None and target.at_risk is not None:
        sentences = {
            "up": "At risk down to {value}, off target below it.",
            "down": "At risk up to {value}, off target above it.",
            "band": "At risk from {lower} to {upper} outside the band, off target beyond.",
        }
        lower, upper = (site.value(kpi, end) for end in (target.at_risk, target.at_risk_to))
        facts.append(t(sentences[kpi.direction], value=lower, lower=lower, upper=upper))
    if kpi.target_source:
        source = t(TARGET_SOURCES[kpi.target_source])
        facts.append(f"{source[:1].upper()}{source[1:]}.")
    return facts
