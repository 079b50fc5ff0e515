"""Durations in metrics, such as the offset "1 year": their sums, and whether they are whole periods."""

from __future__ import annotations

from typing import Any

_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_MONTHS_OF_PERIOD = {"M": 1, "Q": 3, "A": 12}
UNITS = (*_DAYS, *_MONTHS)


def offset_of(metric_input: Any) -> str:
    """The offset of one of MetricFlow's metric inputs; empty without one."""
    window = metric_input.offset_window
    return f"{window.count} {window.granularity}" if window else ""


def added(inner: str, outer: str) -> str | None:
    """The offset of an offset: "13 month" for "1 month" and "1 year".

    An empty text is no offset. None where one is in days and the other in months: they have no sum.
    """
    if not (inner and outer):
        return inner or outer
    for lengths, unit in ((_DAYS, "day"), (_MONTHS, "month")):
        if all(_unit(offset) in lengths for offset in (inner, outer)):
            return f"{sum(_count(offset) * lengths[_unit(offset)] for offset in (inner, outer))} {unit}"
    return None


def is_whole(offset: str, freq: str) -> bool:
    """Whether an offset is a whole number of the frequency's periods. A year is 12 months; 5 days are none."""
    lengths, period = (_DAYS, 7) if freq == "W" else (_MONTHS, _MONTHS_OF_PERIOD[freq])
    return _unit(offset) in lengths and _count(offset) * lengths[_unit(offset)] % period == 0


def days_in(duration: str) -> float:
    """About how many days a duration ("1 year", "90 days") has. For comparing durations only."""
    unit = _unit(duration)
    return _count(duration) * (_DAYS[unit] if unit in _DAYS else {"month": 30.5, "quarter": 91.5, "year": 366.0}[unit])


def spoken(duration: str) -> str:
    """The duration as people write it: "5 days"."""
    return duration + "s" * (_count(duration) != 1 and not duration.endswith("s"))


def _count(duration: str) -> int:
    return int(duration.split()[0])


def _unit(duration: str) -> str:
    return duration.split()[1].removesuffix("s")
