"""Days, months, local clocks, and the random numbers of one entity and month. Nothing of the business is here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pandas as pd

TIME_ZONE = "Europe/Stockholm"

Days = npt.NDArray[np.datetime64]
"""Local days, datetime64[D]."""
Instants = npt.NDArray[np.datetime64]
"""Moments in UTC, datetime64[s]."""


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month."""

    year: int
    month: int

    @classmethod
    def of(cls, day: date) -> Month:
        """The month that `day` lies in."""
        return cls(day.year, day.month)

    def next(self) -> Month:
        """The month after this one."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    def previous(self) -> Month:
        """The month before this one."""
        return Month(self.year - (self.month == 1), self.month - 1 or 12)

    @property
    def code(self) -> str:
        """Such as 2026-11."""
        return f"{self.year:04}-{self.month:02}"

    @property
    def number(self) -> int:
        """Months since year 0, for reckoning."""
        return self.year * 12 + self.month - 1

    @property
    def first(self) -> date:
        """First day."""
        return date(self.year, self.month, 1)

    @property
    def last(self) -> date:
        """Last day."""
        return self.next().first - timedelta(days=1)

    @cached_property
    def days(self) -> Days:
        """All days of the month."""
        return np.arange(np.datetime64(self.first), np.datetime64(self.next().first))


@dataclass(frozen=True)
class Span:
    """What a run simulates: every local day from `start`, the first of a month, through `until`."""

    start: date
    until: date
    seed: int
    scale: float

    def __post_init__(self) -> None:
        if self.start.day != 1:
            raise ValueError(f"start must be the first day of a month, not {self.start}")
        if self.until < self.start:
            raise ValueError(f"until ({self.until}) lies before start ({self.start})")
        if self.scale <= 0:
            raise ValueError(f"scale must be above 0, not {self.scale}")

    def months(self) -> Iterator[Month]:
        """The months, oldest first; the last one may be running."""
        month = Month.of(self.start)
        while month.first <= self.until:
            yield month
            month = month.next()

    def rng(self, entity: str, month: Month | None = None) -> np.random.Generator:
        """Random numbers of one entity and month: they depend neither on `until` nor on other entities."""
        return np.random.default_rng([self.seed, crc32(entity.encode()), month.number if month else 0])

    def weekly_rng(self, entity: str, monday: np.datetime64) -> np.random.Generator:
        """A generator of random numbers for one entity and week, independent of all others, as `rng` is for a month."""
        return np.random.default_rng([self.seed, crc32(entity.encode()), int(monday.astype(np.int64))])

    def weekly(self, entity: str, days: Days) -> npt.NDArray[np.float64]:
        """A standard normal number for each day, the same from Monday to Sunday."""
        mondays, week = np.unique(days - (days.astype(np.int64) + 3) % 7, return_inverse=True)
        return np.array([self.weekly_rng(entity, monday).normal() for monday in mondays])[week]

    @property
    def end(self) -> np.datetime64:
        """The moment (UTC) at which the last day ends: nothing later is known."""
        end: np.datetime64 = midnights(np.array([self.until + timedelta(days=1)], dtype="datetime64[D]"))[0]
        return end

    def newest(self, month: Month) -> date:
        """The last day of a month, or the last simulated day if that is earlier: the day of the month's newest data."""
        return min(month.last, self.until)


def midnights(days: Days) -> Instants:
    """The moment (UTC) at which each local day begins."""
    local = pd.DatetimeIndex(days).tz_localize(TIME_ZONE)
    return np.asarray(local.tz_convert("UTC").tz_localize(None), dtype="datetime64[s]")


def local_days(instants: Instants) -> Days:
    """The local day of each moment; NaT stays."""
    utc = pd.DatetimeIndex(instants).tz_localize("UTC")
    return np.asarray(utc.tz_convert(TIME_ZONE).tz_localize(None), dtype="datetime64[D]")


# Share of a day's events in each local hour: people shop in the evening and a few at night, offices work by day.
SHOPPERS = np.array([12, 6, 3, 2, 2, 4, 10, 20, 32, 42, 48, 52, 54, 50, 48, 50, 54, 60, 68, 78, 84, 70, 46, 25], float)
OFFICE = np.array([1, 1, 1, 1, 1, 2, 6, 30, 70, 90, 95, 85, 60, 85, 90, 80, 55, 25, 12, 8, 6, 5, 3, 2], float)


def instants(rng: np.random.Generator, days: Days, hours: npt.NDArray[np.float64] = SHOPPERS) -> Instants:
    """A random moment (UTC) within each of the local days, spread over the day as `hours` says.

    A day that has 23 or 25 hours keeps the spread, stretched.
    """
    if len(days) == 0:
        return np.empty(0, dtype="datetime64[s]")
    shares = np.concatenate([[0.0], np.cumsum(hours / hours.sum())])
    share_of_day = np.interp(rng.random(len(days)), shares, np.arange(25) / 24)
    first = days.min()
    bounds = midnights(np.arange(first, days.max() + np.timedelta64(2, "D")))
    index = (days - first).astype(np.int64)
    length = (bounds[1:] - bounds[:-1]).astype(np.int64)
    seconds = (share_of_day * length[index]).astype(np.int64)
    moments: Instants = bounds[index] + seconds.astype("timedelta64[s]")
    return moments


def last_day(at_least: date, *columns: Instants) -> date:
    """The newest local day among the moments, or `at_least` when none is later."""
    moments = np.concatenate(columns)
    moments = moments[~np.isnat(moments)]
    if len(moments) == 0:
        return at_least
    newest: date = local_days(moments[[moments.argmax()]]).astype(object)[0]
    return max(at_least, newest)
