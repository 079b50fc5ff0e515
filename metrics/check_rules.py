"""The gate's checks as definitions know them: names, default severity and limits, and what a KPI may say of them.

How a figure is computed is no matter of this module; that is `data_quality/checks/`, under the figure's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from metrics.errors import did_you_mean
from metrics.yaml_file import Strict

Severity = Literal["critical", "warning"]

BY_CHANCE = ("surprise", "member_shift", "drift")
"""Figures that tell a change from chance. A longer period is less of chance, and what they find may be in its parts."""


@dataclass(frozen=True)
class CheckRule:
    """One check: a key passes when its `figure` is at most the limit.

    Failing a critical check holds, failing a warning publishes flagged. A strong signal and a weak one are two checks
    on one figure. A `fixed` check is what the project promises of every published value: it can't be set.
    """

    name: str
    figure: str
    description: str
    severity: Severity
    limit: float
    fixed: bool = False


@dataclass(frozen=True)
class Rule:
    """A check as it is for one KPI: `off` is the reason why it isn't made, None where it is."""

    severity: Severity
    limit: float
    off: str | None


RULES: tuple[CheckRule, ...] = (
    CheckRule(
        "candidates_exist",
        "candidates",
        "The newest build has the period's rows, one of them the total, computed by the definition in force",
        "critical",
        0,
        fixed=True,
    ),
    CheckRule(
        "inputs_complete",
        "incomplete_feeds",
        "Every feed upstream covers the whole period, and the history that the KPI looks back on",
        "critical",
        0,
        fixed=True,
    ),
    CheckRule("not_null", "missing_values", "No value is missing, unless there is nothing to divide by", "critical", 0),
    CheckRule("within_bounds", "out_of_bounds", "Every value is a number within its KPI's bounds", "critical", 0),
    CheckRule("segments_add_up", "segment_gap", "The members of every segment add up to the total", "critical", 1e-9),
    CheckRule(
        "months_add_up",
        "nesting_gap",
        "The months of a quarter or year add up to it, where values add up over time",
        "critical",
        1e-9,
    ),
    CheckRule(
        "identities_hold",
        "broken_identities",
        "What must hold between the KPI's total and those of others does",
        "critical",
        1e-6,
    ),
    CheckRule(
        "enough_observations",
        "lacking_observations",
        "The total is computed from as many observations as a reliable value needs",
        "warning",
        0,
    ),
    CheckRule(
        "plausible_change",
        "surprise",
        "The total is where its trend and season lead one to expect it: in robust standard deviations",
        "critical",
        5,
    ),
    CheckRule("rows_readable", "set_aside", "Nearly all rows of every feed could be read", "critical", 0.02),
    CheckRule("all_rows_readable", "set_aside", "All rows of every feed could be read", "warning", 0),
    CheckRule(
        "rows_unique",
        "duplicates",
        "Hardly any row of a feed is there twice, beyond what is usual for it",
        "critical",
        0.02,
    ),
    CheckRule("usual_duplicates", "duplicates", "No more rows of a feed than usual are there twice", "warning", 0.001),
    CheckRule(
        "days_there",
        "lost_rows",
        "Hardly any rows lack on days that a feed usually has more of, closed days around holidays apart",
        "critical",
        0.02,
    ),
    CheckRule(
        "usual_days",
        "lacking_rows",
        "No rows to speak of lack on days that a feed usually has more of",
        "warning",
        0.002,
    ),
    CheckRule(
        "days_differ",
        "repeated_days",
        "No feed says on a day what it said on an earlier one, unless it often does",
        "critical",
        0.02,
    ),
    CheckRule(
        "no_rows_ahead", "rows_ahead", "No rows are dated after their delivery, beyond what is usual", "warning", 0.001
    ),
    CheckRule(
        "no_surge",
        "surplus_rows",
        "Hardly any rows are more than usual, on days that have more than any day of the year before",
        "critical",
        0.2,
    ),
    CheckRule("usual_peaks", "surplus_rows", "No rows to speak of are more than usual, on such days", "warning", 0.02),
    CheckRule(
        "columns_filled",
        "null_share",
        "Hardly any value is missing in the columns that the KPI reads, beyond what is usual",
        "critical",
        0.02,
    ),
    CheckRule(
        "usual_nulls", "null_share", "No more values than usual are missing in the columns read", "warning", 0.002
    ),
    CheckRule(
        "keys_match",
        "unmatched_keys",
        "Hardly any key lacks its row in another feed, where nearly all have one",
        "critical",
        0.02,
    ),
    CheckRule(
        "usual_matches", "unmatched_keys", "No more keys than usual lack their row in another feed", "warning", 0.002
    ),
    CheckRule(
        "values_alike",
        "drift",
        "The values of the columns read are nearly those of another week or month of the year before",
        "critical",
        0.05,
    ),
    CheckRule("usual_values", "drift", "They are as like those as is usual", "warning", 0.005),
    CheckRule(
        "plausible_state",
        "state_change",
        "A feed that comes whole is nearly as it was, in its rows and in the columns read, or changes as it used to",
        "critical",
        0.05,
    ),
    CheckRule("usual_state", "state_change", "The same, for a smaller change", "warning", 0.005),
    CheckRule("usual_change", "surprise", "The same, for a smaller surprise", "warning", 3.5),
    CheckRule(
        "plausible_members",
        "member_shift",
        "No member of a segment has shifted, vanished or come up beyond its history: in robust standard deviations",
        "critical",
        5,
    ),
    CheckRule("usual_members", "member_shift", "The same, for a smaller shift", "warning", 3.5),
    CheckRule(
        "clear_of_held", "held_beside", "No value that is computed from the same rows and days is held", "warning", 0
    ),
    CheckRule(
        "plausible_whole",
        "part_of_held",
        "No longer period of the KPI, of which it is a good part, is held for an unusual total, member or column",
        "critical",
        0.2,
    ),
    CheckRule(
        "usual_whole",
        "part_of_unusual",
        "No longer period of the KPI, of which it is a good part, has an unusual total, member or column",
        "warning",
        0.2,
    ),
)
NAMES = tuple(rule.name for rule in RULES)


def _known(name: str) -> str:
    rules = {rule.name: rule for rule in RULES}
    if name not in rules:
        raise ValueError(f"there is no check '{name}'{did_you_mean(name, list(rules))}")
    if rules[name].fixed:
        raise ValueError(f"the check '{name}' is the same for every KPI and can't be set")
    return name


CheckName = Annotated[str, AfterValidator(_known)]


class CheckSetting(Strict):
    """What a KPI says of one check of the gate: another limit, another severity, or that it is off."""

    limit: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="The figure above which the check fails, in the check's unit.",
    )
    severity: Severity | None = Field(
        default=None, description="`critical` holds the value when the check fails, `warning` flags it."
    )
    off: str | None = Field(default=None, min_length=10, description="The reason why the check isn't made.")

    @model_validator(mode="after")
    def _says_one_thing(self) -> CheckSetting:
        stated = self.limit is not None or self.severity is not None
        if stated == (self.off is not None):
            raise ValueError("state a `limit`, a `severity` or both, or under `off` the reason why it isn't made")
        return self

    def over(self, other: CheckSetting) -> CheckSetting:
        """This setting, and where it is silent the other's."""
        if self.off is not None or other.off is not None:
            return self
        return CheckSetting(
            limit=other.limit if self.limit is None else self.limit, severity=self.severity or other.severity
        )


GateSettings = dict[CheckName, CheckSetting]


def merged(standard: Mapping[str, CheckSetting], own: Mapping[str, CheckSetting]) -> dict[str, CheckSetting]:
    """The settings of a standard definition, and over them those of an adoption."""
    both = {name: setting.over(standard[name]) if name in standard else setting for name, setting in own.items()}
    return {name: (dict(standard) | both)[name] for name in NAMES if name in standard or name in both}


def rules_for(settings: Mapping[str, CheckSetting]) -> dict[str, Rule]:
    """Every check as it is for a KPI with those settings."""
    return {rule.name: _rule(rule, settings.get(rule.name)) for rule in RULES}


def _rule(rule: CheckRule, setting: CheckSetting | None) -> Rule:
    if setting is None:
        return Rule(rule.severity, rule.limit, None)
    limit = rule.limit if setting.limit is None else setting.limit
    return Rule(setting.severity or rule.severity, limit, setting.off)
