"""Durations in metrics: sums of offsets, and the frequencies of which they are whole periods."""

from __future__ import annotations

import pytest

from metrics.compiler.offsets import added, is_whole, spoken
from metrics.core.periods import FREQS


@pytest.mark.parametrize(
    ("inner", "outer", "total"),
    [
        ("", "", ""),
        ("1 year", "", "1 year"),
        ("", "14 days", "14 days"),
        ("1 month", "1 year", "13 month"),
        ("1 quarter", "2 quarters", "9 month"),
        ("1 week", "5 days", "12 day"),
        ("1 week", "1 month", None),
        ("1 fiscal_month", "1 month", None),
    ],
)
def test_an_offset_of_an_offset(inner: str, outer: str, total: str | None) -> None:
    assert added(inner, outer) == total


@pytest.mark.parametrize(
    ("offset", "freqs"),
    [
        ("1 year", "MQA"),
        ("4 quarters", "MQA"),
        ("1 quarter", "MQ"),
        ("3 months", "MQ"),
        ("13 months", "M"),
        ("1 week", "W"),
        ("14 days", "W"),
        ("30 days", ""),
        ("1 hour", ""),
        ("1 fiscal_month", ""),
    ],
)
def test_the_frequencies_of_which_an_offset_is_whole_periods(offset: str, freqs: str) -> None:
    assert "".join(freq for freq in FREQS if is_whole(offset, freq)) == freqs


def test_a_duration_in_words() -> None:
    assert [spoken(duration) for duration in ("1 day", "5 day", "5 days")] == ["1 day", "5 days", "5 days"]
