"""Targets by the days for which they are valid, and the worst values that are at risk of missing one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from metrics.core.periods import Period


class Stated(NamedTuple):
    """A target and its tolerance as stated; None where none is. `to` is the upper end of a band, else None."""

    value: float | None
    tolerance: float | None
    to: float | None = None


@dataclass(frozen=True)
class ValidTarget:
    """A target for the periods that begin in [valid_from, valid_to]; None where that has no limit.

    `at_risk` is the worst value that is still at risk, not off target; None where every value that misses is off.
    Of a band `value` is the lower end and `target_to` the upper one, `at_risk` the least and `at_risk_to` the greatest
    value that are at risk.
    """

    value: float
    valid_from: date | None
    valid_to: date | None
    at_risk: float | None = None
    target_to: float | None = None
    at_risk_to: float | None = None

    def covers(self, start: date) -> bool:
        """Whether the target is for the period that begins on that day."""
        return (self.valid_from or date.min) <= start <= (self.valid_to or date.max)


def valid_targets(
    stated: Mapping[date, Stated], of_periods: Mapping[Period, Stated], direction: str
) -> list[ValidTarget]:
    """The targets with the days on which their periods begin, the oldest first.

    `stated` has the targets that are valid from a day on (`date.min`: from the beginning), `of_periods` the targets of
    single periods. After such a period the stated target is valid again.
    """
    changes = dict(stated)
    for period, target in sorted(of_periods.items()):
        changes[period.start] = target
        after = period.next().start
        day_stated = max((day for day in stated if day <= after), default=None)
        changes.setdefault(after, stated[day_stated] if day_stated else Stated(None, None))
    days = sorted(changes)
    ends = [day - timedelta(days=1) for day in days[1:]]
    return [
        _valid(changes[day], None if day == date.min else day, until, direction)
        for day, until in zip(days, [*ends, None], strict=True)
        if changes[day].value is not None
    ]


def _valid(stated: Stated, first: date | None, last: date | None, direction: str) -> ValidTarget:
    assert stated.value is not None
    if stated.to is None:
        return ValidTarget(stated.value, first, last, worst_at_risk(stated.value, stated.tolerance, direction))
    at_risk, at_risk_to = (
        worst_at_risk(end, stated.tolerance, way) for end, way in ((stated.value, "up"), (stated.to, "down"))
    )
    return ValidTarget(stated.value, first, last, at_risk, stated.to, at_risk_to)


def gap_to(value: float, target: float, target_to: float | None = None) -> float:
    """How much the value lies above the target; less than 0 where it lies below.

    Of a band, whose upper end is `target_to`: above its upper or below its lower end, and 0 within it.
    """
    return value - target if target_to is None else min(value - target, 0.0) or max(value - target_to, 0.0)


def nearest_end(value: float, target: float, target_to: float | None = None) -> float:
    """The target that a value is compared with; of a band the end beyond which it lies, within it the lower end."""
    return target if target_to is None or value <= target_to else target_to


def worst_at_risk(target: float, tolerance: float | None, direction: str) -> float | None:
    """The worst value that is at risk and not yet off target; None without a tolerance, or if no direction is better.

    `direction` is that of the KPI: up, down, band or none.
    """
    if tolerance is None or direction not in ("up", "down"):
        return None
    return round(target - tolerance if direction == "up" else target + tolerance, 12)
