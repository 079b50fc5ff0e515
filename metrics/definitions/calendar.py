"""A company's calendar: its time zone, working days, and the day on which a period closes. Pure arithmetic."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import holidays
from holidays.constants import DE_FACTO, PUBLIC
from pydantic import Field, ValidationInfo, field_validator

from metrics.core.errors import did_you_mean
from metrics.core.yaml_file import Strict

DEFAULT = "default"


class Calendar(Strict):
    """The company's time zone, its working days, and how long a period stays open."""

    time_zone: str = Field(description="The IANA time zone in which days begin, such as `Europe/Stockholm`.")
    week_start: Literal["monday"] = Field(default="monday", description="Weeks are those of ISO 8601.")
    country: str = Field(
        description="The country whose weekends and public holidays are no working days, by its ISO 3166-1 code, such"
        " as `SE`."
    )
    subdivision: str | None = Field(
        default=None,
        description="A part of the country with holidays of its own, by its ISO 3166-2 code without country.",
    )
    days_off: tuple[date, ...] = Field(default=(), description="Further days that are no working days.")
    closes_after: dict[str, int] = Field(
        min_length=1,
        description="How many working days after its end a period closes, by domain of KPIs; `default` is for the"
        " domains that aren't named. For a cohort (`matures_after`) they count from the end of its window. On the"
        " closing day the period is still open. Until then values are provisional; after it a changed value is held.",
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError):
            raise ValueError("is no time zone of the IANA data base, such as Europe/Stockholm") from None
        return value

    @field_validator("country")
    @classmethod
    def _known_country(cls, value: str) -> str:
        countries = holidays.list_supported_countries(include_aliases=False)
        if value not in countries:
            hint = did_you_mean(value.upper(), list(countries))
            raise ValueError(f"is no country whose holidays are known{hint}; write its ISO 3166-1 code, such as SE")
        return value

    @field_validator("closes_after")
    @classmethod
    def _a_default_and_no_negative_days(cls, value: dict[str, int]) -> dict[str, int]:
        if DEFAULT not in value:
            raise ValueError("`default` is missing: the working days for the domains that aren't named")
        if negative := [group for group, days in value.items() if days < 0]:
            raise ValueError(f"a period can't close before its end: {', '.join(negative)} is negative")
        return value

    @field_validator("subdivision")
    @classmethod
    def _known_subdivision(cls, value: str | None, info: ValidationInfo) -> str | None:
        subdivisions = holidays.list_supported_countries(include_aliases=False).get(info.data.get("country", ""))
        if value is not None and subdivisions is not None and value not in subdivisions:
            listed = f"one of {', '.join(subdivisions)}" if subdivisions else "none"
            raise ValueError(f"is no subdivision of the country; expected {listed}")
        return value

    def is_working_day(self, day: date) -> bool:
        """Whether the day is no weekend, no holiday and no day off of the company."""
        return _working_days(self.country, self.subdivision, self.days_off).is_working_day(day)

    def holiday(self, day: date) -> str:
        """The name of the holiday, or "day off"; empty for any other day."""
        return _working_days(self.country, self.subdivision, self.days_off).get(day, "")

    def closes_on(self, end: date, group: str) -> date:
        """The last day on which a period that ends on `end` is open, for a domain of KPIs (`group`).

        It is the nth working day after `end`, or `end` itself where `closes_after` is 0.
        """
        days = self.closes_after.get(group, self.closes_after[DEFAULT])
        return _nth_working_day(self.country, self.subdivision, self.days_off, end, days)


@lru_cache
def _working_days(country: str, subdivision: str | None, days_off: tuple[date, ...]) -> holidays.HolidayBase:
    # De facto holidays are days that the law treats as Sundays, such as Midsummer's Eve in Sweden.
    categories = {PUBLIC, DE_FACTO} & set(holidays.country_holidays(country, subdivision).supported_categories)
    days = holidays.country_holidays(country, subdivision, categories=sorted(categories))
    days.update(dict.fromkeys(days_off, "day off"))
    return days


@lru_cache(maxsize=100_000)
def _nth_working_day(country: str, subdivision: str | None, days_off: tuple[date, ...], day: date, count: int) -> date:
    # For count 0 the library gives the next working day; here it is the day itself.
    return _working_days(country, subdivision, days_off).get_nth_working_day(day, count) if count else day
