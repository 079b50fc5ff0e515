"""Disclosure control on small tables: which cells are suppressed, and that no suppressed number can be computed."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from warehouse_factory import kpi

from data_quality.disclosure import thresholds
from data_quality.disclosure.control import controlled
from data_quality.ledger.schemas import OBSERVATIONS
from metrics.core.periods import parse
from metrics.definitions.catalog import CatalogKpi, PersonCount
from tests.disclosure_attack import Form, attack
from tests.examples import examples

TODAY = date(2026, 5, 1)
MONTHS = ("2026-01", "2026-02", "2026-03")
LEAVERS = kpi("leavers", protected=True, kind="flow", freqs=("M", "Q"), segments=("department",), unit="persons")
RATE = kpi(
    "rate",
    protected=True,
    kind="ratio",
    metric_type="ratio",
    nested_persons=True,
    person_counts=(
        PersonCount(role="numerator", group="absent", stock=False),
        PersonCount(role="denominator", group="staff", stock=False),
    ),
)
STAFF = kpi(
    "staff", protected=True, kind="stock", person_counts=(PersonCount(role="numerator", group="staff", stock=True),)
)


def rows(entry: CatalogKpi, code: str, counts: dict[str, int], segment: str = "department") -> list[dict[str, Any]]:
    """The rows of one period of a KPI that counts persons: its members and the total."""
    return [
        row(entry, code, "_T", "_T", sum(counts.values())),
        *(row(entry, code, segment, member, count) for member, count in counts.items()),
    ]


def row(
    entry: CatalogKpi, code: str, segment: str, member: str, numerator: int, denominator: int | None = None
) -> dict[str, Any]:
    period = parse(code)
    return {
        "kpi_id": entry.kpi_id,
        "freq": period.freq,
        "time_period": code,
        "period_start": period.start,
        "period_end": period.end,
        "segment": segment,
        "member": member,
        "obs_value": float(numerator) if denominator is None else numerator / max(denominator, 1),
        "numerator": None if denominator is None else float(numerator),
        "denominator": None if denominator is None else float(denominator),
        "n_obs": denominator or numerator,
        "n_persons_numerator": numerator,
        "n_persons_denominator": denominator,
        "year_to_date": None,
        "rolling_12_months": None,
    }


def days_lost(code: str, days: int) -> dict[str, Any]:
    """A period in which 20 of 100 persons lost that many of their 2000 days."""
    lost = {"obs_value": days / 2000, "numerator": float(days), "denominator": 2000.0, "n_obs": 2000}
    return {**row(RATE, code, "_T", "_T", 20, 100), **lost}


def release(
    given_rows: list[dict[str, Any]],
    *kpis: CatalogKpi,
    before: pa.Table | None = None,
    only: str | None = None,
    histories: dict[str, pa.Table] | None = None,
) -> list[dict[str, Any]]:
    """The disclosed rows of a release of these rows, given the ledger's observations."""
    keys = {(r["kpi_id"], r["freq"], r["time_period"]) for r in given_rows if only in (None, r["time_period"])}
    return controlled(
        given_rows,
        keys,
        {entry.kpi_id: entry for entry in kpis},
        ledger() if before is None else before,
        TODAY,
        histories or {},
    )


def ledger(*releases: list[dict[str, Any]], version: int = 1) -> pa.Table:
    """The ledger's observations after some releases."""
    schema = OBSERVATIONS.append(pa.field("sequence", pa.int64()))
    entries = [
        {**dict.fromkeys(schema.names), **{k: v for k, v in r.items() if k in schema.names}}
        | {"definition_version": version, "sequence": sequence}
        for sequence, released in enumerate(releases, start=1)
        for r in released
    ]
    nullable = pa.schema([field.with_nullable(True) for field in schema])
    return pa.Table.from_pylist(entries, schema=nullable)


def hidden(released: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """The suppressed cells, as (period, member)."""
    return {(r["time_period"], r["member"]) for r in released if r["conf_status"] != "F"}


@pytest.mark.parametrize(
    ("numerator", "denominator", "small"),
    [(5, 10, False), (0, 10, False), (0, 0, False), (4, 40, True), (10, 14, True), (3, 3, True), (0, 4, True)],
)
def test_numerator_denominator_and_complement_need_the_threshold(numerator: int, denominator: int, small: bool) -> None:
    cell = row(RATE, "2026-01", "_T", "_T", numerator, denominator)
    assert bool(thresholds.protection_levels(cell, RATE)) is small
    assert thresholds.is_counted(cell, RATE)


@pytest.mark.parametrize(
    ("numerator", "denominator", "small"), [(5, 5, False), (20, 4, True), (4, 20, True), (20, 0, False)]
)
def test_where_the_persons_are_not_nested_each_group_needs_the_threshold(
    numerator: int, denominator: int, small: bool
) -> None:
    apart = RATE.model_copy(update={"nested_persons": False})
    assert bool(thresholds.protection_levels(row(apart, "2026-01", "_T", "_T", numerator, denominator), apart)) is small


def test_a_rate_of_answers_that_are_all_favourable_is_revised_by_many_more() -> None:
    """Each person gives six answers; nobody gave another one than a favourable one."""
    answers = RATE.model_copy(update={"nested_persons": False})

    def favourable(persons: int) -> dict[str, Any]:
        return {
            **row(answers, "2026-01", "_T", "_T", persons, 0),
            "numerator": 6.0 * persons,
            "denominator": 6.0 * persons,
        }

    first = release([favourable(20)], answers)
    assert [release([favourable(n)], answers, before=ledger(first))[0]["numerator"] for n in (22, 40)] == [120, 240]


@pytest.mark.parametrize("fault", [{"disclosure_threshold": 0}, {"person_counts": ()}])
def test_a_key_with_uncounted_persons_is_suppressed_as_a_whole(fault: dict[str, Any]) -> None:
    unsure = STAFF.model_copy(update=fault)
    assert len(hidden(release(rows(unsure, "2026-01", {"a": 50, "b": 60}), unsure))) == 3
    lacking = rows(STAFF, "2026-01", {"a": 50, "b": 60})
    lacking[1]["n_persons_numerator"] = None
    assert len(hidden(release(lacking, STAFF))) == 3


OF_LEAVERS = RATE.model_copy(
    update={
        "kpi_id": "voluntary",
        "part_of": "leavers",
        "person_counts": (PersonCount(role="numerator", group="voluntary", stock=False), RATE.person_counts[1]),
    }
)


@pytest.mark.parametrize(
    ("voluntary", "leavers", "staff", "small"),
    [(0, 0, 2, True), (0, 0, 62, False), (6, 12, 62, False), (6, 6, 62, False), (6, 7, 62, True), (1, 12, 62, True)],
)
def test_the_staff_and_the_other_leavers_of_a_rate_of_voluntary_leavers_need_the_threshold(
    voluntary: int, leavers: int, staff: int, small: bool
) -> None:
    table = [
        row(LEAVERS, "2026-01", "_T", "_T", leavers),
        row(OF_LEAVERS, "2026-01", "_T", "_T", voluntary, staff),
    ]
    by_kpi = {r["kpi_id"]: r for r in release(table, LEAVERS, OF_LEAVERS)}
    assert (by_kpi["voluntary"]["conf_status"] == "C") is small
    assert thresholds.WIDER not in by_kpi["voluntary"]
    (alone,) = release(table[1:], OF_LEAVERS)
    assert (alone["conf_status"] == "C") is (small and leavers != 7)


def test_the_other_members_do_not_reveal_who_left_for_other_reasons() -> None:
    leavers, voluntary = {"a": 12, "b": 20, "c": 16}, {"a": 11, "b": 10, "c": 10}
    rates = [
        row(OF_LEAVERS, "2026-01", segment, member, sum(voluntary.values()) if member == "_T" else voluntary[member], n)
        for segment, member, n in [("_T", "_T", 300), *(("department", member, 100) for member in voluntary)]
    ]
    released = release(rows(LEAVERS, "2026-01", leavers) + rates, LEAVERS, OF_LEAVERS)
    hidden_rates = {r["member"] for r in released if r["kpi_id"] == "voluntary" and r["conf_status"] == "C"}
    assert "a" in hidden_rates
    assert len(hidden_rates) > 1


def test_nothing_is_suppressed_when_no_cell_is_sensitive() -> None:
    assert hidden(release(rows(STAFF, "2026-01", {"a": 5, "b": 60, "none": 0}), STAFF)) == set()


def test_secondary_suppression_takes_the_cheapest_other_member() -> None:
    released = release(rows(STAFF, "2026-01", {"a": 3, "b": 40, "c": 10}), STAFF)
    assert hidden(released) == {("2026-01", "a"), ("2026-01", "c")}
    (cell,) = (r for r in released if r["member"] == "a")
    assert [cell[name] for name in ("obs_value", "n_obs", "n_persons_numerator")] == [None] * 3


def test_two_small_members_with_a_small_sum_need_a_third_one_suppressed() -> None:
    assert len(hidden(release(rows(STAFF, "2026-01", {"a": 1, "b": 2, "c": 40, "d": 10}), STAFF))) == 3


def test_without_other_members_the_total_is_suppressed() -> None:
    assert hidden(release(rows(STAFF, "2026-01", {"a": 3}), STAFF)) == {("2026-01", "a"), ("2026-01", "_T")}


def test_a_quarter_does_not_reveal_a_suppressed_month() -> None:
    """The members are safe in each month; the quarter minus the other months would reveal one cell."""
    months = [{"a": 3, "b": 7, "c": 9}, {"a": 10, "b": 20, "c": 30}, {"a": 11, "b": 21, "c": 31}]
    table = [r for code, counts in zip(MONTHS, months, strict=True) for r in rows(LEAVERS, code, counts)]
    table += rows(LEAVERS, "2026-Q1", {member: sum(m[member] for m in months) for member in "abc"})
    released = release(table, LEAVERS)
    assert leaks(table, released) == set()
    alone = {("2026-01", "a"), ("2026-01", "b")}
    only_the_month = [{**r, "obs_value": None} if (r["time_period"], r["member"]) in alone else r for r in table]
    assert leaks(table, only_the_month) == {("2026-01", "a")}


def test_a_related_kpi_does_not_reveal_what_another_suppresses() -> None:
    """Member a has 4 persons: the denominator of its rate, or of the member suppressed with it, would reveal that."""
    counts = {"a": 4, "b": 30, "c": 50}
    rates = [row(RATE, "2026-01", "_T", "_T", 30, 85)]
    rates += [row(RATE, "2026-01", "department", member, 0, n + (member == "a")) for member, n in counts.items()]
    rates[2] |= {"n_persons_numerator": 10}
    rates[3] |= {"n_persons_numerator": 20}
    released = release(rows(STAFF, "2026-01", counts) + rates, STAFF, RATE)
    assert {m for _, m in hidden([r for r in released if r["kpi_id"] == "staff"])} == {"a", "b"}
    assert {m for _, m in hidden([r for r in released if r["kpi_id"] == "rate"])} == {"a", "b"}


def numbers(size: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(min_value=0, max_value=12), min_size=size, max_size=size)


HIRES = kpi(
    "hires", protected=True, kind="flow", person_counts=(PersonCount(role="numerator", group="staff", stock=False),)
)


def with_rate(counts: dict[str, int], without: dict[str, int] | None = None) -> list[dict[str, Any]]:
    """HIRES of a month with these counts, and RATE: how many of them filled a position, all but `without`."""
    hired = rows(HIRES, "2026-01", counts)
    left = {member: (without or {}).get(member, 0) for member in counts} | {"_T": sum((without or {}).values())}
    filled = [(r["segment"], r["member"], r["n_persons_numerator"]) for r in hired]
    return hired + [row(RATE, "2026-01", segment, member, n - left[member], n) for segment, member, n in filled]


def test_a_rest_without_anybody_hides_nothing() -> None:
    """Everybody hired filled a position: c protects a in both KPIs, and both totals are published."""
    released = release(with_rate({"a": 3, "b": 30, "c": 9, "d": 40}), HIRES, RATE)
    assert [hidden([r for r in released if r["kpi_id"] == name]) for name in ("hires", "rate")] == [
        {("2026-01", "a"), ("2026-01", "c")}
    ] * 2


def test_a_rest_of_few_persons_is_protected() -> None:
    released = release(with_rate({"a": 3, "b": 30, "c": 9, "d": 40}, without={"d": 1}), HIRES, RATE)
    assert {("2026-01", "_T"), ("2026-01", "d")} <= hidden([r for r in released if r["kpi_id"] == "rate"])


def test_a_group_that_another_kpi_counts_too_keeps_its_rest() -> None:
    """In another month, that KPI may count fewer persons than were hired: the two groups aren't the same."""
    absent = HIRES.model_copy(update={"kpi_id": "absent", "person_counts": RATE.person_counts[:1]})
    table = with_rate({"a": 3, "b": 30, "c": 9})
    other_month = [*rows(HIRES, "2026-02", {"a": 40}), *rows(absent, "2026-02", {"a": 38})]
    released = release(table + other_month, HIRES, RATE, absent)
    assert ("2026-01", "_T") in hidden([r for r in released if r["kpi_id"] == "rate"])


@examples(25)
@given(st.integers(min_value=1, max_value=4).flatmap(numbers))
def test_no_table_of_a_group_and_all_of_it_leaks(counts: list[int]) -> None:
    """What either KPI publishes of a cell tells the persons of both."""
    table = with_rate(dict(zip("abcd", counts, strict=False)))
    persons = {form(r): r["n_persons_numerator"] for r in table}
    released = release(table, HIRES, RATE)
    told = [r if r["conf_status"] == "C" else {**r, "obs_value": persons[form(r)]} for r in released]
    assert leaks(table, told) == set()


def test_a_suppressed_cell_stays_suppressed() -> None:
    first = release(rows(STAFF, "2026-01", {"a": 3, "b": 40, "c": 10}), STAFF)
    later = release(rows(STAFF, "2026-01", {"a": 30, "b": 40, "c": 60}), STAFF, before=ledger(first))
    assert hidden(later) == {("2026-01", "a"), ("2026-01", "c")}


def test_a_published_value_does_not_change_by_a_few_persons() -> None:
    first = release(rows(STAFF, "2026-01", {"a": 30, "b": 40}), STAFF)
    later = release(rows(STAFF, "2026-01", {"a": 31, "b": 46}), STAFF, before=ledger(first))
    assert [(r["member"], r["obs_value"]) for r in later] == [("_T", 77), ("a", 30), ("b", 46)]


def test_one_person_who_was_ill_all_month_does_not_change_the_published_rate() -> None:
    """A late sick note of 20 days: as many days as seven average absentees have, but of one person."""
    first = release([days_lost("2026-01", 60)], RATE)
    later = release([days_lost("2026-01", 80)], RATE, before=ledger(first))
    assert [r["numerator"] for r in later] == [60]
    many = release([days_lost("2026-01", 170)], RATE, before=ledger(first))
    assert [r["numerator"] for r in many] == [170]


def test_a_small_change_of_the_numerator_does_not_come_with_a_large_one_of_the_denominator() -> None:
    first = release([days_lost("2026-01", 60)], RATE)
    (later,) = release([{**days_lost("2026-01", 63), "denominator": 2200.0}], RATE, before=ledger(first))
    assert (later["numerator"], later["denominator"]) == (60, 2000)


@pytest.mark.parametrize(("goals", "published"), [(44, 40), (140, 140)])
def test_a_ratio_that_counts_only_the_numerators_persons_is_revised_by_many_of_them(goals: int, published: int) -> None:
    """Goals of weight 1.5 and score 0.8, one of each of that many persons."""
    scores = RATE.model_copy(update={"nested_persons": False, "person_counts": RATE.person_counts[:1]})

    def judged(owners: int) -> dict[str, Any]:
        parts = {"numerator": 1.2 * owners, "denominator": 1.5 * owners, "obs_value": 0.8, "n_obs": owners}
        return {**row(scores, "2026-01", "_T", "_T", owners), **parts}

    first = release([judged(40)], scores)
    (later,) = release([judged(goals)], scores, before=ledger(first))
    assert later["denominator"] == 1.5 * published


@pytest.mark.parametrize(
    ("days", "published"), [(6000, 20.4e6), (6060, 20e6), (6300, 20.4e6)], ids=["none", "two persons", "ten persons"]
)
def test_a_numerator_that_is_of_no_person_is_revised_unless_few_persons_change(days: int, published: float) -> None:
    """The revenue of a month with 200 employees, each of 30 days."""
    per_employee = RATE.model_copy(update={"nested_persons": False, "person_counts": RATE.person_counts[1:]})

    def revenue(amount: float, employee_days: int) -> dict[str, Any]:
        parts = {"numerator": amount, "denominator": employee_days / 30, "obs_value": amount / employee_days * 30}
        return {**row(per_employee, "2026-01", "_T", "_T", 0, 200), "n_persons_numerator": None, **parts}

    first = release([revenue(20e6, 6000)], per_employee)
    (later,) = release([revenue(20.4e6, days)], per_employee, before=ledger(first))
    assert later["numerator"] == published


def test_a_quarter_does_not_reveal_an_unpublished_change_of_its_months() -> None:
    months = [days_lost(code, 60) for code in MONTHS]
    first = release(months, RATE)
    later = [*months[:2], days_lost("2026-03", 80)]
    quarter = {**days_lost("2026-Q1", 200), "denominator": 6000.0, "n_obs": 6000}
    released = release([*later, quarter], RATE, before=ledger(first))
    assert [r["numerator"] for r in released] == [60, 60, 60, 180]
    assert released[-1]["obs_value"] == pytest.approx(180 / 6000)
    again = release([*later, quarter], RATE, before=ledger(first, released))
    assert again[-1]["numerator"] == 180


def test_a_leaver_booked_late_does_not_change_the_quarter() -> None:
    months = [row(LEAVERS, code, "_T", "_T", 10) for code in MONTHS]
    first = release(months, LEAVERS)
    later = [*months[:2], row(LEAVERS, "2026-03", "_T", "_T", 11), row(LEAVERS, "2026-Q1", "_T", "_T", 31)]
    assert [r["obs_value"] for r in release(later, LEAVERS, before=ledger(first))] == [10, 10, 10, 30]


def test_a_small_change_by_a_newer_definition_is_suppressed() -> None:
    first = release(rows(STAFF, "2026-01", {"a": 30, "b": 40, "c": 50}), STAFF)
    newer = STAFF.model_copy(update={"definition_version": 2})
    later = release(rows(newer, "2026-01", {"a": 31, "b": 60, "c": 50}), newer, before=ledger(first))
    assert hidden(later) == {("2026-01", "a")}


def test_new_values_are_suppressed_when_published_ones_reveal_a_small_cell() -> None:
    """All other cells are published already, so that nothing can protect it; new values are suppressed."""
    first = release(rows(STAFF, "2026-01", {"a": 30, "b": 40}), STAFF)
    later = release(rows(STAFF, "2026-01", {"a": 3, "b": 40}), STAFF, before=ledger(first))
    assert ("2026-01", "a") in hidden(later)


def test_months_released_one_by_one_do_not_reveal_each_other() -> None:
    months = [{"a": 3, "b": 7, "c": 9}, {"a": 10, "b": 20, "c": 30}, {"a": 11, "b": 21, "c": 31}]
    table: list[dict[str, Any]] = []
    releases: list[list[dict[str, Any]]] = []
    for number, (code, counts) in enumerate(zip(MONTHS, months, strict=True), start=1):
        table += rows(LEAVERS, code, counts)
        quarter = rows(LEAVERS, "2026-Q1", {m: sum(month[m] for month in months[:number]) for m in "abc"})
        now = [*table, *(quarter if number == 3 else [])]
        releases.append(release(now, LEAVERS, before=ledger(*releases)))
    table += quarter
    public = [r for released in releases for r in released]
    assert leaks(table, public) == set()


def form(r: dict[str, Any]) -> Form:
    return (r["segment"], r["member"]), r["period_start"], r["period_end"]


def leaks(table: list[dict[str, Any]], released: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """The small cells of a table of counts that the attacker can compute, exactly or to within 5 persons."""
    published = {form(r): float(r["obs_value"]) for r in released if r["obs_value"] is not None}
    small = {form(r): r for r in table if 0 < r["n_persons_numerator"] < 5}
    hidden_forms = [cell_form for cell_form in small if cell_form not in published]
    intervals = attack(published, hidden_forms, {form(r)[0] for r in table})
    narrow = {interval.form for interval in intervals if interval.highest - interval.lowest < 5 - 1e-6}
    leaked = narrow | (small.keys() & published.keys())
    return {(small[cell_form]["time_period"], small[cell_form]["member"]) for cell_form in leaked}


@examples(25)
@given(st.integers(min_value=1, max_value=4).flatmap(lambda size: st.lists(numbers(size), min_size=3, max_size=3)))
def test_no_table_of_months_and_their_quarter_leaks(counts: list[list[int]]) -> None:
    members = "abcd"[: len(counts[0])]
    months = [dict(zip(members, month_counts, strict=True)) for month_counts in counts]
    table = [r for code, month_counts in zip(MONTHS, months, strict=True) for r in rows(LEAVERS, code, month_counts)]
    table += rows(LEAVERS, "2026-Q1", {m: sum(month_counts[m] for month_counts in months) for m in members})
    released = release(table, LEAVERS)
    assert leaks(table, released) == set()
    if not any(0 < r["n_persons_numerator"] < 5 for r in table):
        assert hidden(released) == set()


def crossed(entry: CatalogKpi, code: str, counts: list[list[int]]) -> list[dict[str, Any]]:
    """The rows of one period by country, by department, and by both; `counts` has a list of departments per country."""
    countries = {f"c{place}": sum(of_country) for place, of_country in enumerate(counts)}
    departments = {f"d{place}": sum(numbers) for place, numbers in enumerate(zip(*counts, strict=True))}
    both = {
        f"{country}:{department}": number
        for country, of_country in zip(countries, counts, strict=True)
        for department, number in zip(departments, of_country, strict=True)
    }
    by_segment = {"country": countries, "department": departments, "country:department": both}
    members = [(segment, *entry) for segment, numbers in by_segment.items() for entry in numbers.items()]
    total = row(entry, code, "_T", "_T", sum(countries.values()))
    return [total, *(row(entry, code, *member) for member in members)]


CROSSED = kpi(
    "leavers", protected=True, kind="flow", freqs=("M", "Q"), unit="persons",
    segments=("country", "department", "country:department"),
)  # fmt: skip


def test_a_small_cell_of_a_combination_is_not_the_rest_of_its_row() -> None:
    """By country alone and by department alone nothing is small; the one small cell needs three others to hide in."""
    table = crossed(CROSSED, "2026-01", [[3, 40, 20], [30, 9, 11], [12, 14, 8]])
    released = release(table, CROSSED)
    suppressed = {r["member"] for r in released if r["obs_value"] is None}
    assert "c0:d0" in suppressed and len(suppressed) >= 4
    assert leaks(table, released) == set()


def test_a_combination_that_comes_later_reveals_nothing_together_with_its_segments() -> None:
    table = crossed(CROSSED, "2026-01", [[3, 40, 20], [30, 9, 11], [12, 14, 8]])
    singles = [r for r in table if r["segment"] != "country:department"]
    first = release(singles, CROSSED.model_copy(update={"segments": ("country", "department")}))
    assert all(r["obs_value"] is not None for r in first)
    later = release(table, CROSSED, before=ledger(first))
    assert leaks(table, [*first, *later]) == set()
    assert all(r["obs_value"] is not None for r in later if r["segment"] != "country:department")


@examples(15)
@given(
    st.tuples(st.integers(2, 3), st.integers(2, 3)).flatmap(
        lambda size: st.lists(st.lists(numbers(size[1]), min_size=size[0], max_size=size[0]), min_size=3, max_size=3)
    )
)
def test_no_table_of_two_segments_and_their_combination_leaks(months: list[list[list[int]]]) -> None:
    table = [r for code, counts in zip(MONTHS, months, strict=True) for r in crossed(CROSSED, code, counts)]
    quarter = [[sum(cells) for cells in zip(*rows, strict=True)] for rows in zip(*months, strict=True)]
    table += crossed(CROSSED, "2026-Q1", quarter)
    assert leaks(table, release(table, CROSSED)) == set()


@pytest.mark.parametrize("entry", [LEAVERS, RATE], ids=["a count", "a rate"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": 10, "b": 8, "c": 12}, {"a": 10, "b": 3, "c": 20}),
        ({"a": 10, "b": 8, "c": 12}, {"a": 10, "b": 3, "c": 12}),
        ({"a": 10, "b": 8, "c": 12}, {"a": 10, "b": 8, "c": 20, "d": 3}),
        ({"a": 10, "b": 0, "c": 12}, {"a": 20, "b": 3, "c": 12}),
    ],
)
def test_a_revised_value_reveals_no_small_cell_by_difference(
    entry: CatalogKpi, before: dict[str, int], after: dict[str, int]
) -> None:
    """The total less the members that are shown isn't a number of persons too few to be shown."""

    def cells_of(numbers: dict[str, int]) -> list[dict[str, Any]]:
        if entry is LEAVERS:
            return rows(LEAVERS, "2026-03", numbers)
        members = {"_T": sum(numbers.values()), **numbers}
        return [
            row(
                RATE,
                "2026-03",
                "_T" if name == "_T" else "department",
                name,
                number,
                50 * (len(numbers) ** (name == "_T")),
            )
            for name, number in members.items()
        ]

    first = release(cells_of(before), entry)
    later = release(cells_of(after), entry, before=ledger(first))
    shown = {cell["member"]: cell["numerator"] if entry is RATE else cell["obs_value"] for cell in later}
    small = [name for name, number in after.items() if number < 5]
    assert all(shown[name] != after[name] for name in small)
    if shown["_T"] is not None and all(shown[name] is not None for name in after if name not in small):
        assert shown["_T"] - sum(shown[name] for name in after if name not in small) != sum(
            after[name] for name in small
        )
