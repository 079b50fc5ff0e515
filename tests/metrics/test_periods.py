"""Periods and their codes."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.core.errors import NyckeltalError
from metrics.core.periods import FREQS, earlier, later, parse, period_of, periods_between

days = st.dates(date(1990, 1, 1), date(2099, 12, 31))


@given(st.sampled_from(FREQS), days)
def test_a_code_names_its_period(freq: str, day: date) -> None:
    period = period_of(freq, day)
    assert parse(period.code) == period
    assert period.start <= day <= period.end


@given(st.sampled_from(FREQS), days)
def test_periods_follow_each_other_without_gap(freq: str, day: date) -> None:
    period = period_of(freq, day)
    assert period.end + timedelta(days=1) == period.next().start
    assert period.shift(5).shift(-5) == period


@given(st.sampled_from(FREQS), days, st.integers(0, 800))
def test_periods_between_end_in_the_span(freq: str, first: date, length: int) -> None:
    last = first + timedelta(days=length)
    periods = periods_between(freq, first, last)
    assert all(first <= period.end <= last for period in periods)
    assert [period.next() for period in periods[:-1]] == periods[1:]


@given(days, st.integers(0, 50), st.sampled_from(["days", "weeks"]))
def test_earlier_undoes_later(day: date, count: int, unit: str) -> None:
    assert earlier(later(day, f"{count} {unit}"), f"{count} {unit}") == day


def test_a_month_earlier_ends_with_its_month() -> None:
    assert earlier(date(2026, 3, 31), "1 month") == date(2026, 2, 28)
    assert earlier(date(2026, 1, 1), "1 year") == date(2025, 1, 1)


def test_known_codes() -> None:
    assert period_of("W", date(2026, 11, 23)).code == "2026-W48"
    assert period_of("W", date(2027, 1, 1)).code == "2026-W53"
    assert period_of("Q", date(2026, 11, 23)).code == "2026-Q4"


@pytest.mark.parametrize("code", ["2026-13", "2026-W60", "26-01", "", "2026-Q5", "October"])
def test_anything_else_is_refused(code: str) -> None:
    with pytest.raises(NyckeltalError, match="no such period"):
        parse(code)
