"""Published figures never contradict each other: what a restated month holds, and what its release makes eligible."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.core.periods import parse, periods_between
from metrics.definitions.catalog import Key
from tests.examples import examples
from tests.restatement_factory import MONTHS, REVENUE, MemoryLedger, Values, release, snapshot_of
from tests.warehouse_factory import kpi

JULY = date(2025, 7, 3)
AUGUST = date(2025, 8, 20)  # the second quarter has closed
"""June and the second quarter are open, April and May are closed."""


def months(last: str, **changed: float) -> Values:
    """Values of every month up to the last: SE 100, NO 50; `m04=7` adds 7 to SE in April."""
    codes = [month.code for month in MONTHS if month.code <= last]
    return {code: {"SE": 100.0 + changed.get(f"m{code[-2:]}", 0), "NO": 50.0} for code in codes}


def key(code: str) -> Key:
    return "revenue", parse(code).freq, code


@pytest.fixture
def ledger() -> MemoryLedger:
    """A ledger with January to May published."""
    memory = MemoryLedger()
    held = release(memory, snapshot_of(months("2025-05"), date(2025, 6, 12)), date(2025, 6, 12))
    assert not held and memory.totals()["2025-Q1"] == 450
    return memory


def test_a_quarter_waits_for_its_restated_month_and_follows_it(ledger: MemoryLedger) -> None:
    restated = snapshot_of(months("2025-06", m04=7), JULY)
    held = release(ledger, restated, JULY)
    assert {held_key.time_period: held_key.checks for held_key in held.values()} == {
        "2025-04": ("closed_period",),
        "2025-Q2": (),
    }
    assert held[key("2025-Q2")].reason == (
        "reconciliation: its published parts would not add up to it: 2025-04 would stay as published"
    )
    assert ledger.totals()["2025-06"] == 150 and "2025-Q2" not in ledger.totals()
    ledger.decide(held[key("2025-04")])
    assert not release(ledger, restated, JULY)
    assert (ledger.totals()["2025-04"], ledger.totals()["2025-Q2"]) == (157, 457)


def test_a_closed_quarter_changes_by_the_decision_on_its_month(ledger: MemoryLedger) -> None:
    release(ledger, snapshot_of(months("2025-06"), JULY), JULY)
    release(ledger, snapshot_of(months("2025-07"), AUGUST), AUGUST)
    later = date(2025, 9, 1)
    restated = snapshot_of(months("2025-08", m04=7), later)
    held = release(ledger, restated, later)
    assert {held_key.time_period: held_key.checks for held_key in held.values()} == {
        "2025-04": ("closed_period",),
        "2025-Q2": ("closed_period",),
    }
    ledger.decide(held[key("2025-04")])
    assert not release(ledger, restated, later)
    quarter = ledger.published()["revenue", "2025-Q2", "_T", "_T"]
    assert (quarter["obs_value"], quarter["revision_type"], quarter["decision_id"]) == (457, "C", "d0")


def test_a_month_that_was_never_published_takes_its_quarter_with_it(ledger: MemoryLedger) -> None:
    release(ledger, snapshot_of(months("2025-06"), JULY, failing=[key("2025-06")]), JULY)
    assert ledger.totals()["2025-Q2"] == 450 and "2025-06" not in ledger.totals()
    release(ledger, snapshot_of(months("2025-07"), AUGUST, failing=[key("2025-06")]), AUGUST)
    later = date(2025, 9, 1)
    restated = snapshot_of(months("2025-08", m06=7), later, failing=[key("2025-06")])
    held = release(ledger, restated, later)
    assert {held_key.time_period: held_key.checks for held_key in held.values()} == {
        "2025-06": ("bounds",),
        "2025-Q2": ("closed_period",),
    }
    ledger.decide(held[key("2025-06")])
    assert not release(ledger, restated, later)
    assert (ledger.totals()["2025-06"], ledger.totals()["2025-Q2"]) == (157, 457)


def test_a_month_waits_for_its_quarter_that_can_not_change(ledger: MemoryLedger) -> None:
    release(ledger, snapshot_of(months("2025-06"), JULY), JULY)
    day = JULY + timedelta(days=1)
    restated = snapshot_of(months("2025-06", m06=7), day, failing=[key("2025-Q2")])
    held = release(ledger, restated, day)
    assert {held_key.time_period: held_key.checks for held_key in held.values()} == {
        "2025-06": (),
        "2025-Q2": ("bounds",),
    }
    assert held[key("2025-06")].reason == (
        "reconciliation: it is a part of the value of 2025-Q2, which would stay as published"
    )
    ledger.decide(held[key("2025-06")])
    assert release(ledger, restated, day).keys() == held.keys()  # no decision lets figures contradict each other
    ledger.decide(held[key("2025-Q2")])
    assert not release(ledger, restated, day)


def test_a_sum_to_date_is_that_of_the_published_months(ledger: MemoryLedger) -> None:
    restated = snapshot_of(months("2025-06", m04=7), JULY)
    held = release(ledger, restated, JULY)
    to_date = ledger.totals(column="year_to_date")
    assert (to_date["2025-04"], to_date["2025-05"], to_date["2025-06"]) == (600, 750, None)
    ledger.decide(held[key("2025-04")])
    release(ledger, restated, JULY)
    to_date = ledger.totals(column="year_to_date")
    assert [to_date[code] for code in ("2025-04", "2025-05", "2025-06", "2025-Q2")] == [607, 757, 907, 907]


GROWTH = kpi("growth", kind="ratio", unit="fraction", covers=("revenue",), observable_from=date(2026, 1, 1))


@pytest.mark.parametrize(
    ("changes", "restated", "is_held"),
    [
        ({"compared_with": ("1 year",)}, "2025-02", True),
        ({"compared_with": ("1 year",)}, "2025-03", False),
        ({"compared_with": ("1 year",), "covers": ()}, "2025-02", False),
        ({"window": "3 months", "compared_with": ()}, "2025-12", True),
        ({"window": "3 months", "compared_with": ()}, "2025-02", False),
    ],
)
def test_a_kpi_computed_from_a_restated_period_is_held_with_it(
    changes: dict[str, tuple[str, ...]], restated: str, is_held: bool
) -> None:
    growth = GROWTH.model_copy(update=changes)
    entries, ledger, values = (REVENUE, growth), MemoryLedger(), months("2026-02")
    grown = {"growth": {"2026-01": {"SE": 0.2}, "2026-02": {"SE": 0.25}}}
    first, then = date(2026, 2, 12), date(2026, 3, 12)
    release(ledger, snapshot_of(values, first, entries, other_values=grown), first, entries)
    values[restated] = {"SE": 80.0, "NO": 50.0}
    grown["growth"]["2026-02"] = {"SE": 0.3}
    release_snapshot = snapshot_of(values, then, entries, other_values=grown)
    held = release(ledger, release_snapshot, then, entries)
    base, waits = ("revenue", "M", restated), ("growth", "M", "2026-02")
    assert held[base].checks == ("closed_period",)
    assert (waits in held) == is_held
    if is_held:
        assert held[waits].reason == (
            f"base_restated: it is computed from revenue {restated}, whose changed value is held"
        )
        assert "2026-02" not in ledger.totals("growth")
        ledger.decide(held[base])
        assert not release(ledger, release_snapshot, then, entries).keys() & {base, waits}
    assert ledger.totals("growth")["2026-02"] == 0.3


def contradictions(ledger: MemoryLedger) -> list[tuple[str, str, str]]:
    """The published quarters, years and sums to date that aren't the sum of their months: period, column, member."""
    published, contradicting = ledger.published(), []
    by_month = {(period, member): row["obs_value"] for (_, period, _, member), row in published.items()}
    for (_, period, _, member), row in published.items():
        whole = parse(period)
        year = periods_between("M", whole.end.replace(month=1, day=1), whole.end)
        twelve = periods_between("M", (whole.end.replace(day=1) - timedelta(days=330)).replace(day=1), whole.end)
        for column, parts in (
            ("obs_value", periods_between("M", whole.start, whole.end)),
            ("obs_value", periods_between("Q", whole.start, whole.end) if whole.freq == "A" else []),
            ("year_to_date", year),
            ("rolling_12_months", twelve),
        ):
            values = [by_month.get((part.code, member)) for part in parts]
            if row[column] is not None and values and None not in values and sum(values) != row[column]:  # type: ignore[arg-type]
                contradicting.append((period, column, member))
    return contradicting


CODES = [month.code for month in MONTHS]
KEYS = [*CODES, *(f"2025-Q{number}" for number in (1, 2, 3, 4)), "2025"]
STEP = st.fixed_dictionaries(
    {
        "moves_on": st.integers(0, 5),
        "restated": st.dictionaries(st.sampled_from(CODES), st.integers(1, 9), max_size=3),
        "failing": st.sets(st.sampled_from(KEYS), max_size=3),
        "unjudged": st.sets(st.sampled_from(KEYS), max_size=2),
        "decisions": st.dictionaries(
            st.sampled_from(KEYS), st.sampled_from(["release", "release", "reject"]), max_size=4
        ),
    }
)


@examples(5)
@given(st.lists(STEP, min_size=2, max_size=4))
def test_whatever_is_released_in_whatever_order_published_figures_add_up(steps: list[dict]) -> None:  # type: ignore[type-arg]
    ledger, values, last, today = MemoryLedger(), {}, 5, JULY
    for step in steps:
        last = min(last + step["moves_on"], len(MONTHS) - 1)
        today = MONTHS[last].end + timedelta(days=5)
        values = {code: values.get(code, {"SE": 100.0, "NO": 50.0}) for code in CODES[: last + 1]}
        for code, more in step["restated"].items():
            if code in values:
                values[code] = {**values[code], "SE": values[code]["SE"] + more}
        keys = {name: [key(code) for code in step[name]] for name in ("failing", "unjudged")}
        release_snapshot = snapshot_of(values, today, **keys)
        held = release(ledger, release_snapshot, today)
        assert not contradictions(ledger)
        for code, decision in step["decisions"].items():
            if (held_key := held.get(key(code))) and held_key.candidate_hash:
                ledger.decide(held_key, decision)
        release(ledger, release_snapshot, today)
        assert not contradictions(ledger)
    # Once everything is judged and what is held is released, all is published as it is.
    release_snapshot = snapshot_of(values, today)
    for held_key in release(ledger, release_snapshot, today).values():
        ledger.decide(held_key)
    assert not release(ledger, release_snapshot, today) and not contradictions(ledger)
    candidates = release_snapshot.rows["revenue"].to_pylist()
    assert {(row["time_period"], row["member"]): row["obs_value"] for row in candidates} == {
        (period, member): row["obs_value"] for (_, period, _, member), row in ledger.published().items()
    }
