"""The content of `objectives.yml`: the tree of what the company wants to reach, and the initiatives for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from metrics.core import yaml_file
from metrics.core.errors import NyckeltalError, Problems, did_you_mean
from metrics.core.yaml_file import Strict

MAX_LEVELS = 10
"""How many objectives may stand below each other: a company that has more of them has no tree but a list."""
_KEY = re.compile(r"[a-z0-9_]+")


def _plain_key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError("a key consists of a to z, digits and _")
    return key


Key = Annotated[str, AfterValidator(_plain_key)]
PERSPECTIVES = Literal["financial", "customer", "process", "learning", "sustainability"]


class StrategyLabel(Strict):
    """A name and a description in another language, for people."""

    name: str = Field(max_length=200, description="Its name.")
    description: str = Field(default="", description="Its description.")


class Objective(Strict):
    """What the company wants, by a key that adoptions name."""

    name: str = Field(max_length=200, description="The objective in a few words.")
    perspective: PERSPECTIVES = Field(description="The balanced scorecard's perspective, or sustainability.")
    description: str = Field(default="", description="What the company wants, and how it knows that it has it.")
    part_of: str | None = Field(default=None, description="The key of the objective that it is a part of.")
    owner: str = Field(
        default="", description="Who answers for it, such as an address. `kpi check` names objectives without."
    )
    horizon: date | None = Field(
        default=None,
        description="The day by which it is to be reached, such as 2027-12-31. `kpi check` names objectives without.",
    )
    weight: float = Field(
        default=1,
        gt=0,
        le=1000,
        description="How much it counts in the objective that it is a part of. A key KPI counts 1.",
    )
    labels: dict[str, StrategyLabel] = Field(
        default_factory=dict, description="Its name and description by language, such as `sv`, for `kpi site --lang`."
    )


class Initiative(Strict):
    """What the company does, from one day to another, to reach an objective."""

    name: str = Field(max_length=200, description="The initiative in a few words.")
    objective: str = Field(description="The key of the objective that it is meant to bring nearer.")
    owner: str = Field(min_length=3, description="Who answers for it, such as an address.")
    since: date = Field(description="Its first day.")
    until: date = Field(description="Its last day.")
    kpi: str | None = Field(default=None, description="The id of the adopted KPI that it is meant to move.")
    description: str = Field(default="", description="What is done.")
    labels: dict[str, StrategyLabel] = Field(
        default_factory=dict, description="Its name and description by language, such as `sv`, for `kpi site --lang`."
    )

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Initiative:
        if self.until < self.since:
            raise ValueError("`until` is before `since`")
        return self

    def state(self, day: date) -> Literal["planned", "under way", "ended"]:
        """Its state on that day, by its dates."""
        return "planned" if day < self.since else "ended" if day > self.until else "under way"


class ObjectivesFile(Strict):
    """What the company wants to reach (the objectives that its KPIs serve), and what it does for that (initiatives)."""

    objectives: dict[Key, Objective] = Field(description="The objectives, by key.")
    initiatives: dict[Key, Initiative] = Field(default_factory=dict, description="The initiatives, by key.")


def read_objectives(folder: Path) -> ObjectivesFile:
    """The company folder's `objectives.yml`.

    Raises NyckeltalError or Problems for mistakes: an unknown key, an objective that is a part of itself, an
    initiative for a KPI that isn't adopted.
    """
    file = folder / "objectives.yml"
    content = yaml_file.load(file, ObjectivesFile)
    adopted = {path.stem for path in folder.glob("kpis/*/*.yml")}
    findings = [*_wrong_parents(file, content.objectives), *_wrong_initiatives(file, content, adopted)]
    if findings:
        raise Problems(findings)
    return content


def path_to(objectives: Mapping[str, Objective], key: str) -> list[str]:
    """The keys from the topmost objective down to this one; just the key where there is no such objective."""
    path = [key]
    while (objective := objectives.get(path[0])) and objective.part_of and objective.part_of not in path:
        path.insert(0, objective.part_of)
    return path


def _wrong_parents(file: Path, objectives: dict[str, Objective]) -> Iterator[NyckeltalError]:
    """A mistake for each unknown parent, and for each circle of parents (at the first objective of the circle)."""
    known_circles: set[str] = set()
    for key, objective in objectives.items():
        if objective.part_of is not None and objective.part_of not in objectives:
            hint = did_you_mean(objective.part_of, list(objectives))
            yield _problem(file, ("objectives", key, "part_of"), f"there is no objective '{objective.part_of}'{hint}")
        circle, parent = {key: None}, objective.part_of
        while parent in objectives and parent not in circle:
            circle[parent] = None
            parent = objectives[parent].part_of
        if parent is None and len(circle) == MAX_LEVELS + 1:
            problem = f"lies more than {MAX_LEVELS} levels deep: make it a part of a higher objective"
            yield _problem(file, ("objectives", key, "part_of"), problem)
        if parent == key and key not in known_circles:
            known_circles.update(circle)
            text = " is a part of ".join([*circle, key])
            yield _problem(file, ("objectives", key, "part_of"), f"an objective can't be a part of itself: {text}")


def _wrong_initiatives(file: Path, content: ObjectivesFile, adopted: set[str]) -> Iterator[NyckeltalError]:
    for key, initiative in content.initiatives.items():
        place = ("initiatives", key)
        if initiative.objective not in content.objectives:
            hint = did_you_mean(initiative.objective, list(content.objectives))
            yield _problem(file, (*place, "objective"), f"there is no objective '{initiative.objective}'{hint}")
        if initiative.kpi is not None and initiative.kpi not in adopted:
            hint = did_you_mean(initiative.kpi, sorted(adopted))
            yield _problem(file, (*place, "kpi"), f"no KPI '{initiative.kpi}' is adopted{hint}")


def _problem(file: Path, place: tuple[str, ...], problem: str) -> NyckeltalError:
    line = yaml_file.line_of(yaml_file.read(file), place)
    return NyckeltalError(problem, file=file, line=line, field=".".join(place))
