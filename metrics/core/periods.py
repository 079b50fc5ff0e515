"""Periods and their SDMX codes: W ISO weeks, M months, Q quarters, A calendar years. Days (D) are never published.

The warehouse also has PART_OF_WEEK: the days of a week that lie in one month. It is never published. Disclosure control
needs it, because a KPI's values of weeks and months together reveal the values of these parts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from metrics.core.errors import NyckeltalError

FREQS = ("W", "M", "Q", "A")
Freq = Literal["W", "M", "Q", "A"]
PART_OF_WEEK = "S"
FREQ_NAMES = {"W": "weekly", "M": "monthly", "Q": "quarterly", "A": "yearly"}
MONTHS = {"M": 1, "Q": 3, "A": 12}
DURATION = r"^\d+ (day|week|month|quarter|year)s?$"


@dataclass(frozen=True, order=True)
class Period:
    """One period of a frequency; `start` is its first day."""

    freq: str
    start: date

    @property
    def end(self) -> date:
        """The last day."""
        return self.next().start - timedelta(days=1)

    @property
    def code(self) -> str:
        """The SDMX code: 2026-W48, 2026-11, 2026-Q4 or 2026."""
        if self.freq == "W":
            year, week, _ = self.start.isocalendar()
            return f"{year}-W{week:02d}"
        if self.freq == "M":
            return f"{self.start:%Y-%m}"
        if self.freq == "Q":
            return f"{self.start.year}-Q{(self.start.month + 2) // 3}"
        return str(self.start.year)

    def next(self) -> Period:
        """The next period."""
        return self.shift(1)

    def shift(self, count: int) -> Period:
        """The period `count` periods later (earlier when negative)."""
        if self.freq == "W":
            return Period("W", self.start + timedelta(weeks=count))
        months = self.start.year * 12 + self.start.month - 1 + count * MONTHS[self.freq]
        return Period(self.freq, date(months // 12, months % 12 + 1, 1))


def period_of(freq: str, day: date) -> Period:
    """The period of that frequency that contains the day."""
    if freq == "W":
        return Period("W", day - timedelta(days=day.weekday()))
    first_month = (day.month - 1) // MONTHS[freq] * MONTHS[freq] + 1
    return Period(freq, date(day.year, first_month, 1))


def later(day: date, duration: str) -> date:
    """The day that is `duration` ("1 year", "90 days") after `day`; where the month is too short, its last day.

    Raises NyckeltalError for a text that isn't a duration.
    """
    return _moved(day, duration, 1)


def earlier(day: date, duration: str) -> date:
    """The day that is `duration` before `day`; where the month is too short, its last day.

    Raises NyckeltalError for a text that isn't a duration.
    """
    return _moved(day, duration, -1)


def _moved(day: date, duration: str, sign: int) -> date:
    if not re.fullmatch(DURATION, duration):
        raise NyckeltalError("there is no such duration", found=duration, expected="one like '1 year' or '30 days'")
    count, unit = sign * int(duration.split()[0]), duration.split()[1].removesuffix("s")
    if unit in ("day", "week"):
        return day + timedelta(days=count * (7 if unit == "week" else 1))
    month = period_of("M", day).shift(count * {"month": 1, "quarter": 3, "year": 12}[unit])
    return min(month.start + timedelta(days=day.day - 1), month.end)


def periods_between(freq: str, first: date, last: date) -> list[Period]:
    """The periods whose last day is in [first, last], in order."""
    period = period_of(freq, first)
    periods = []
    while period.end <= last:
        periods.append(period)
        period = period.next()
    return periods


def parse(code: str) -> Period:
    """The period of an SDMX code.

    Raises NyckeltalError for a text that isn't such a code.
    """
    match = re.fullmatch(r"(\d{4})(?:-(?:W(\d{2})|Q([1-4])|(\d{2})))?", code.strip())
    try:
        if match:
            year, week, quarter, month = match.groups()
            if week:
                return Period("W", date.fromisocalendar(int(year), int(week), 1))
            if quarter:
                return Period("Q", date(int(year), int(quarter) * 3 - 2, 1))
            if month:
                return Period("M", date(int(year), int(month), 1))
            return Period("A", date(int(year), 1, 1))
    except ValueError:
        pass
    raise NyckeltalError(
        "there is no such period", found=code, expected="a code like 2026-10, 2026-Q4, 2026-W48 or 2026"
    )
