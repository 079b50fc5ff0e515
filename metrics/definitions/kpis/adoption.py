"""The content of an adoption: how a company puts a KPI to work, with owner, objective, target and frequencies."""

from __future__ import annotations

from datetime import date
from math import inf
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from metrics.core.errors import NyckeltalError
from metrics.core.periods import Freq, parse
from metrics.core.segments import combined
from metrics.core.text import invisible
from metrics.core.yaml_file import Strict
from metrics.definitions.kpis.gate_settings import GateSettings

# What a reader of the reference page has to know about `segments` of an adoption.
COMBINATIONS = (
    " A list is a combination, such as `[country, channel]` in `[country, channel, [country, channel]]`: a value for"
    " each country and channel together. Of a KPI that reads personnel data, only two segments that are listed by"
    " themselves too can be combined, and none where persons' amounts are protected."
)


Band = tuple[float, float]
"""The least and the greatest value that are on target."""


def _from_less_to_more(band: object) -> object:
    if band is None:
        return band
    ends = band if isinstance(band, list | tuple) else ()
    are_numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends)
    if len(ends) == 2 and are_numbers and -inf < ends[0] < ends[1] < inf:
        return band
    raise ValueError("a band is two numbers, the lesser one first, such as [0.4, 0.6]")


class EarlierTarget(Strict):
    """A target of earlier periods."""

    value: float | None = Field(default=None, description="The value to reach, in the KPI's unit.")
    band: Annotated[Band | None, BeforeValidator(_from_less_to_more)] = Field(
        default=None, description="Instead of a value, its band: a list as in `band` of the target itself."
    )
    since: date = Field(description="The first day of the periods that it was for.")
    tolerance: float | None = Field(default=None, gt=0, description="Its tolerance, as in the target itself.")

    @model_validator(mode="after")
    def _value_or_band(self) -> EarlierTarget:
        if (self.value is None) == (self.band is None):
            raise ValueError("state either a value or a band")
        return self


class Target(Strict):
    """A target value, a band of values, or the reason why there is none."""

    value: float | None = Field(default=None, description="The value to reach, in the KPI's unit.")
    band: Annotated[Band | None, BeforeValidator(_from_less_to_more)] = Field(
        default=None,
        description="Of a KPI whose direction is `band`, in place of `value`: the least and the greatest value that are"
        " on target, such as `[0.4, 0.6]`.",
    )
    freq: Freq | None = Field(
        default=None,
        description="The frequency that it is for. Required of a KPI whose value grows with the period.",
    )
    none: str | None = Field(default=None, max_length=1000, description="The reason why there is no target.")
    tolerance: float | None = Field(
        default=None,
        gt=0,
        description="How far a value may miss it, in the KPI's unit, and be at risk rather than off target; of a band,"
        " on either side. Without it, every value that misses it is off target.",
    )
    by_period: dict[str, float] = Field(
        default_factory=dict,
        description="The targets of single periods of `freq`, in place of `value`, such as"
        " `{2026-11: 24000000, 2026-12: 26000000}`: for a series with a season.",
    )
    rationale: str = Field(default="", max_length=1000, description="Why this value.")
    labels: dict[str, str] = Field(
        default_factory=dict,
        description="The `rationale`, or the reason under `none`, by language, such as `{sv: Budgeten för 2026}`, for"
        " `kpi site --lang`.",
    )
    source: Literal["history", "benchmark", "commitment"] | None = Field(
        default=None,
        description="Where it comes from. `history`: the KPI's own values; `benchmark`: others' values; `commitment`:"
        " a promise, a budget, a contract or a law.",
    )
    since: date | None = Field(
        default=None,
        description="The first day of the periods that this is for, such as 2026-01-01: periods that begin earlier"
        " are compared with an earlier target, or with none. Without it, this is for all periods.",
    )
    earlier: tuple[EarlierTarget, ...] = Field(
        default=(), description="The targets before it, such as `[{value: 18000000, since: 2025-01-01}]`."
    )

    @model_validator(mode="after")
    def _each_since_another_day(self) -> Target:
        if self.earlier and self.since is None:
            raise ValueError("with `earlier` targets, state since when the present one is for")
        days = [*(target.since for target in self.earlier), *([self.since] if self.since else [])]
        if days != sorted(set(days)):
            raise ValueError("list the `earlier` targets oldest first, each since another day, before `since`")
        return self

    @model_validator(mode="after")
    def _value_or_reason(self) -> Target:
        if [self.value, self.band, self.none].count(None) != 2:
            raise ValueError("state either a value, or a band, or under `none` the reason why there is none")
        if self.none is not None and (self.tolerance or self.by_period or self.source or self.rationale):
            raise ValueError("tolerance, by_period, rationale and source are of a target with a value or a band")
        if self.band is not None and self.by_period:
            raise ValueError("by_period is of a target with a value")
        return self

    @model_validator(mode="after")
    def _check_freq_of_periods(self) -> Target:
        if self.by_period and self.freq is None:
            raise ValueError("by_period needs `freq`, the frequency of its periods")
        for code in self.by_period:
            try:
                freq = parse(code).freq
            except NyckeltalError:
                freq = None
            if freq != self.freq:
                raise ValueError(f"by_period: '{code}' is no period of the target's `freq`, {self.freq}")
        return self


class Retired(Strict):
    """That the KPI is no longer in use. What was published of it stays published. `kpi retire` writes this."""

    on: date = Field(description="The last day of use: periods that end on it or earlier are still published.")
    reason: str = Field(min_length=3, description="Why it was retired.")
    replaced_by: str | None = Field(default=None, description="The id of the adopted KPI that replaces it.")

    @field_validator("reason")
    @classmethod
    def _says_something(cls, reason: str) -> str:
        if set("".join(reason.split())) <= set(invisible(reason)):
            raise ValueError("is blank")
        return reason


class Adoption(Strict):
    """A KPI that the company has put to work."""

    kpi: str = Field(description="The id of the standard definition, which is also the file's name.")
    owner: str = Field(min_length=3, description="Who answers for it, such as an address.")
    level: Literal["key", "supporting"] = Field(
        description="`key`: the objective is measured by it. `supporting`: it explains another KPI."
    )
    objective: str = Field(description="The key of the objective in `objectives.yml` that it serves.")
    target: Target = Field(description="The value to reach, the band to stay in, or why there is none.")
    review: Literal["monthly", "quarterly"] = Field(
        description="How often its owner reviews definition, target and use: at least every quarter. `kpi review --due`"
        " lists what is due."
    )
    freqs: tuple[Freq, ...] = Field(min_length=1, description="The frequencies at which it is published.")
    segments: tuple[str, ...] = Field(default=(), description=f"The segments by which it is cut.{COMBINATIONS}")
    to_date: bool = Field(
        default=True,
        description="Whether months and quarters also have the year to date and the rolling twelve months. `false` for"
        " ratios of distinct customers or users: a ratio of twelve months can't be compared with a month's target.",
    )
    gate: GateSettings = Field(
        default_factory=dict,
        description="Checks that differ from the standard definition and from their defaults, by name.",
    )
    definition_version: int | None = Field(
        default=None,
        ge=1,
        description="A higher version than the standard definition's, after a change of the company's own staging or"
        " marts that may change values.",
    )
    retired: Retired | None = Field(
        default=None, description="For a KPI that is no longer in use: since when and why. Left out for all others."
    )

    @field_validator("review", mode="before")
    @classmethod
    def _at_least_every_quarter(cls, value: Any) -> Any:
        if value == "yearly":
            raise ValueError("a KPI that nobody looks at for a year isn't managed; state monthly or quarterly")
        return value

    @field_validator("segments", mode="before")
    @classmethod
    def _combinations_are_written_as_one(cls, value: Any) -> Any:
        return [_segment(segment) for segment in value] if isinstance(value, list | tuple) else value


def _segment(written: Any) -> Any:
    """A segment as it is kept: a combination, which is written as a list, as one name (`metrics/core/segments.py`)."""
    if not isinstance(written, list | tuple) or not all(isinstance(name, str) for name in written):
        return written
    if len(written) < 2 or len(set(written)) < len(written):
        raise ValueError("a combination has two segments or more, each once")
    return combined(written)
