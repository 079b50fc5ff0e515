"""What makes up a change adds up to it, for any values of members that come, stay or go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishing.movement import movement

counts = st.integers(min_value=0, max_value=10**6)
members = st.dictionaries(
    st.sampled_from(["SE", "NO", "DK", "_U"]), st.tuples(counts, st.integers(1, 10**6)), min_size=1
)


def rows(by_member: dict[str, tuple[int, int]], *, ratio: bool) -> list[dict[str, Any]]:
    """The total and the members of a period, as `kpi.observations` has them."""
    whole = {"_T": (sum(n for n, _ in by_member.values()), sum(d for _, d in by_member.values()))}
    facts = {"obs_status": "A", "definition_version": 1, "provisional_until": None, "held": False, "verdict": "publish"}
    facts |= {"change_kind": "relative", "state": "closed", "time_period": "2026-01", "n_obs": 100}
    return [
        {"segment": "_T" if member == "_T" else "country", "member": member, "numerator": n if ratio else None,
         "denominator": d if ratio else None, "obs_value": n / d if ratio else float(n), **facts}
        for member, (n, d) in {**whole, **by_member}.items()
    ]  # fmt: skip


@given(members, members, st.booleans())
def test_members_and_parts_add_up_to_the_change(
    before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]], ratio: bool
) -> None:
    answer = movement(rows(after, ratio=ratio), rows(before, ratio=ratio), "satisfied / COALESCE(answers, 0)")
    change = pytest.approx(answer["change"]["absolute"], rel=1e-9, abs=1e-9)
    (country,) = answer["segments"]
    assert sum(member["adds_to_change"] for member in country["members"]) == change
    if ratio:
        assert sum(part["adds_to_change"] for part in answer["parts_of_the_ratio"]) == change
        for member in country["members"]:
            parts = member["of_this_by_its_own_ratio"] + member["of_this_by_its_share"]
            assert parts == pytest.approx(member["adds_to_change"], abs=1e-12)


def test_the_parts_of_a_ratio_have_the_names_of_its_metrics() -> None:
    period = rows({"SE": (1, 2)}, ratio=True)
    for formula in ("ad_cost / new_customers", "COALESCE(ad_cost, 0) / NULLIF(new_customers, 0)"):
        parts = movement(period, period, formula)["parts_of_the_ratio"]
        assert [part["metric"] for part in parts] == ["ad_cost", "new_customers"]
    parts = movement(period, period, "lead_to_customer_rate")["parts_of_the_ratio"]
    assert [part["metric"] for part in parts] == ["numerator", "denominator"]


def test_a_ratio_in_other_units_than_its_parts_says_nothing_of_what_they_add() -> None:
    """A net promoter score is a hundred times its numerator by its denominator."""
    before, after = ([{**row, "obs_value": 100 * row["obs_value"]} for row in rows({"SE": pair}, ratio=True)]
                     for pair in ((1, 2), (2, 3)))  # fmt: skip
    assert all("adds_to_change" not in part for part in movement(after, before)["parts_of_the_ratio"])


def test_a_ratio_without_a_numerator_says_nothing_of_what_its_parts_add() -> None:
    before, after = rows({"SE": (1, 2)}, ratio=True), rows({"SE": (2, 3)}, ratio=True)
    before = [{**row, "numerator": None} for row in before]
    assert all("adds_to_change" not in part for part in movement(after, before)["parts_of_the_ratio"])
