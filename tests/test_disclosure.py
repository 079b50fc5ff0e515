"""Disclosure control: which cells are suppressed, and that what is published doesn't give them away."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from data_quality.disclosure import TOTAL, control, suppressed


def row(
    member: str, numerator: int | None, denominator: int | None = None, segment: str = "department"
) -> dict[str, Any]:
    """One cell with the persons behind it."""
    if member == "_T":
        segment = "_T"
    return {
        "segment": segment,
        "member": member,
        "obs_value": 1.5,
        "numerator": 3.0,
        "denominator": 2.0,
        "n_obs": 7,
        "n_persons_numerator": numerator,
        "n_persons_denominator": denominator,
    }


def test_enough_persons_are_free() -> None:
    assert control([row("_T", 20), row("a", 10), row("b", 10)], 5, nested=False) == {}


def test_too_few_in_numerator_or_denominator_are_suppressed() -> None:
    rows = [row("_T", 30, 60), row("a", 4, 20), row("b", 20, 4), row("c", 6, 36)]
    assert control(rows, 5, nested=False) == {("department", "a"): "C", ("department", "b"): "C"}


def test_the_complement_is_protected_where_persons_are_nested() -> None:
    rows = [row("_T", 18, 20)]
    assert control(rows, 5, nested=True) == {TOTAL: "C"}
    assert control(rows, 5, nested=False) == {}
    assert control([row("_T", 20, 20), row("a", 0, 20)], 5, nested=True) == {}


def test_a_nested_count_that_is_missing_or_too_great_is_suppressed() -> None:
    assert control([row("_T", 10, None)], 5, nested=True) == {TOTAL: "C"}
    assert control([row("_T", 21, 20)], 5, nested=True) == {TOTAL: "C"}


def test_persons_that_nobody_counted_are_suppressed() -> None:
    assert control([row("_T", None, None)], 5, nested=False) == {TOTAL: "C"}
    assert control([row("_T", 100)], 0, nested=False) == {TOTAL: "C"}


def test_a_lone_suppressed_member_takes_the_smallest_other_with_it() -> None:
    rows = [row("_T", 43), row("a", 3), row("b", 30), row("c", 10), row("none", 0)]
    assert control(rows, 5, nested=False) == {("department", "a"): "C", ("department", "c"): "D"}


def test_two_suppressed_members_of_too_few_persons_take_a_third_with_them() -> None:
    rows = [row("_T", 43), row("a", 1), row("b", 2), row("c", 30), row("d", 10)]
    assert set(control(rows, 5, nested=False)) == {("department", "a"), ("department", "b"), ("department", "d")}


def test_segments_are_controlled_each() -> None:
    countries = [row("SE", 20, segment="country"), row("NO", 23, segment="country")]
    rows = [row("_T", 43), row("a", 3), row("b", 40), *countries]
    assert set(control(rows, 5, nested=False)) == {("department", "a"), ("department", "b")}


def test_without_other_members_the_total_is_suppressed() -> None:
    assert control([row("_T", 30), row("a", 3)], 5, nested=False) == {("department", "a"): "C", TOTAL: "D"}


def test_a_suppressed_total_needs_no_second_member() -> None:
    assert control([row("_T", 4), row("a", 4)], 5, nested=False) == {TOTAL: "C", ("department", "a"): "C"}


def test_what_was_hidden_before_stays_hidden() -> None:
    rows = [row("_T", 40), row("a", 10), row("b", 12), row("c", 18)]
    hidden = control(rows, 5, nested=False, hidden_before={("department", "a")})
    assert hidden == {("department", "a"): "D", ("department", "b"): "D"}


def test_nothing_that_tells_the_value_is_left() -> None:
    hidden = suppressed(row("a", 3, 4))
    assert [hidden[name] for name in ("obs_value", "numerator", "denominator", "n_obs")] == [None] * 4


@given(st.lists(st.integers(min_value=0, max_value=12), min_size=1, max_size=7), st.integers(min_value=1, max_value=6))
def test_the_total_less_the_open_members_never_tells_of_too_few(counts: list[int], threshold: int) -> None:
    rows = [row("_T", sum(counts)), *(row(f"m{n}", count) for n, count in enumerate(counts))]
    hidden = control(rows, threshold, nested=False)
    for n, count in enumerate(counts):
        assert ("department", f"m{n}") in hidden or not 0 < count < threshold
    inside = [count for n, count in enumerate(counts) if ("department", f"m{n}") in hidden]
    if TOTAL not in hidden and inside:
        assert len(inside) >= 2 and sum(inside) >= threshold
