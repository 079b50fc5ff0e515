"""What makes up a change adds up to it, for any values of members that come, stay or go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishing.answers.movement import gap_to_target, movement, since_when
from publishing.answers.reasons import Reasons
from publishing.language import language

counts = st.integers(min_value=0, max_value=10**6)
members = st.dictionaries(st.sampled_from(["SE", "NO", "DK", "_U"]), st.tuples(counts, counts), min_size=1).filter(
    lambda by_member: any(denominator for _, denominator in by_member.values())
)


def rows(by_member: dict[str, tuple[int, int]], *, ratio: bool) -> list[dict[str, Any]]:
    """The total and the members of a period, as `kpi.observations` has them."""
    whole = {"_T": (sum(n for n, _ in by_member.values()), sum(d for _, d in by_member.values()))}
    facts = {"obs_status": "A", "definition_version": 1, "provisional_until": None, "held": False, "verdict": "publish"}
    facts |= {"change_kind": "relative", "state": "closed", "time_period": "2026-01", "n_obs": 100}
    return [
        {"segment": "_T" if member == "_T" else "country", "member": member, "numerator": n if ratio else None,
         "denominator": d if ratio else None, "obs_value": (n / d if d else None) if ratio else float(n), **facts}
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
            assert parts == pytest.approx(member["adds_to_change"], rel=1e-9, abs=1e-9)


MARGIN = ("profit / revenue", "(revenue - cost) / revenue")
GROWTH = ("increase / year_ago", "(revenue - revenue_1_year_ago) / revenue_1_year_ago")


@pytest.mark.parametrize(("formula", "expanded"), [MARGIN, GROWTH])
@given(before=st.tuples(counts, st.integers(1, 10**6)), after=st.tuples(counts, st.integers(1, 10**6)))
def test_the_two_metrics_of_a_margin_or_growth_add_up_to_the_change(
    formula: str, expanded: str, before: tuple[int, int], after: tuple[int, int]
) -> None:
    periods = [rows({"SE": pair}, ratio=True) for pair in (after, before)]
    answer = movement(*periods, formula, expanded)
    if all("adds_to_change" in part for part in answer["parts_of_the_ratio"]):
        added = sum(part["adds_to_change"] for part in answer["parts_of_the_ratio"])
        assert added == pytest.approx(answer["change"]["absolute"], rel=1e-9, abs=1e-9)


def test_a_margin_is_split_into_revenue_and_cost_and_growth_into_its_two_periods() -> None:
    """Profit 40 of 100, then 45 of 150: revenue and cost by hand, each at the mean of the other's two values."""
    before, after = rows({"SE": (40, 100)}, ratio=True), rows({"SE": (45, 150)}, ratio=True)
    revenue, cost = movement(after, before, *MARGIN)["parts_of_the_ratio"]
    assert [(part["metric"], part["before"], part["after"]) for part in (revenue, cost)] == [
        ("revenue", 100, 150), ("cost", 60, 105),
    ]  # fmt: skip
    assert revenue["adds_to_change"] == pytest.approx(((1 - 60 / 150) - 0.4 + 0.3 - (1 - 105 / 100)) / 2)
    assert cost["adds_to_change"] == pytest.approx(((1 - 105 / 100) - 0.4 + 0.3 - (1 - 60 / 150)) / 2)
    now, then = movement(after, before, *GROWTH)["parts_of_the_ratio"]
    assert [(part["metric"], part["before"], part["after"]) for part in (now, then)] == [
        ("revenue", 140, 195), ("revenue_1_year_ago", 100, 150),
    ]  # fmt: skip


def test_a_member_without_a_denominator_still_adds_what_its_numerator_does() -> None:
    """Cost without a new customer: NO spends 50 for nobody, so that a customer costs 150 instead of 100."""
    before, after = rows({"SE": (100, 1)}, ratio=True), rows({"SE": (100, 1), "NO": (50, 0)}, ratio=True)
    (country,) = movement(after, before)["segments"]
    assert [(member["member"], member["adds_to_change"]) for member in country["members"]] == [("NO", 50), ("SE", 0)]


def test_what_the_members_add_is_not_told_beside_a_suppressed_one() -> None:
    """Nor is anything in the answer that isn't a published number or the difference of two of them."""
    before, after = rows({"SE": (5, 1), "NO": (7, 1)}, ratio=False), rows({"SE": (6, 1), "NO": (9, 1)}, ratio=False)
    after = [
        {**row, "obs_value": None, "obs_status": "Q"} if row["member"] == "NO" else row
        for row in after
    ]  # fmt: skip
    (country,) = movement(after, before)["segments"]
    assert country["suppressed_values"] == 1 and country["they_add"] is None
    assert not any("adds_to_change" in member for member in country["members"])


def totals(*values: tuple[str, float | None, float | None]) -> list[dict[str, Any]]:
    """Totals of a KPI of which more is better: period, value and target."""
    return [
        {"time_period": code, "obs_value": value, "target": target, "target_to": None,
         "target_attained": None if value is None or target is None else value >= target}
        for code, value, target in values
    ]  # fmt: skip


def test_a_missed_target_is_compared_with_the_last_period_that_reached_its_own() -> None:
    series = totals(("2026-01", 9, None), ("2026-02", 11, 10), ("2026-03", None, 10), ("2026-04", 9, 10),
                    ("2026-05", 10, 12))  # fmt: skip
    then = since_when(series, "2026-05")
    assert then is series[1]
    gap = gap_to_target(series[-1], then)
    assert (gap["gap"], gap["gap_then"], gap["change_since"], gap["by_change_of_target"]) == (-2, 1, -1, -2)
    assert gap["gap"] == gap["gap_then"] + gap["change_since"] + gap["by_change_of_target"]
    assert since_when(series, "2026-04") is series[1]
    assert since_when(series, "2026-02") is None  # the month before has no target
    assert "since" not in gap_to_target(series[1], None)


def in_band(value: float, lower: float, upper: float) -> dict[str, Any]:
    return {"time_period": "2026-01", "obs_value": value, "target": lower, "target_to": upper}


def test_a_value_outside_its_band_is_compared_with_the_end_that_it_lies_beyond() -> None:
    below, above, within = in_band(3, 4, 6), in_band(7, 4, 6), in_band(5, 4, 6)
    gap = gap_to_target(below, within)
    assert (gap["gap"], gap["gap_then"], gap["change_since"], gap["by_change_of_target"]) == (-1, 1, -2, 0)
    gap = gap_to_target(above, in_band(5, 3, 8))
    assert (gap["gap"], gap["gap_then"], gap["change_since"], gap["by_change_of_target"]) == (1, -3, 2, 2)
    assert gap["gap"] == gap["gap_then"] + gap["change_since"] + gap["by_change_of_target"]
    assert gap_to_target(within, below) == {"target": 4, "target_to": 6, "gap": 0}
    assert "since" not in gap_to_target(below, above)  # neither end says how it came from one side to the other


def test_a_reached_target_is_compared_with_the_period_before() -> None:
    series = totals(("2026-01", 11, 10), ("2026-02", 9, 10), ("2026-03", 12, 10))
    assert since_when(series, "2026-03") is series[1]


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


@pytest.mark.parametrize(
    ("added", "cause"),
    [
        ([6.0, 4.0], "by country, m0 +6.00"),
        ([20.0, -10.0], "by country, m0 +20.00"),  # twice the change
        ([20.1, -10.1], ""),  # others take most of it back: it isn't why the value moved
        ([-1.0, 11.0], "by country, m1 +11.00"),
        ([0.0, 10.0], "by country, m1 +10.00"),
    ],
)
def test_what_adds_more_than_twice_the_change_is_not_named_as_its_cause(added: list[float], cause: str) -> None:
    named = [{"member": f"m{place}", "adds_to_change": value} for place, value in enumerate(added)]
    segment = {"segment": "country", "note": None, "members": named}
    answer = {"change": {"absolute": 10.0}, "segments": [segment]}
    assert Reasons(language("en"), answer, "ratio", "", {}).leading_cause() == cause
    falls = {"change": {"absolute": -10.0}, "segments": [segment]}
    turned = [member | {"adds_to_change": -member["adds_to_change"]} for member in named]
    falls["segments"] = [segment | {"members": turned}]
    said = Reasons(language("en"), falls, "ratio", "", {}).leading_cause()
    assert said == cause.replace("+", "\N{MINUS SIGN}")


def test_of_a_ratio_both_parts_are_named_and_its_members_in_a_sentence_of_their_own() -> None:
    """8 of 100 deployments failed, then 18 of 120: more failures add 9.17 points of it, more deployments take 2.17."""
    before, after = (
        {**row, "change_kind": "difference"}
        for row in (rows({"": pair}, ratio=True)[0] for pair in ((8, 100), (18, 120)))
    )
    answer = movement([after], [before], "failed_deployments / deployments")
    named = [{"member": f"m{place}", "adds_to_change": value} for place, value in enumerate((0.04, 0.03))]
    answer["segments"] = [{"segment": "service", "note": None, "members": named}]
    said = Reasons(language("en"), answer, "fraction", "", {}).leading_cause().replace("\N{NO-BREAK SPACE}", " ")
    parts = "of its two parts, failed deployments +9.2 pp and deployments \N{MINUS SIGN}2.2 pp"
    assert said == f"{parts}. By service, m0 +4.0 pp"


def test_a_part_that_is_a_hundred_times_a_number_is_shown_as_that_number() -> None:
    part = {"metric": "enps_balance", "before": 6800.0, "after": 2000.0}
    reasons = Reasons(language("sv"), {}, "points", "", {})
    assert reasons.part_name(part) == "ambassadörer minus kritiker"
    assert [reasons.number(part[when], part) for when in ("before", "after")] == ["68", "20"]
