"""The gate's checks of feeds that come whole: a price list without a time, and a staff export that is rewritten with
its past. Both were judged once a month for a year.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_quality.checks.values.snapshot_change import States, newest
from data_quality.decisions import decide
from data_quality.verdict import CheckResult, Verdict
from metrics.feeds import Feed
from metrics.periods import periods_between
from tests import warehouse_factory
from tests.warehouse_factory import OPEN_FOR_YEARS, Warehouse, kpi, levels, months

# Two hundred products and two more each month; four hundred spells of employment and four more. In a month every
# eleventh of either changes its price, or its salary.
DELIVERY = """
create or replace table raw.products as
select 'P' || n as product_id, 'category ' || n % 4 as category,
    100.0 + 5 * (n % 37) + if(n % 11 = {month} % 11, 3, 0) as price, 'product ' || n as label,
    timestamptz '{loaded_at}' as _loaded_at, 'products.csv' as _source_file
from generate_series(1, 200 + 2 * {month}) as numbers(n);
create or replace table raw.employees as
select 'E' || n as employee_id, date '2024-01-01' + (n * 2)::integer as valid_from, 'team ' || n % 5 as team,
    30000.0 + 400 * (n % 41) + if(n % 11 = {month} % 11, 500, 0) as salary,
    timestamptz '{loaded_at}' as _loaded_at, 'employees.xlsx' as _source_file
from generate_series(1, 200 + 4 * {month}) as numbers(n)
"""
MONTHS = periods_between("M", date(2025, 1, 1), date(2026, 2, 28))
PRODUCTS, SALARY, HEADCOUNT = "range_size", "salary", "headcount"
FLAGGED, HELD = {"snapshot_change": "flag"}, {"snapshot_change": "hold"}


def feed(name: str, time: str | None, **columns: str) -> Feed:
    facts = {"system": "erp", "file": "erp.yml", "line": 1, "description": "", "path": f"{name}.csv", "format": "csv"}
    times = {"time_column": time, "watermark": "delivery", "history_from": "2024-01-01"}
    return Feed.model_validate({"name": name, **facts, **times, "columns": columns})


def delivered(warehouse: Warehouse, number: int) -> None:
    """The delivery after the month of that number, on the morning on which that month is judged."""
    morning = MONTHS[number].end + timedelta(days=3)
    for name in ("products", "employees"):
        warehouse.feed(name, watermark=morning)
    warehouse.sql(DELIVERY.format(month=number, loaded_at=f"{morning} 05:00:00+00"))
    warehouse.now(f"{morning} 06:00:00")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    with pytest.MonkeyPatch.context() as monkeypatch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("data"), monkeypatch)
        warehouse.calendar = OPEN_FOR_YEARS
        warehouse.feeds["products"] = feed(
            "products", None, product_id="text", category="text", price="decimal", label="text"
        )
        columns = {"employee_id": "text", "valid_from": "date", "team": "text", "salary": "decimal"}
        warehouse.feeds["employees"] = feed("employees", "valid_from", **columns)
        figures = months("2025-01", "2026-02", lambda n: 1000.0 + n)
        warehouse.add(kpi(PRODUCTS, feeds=("products",), inputs={"products": ("category", "price")}), figures)
        warehouse.add(kpi(SALARY, feeds=("employees",), inputs={"employees": ("salary", "valid_from")}), figures)
        warehouse.add(kpi(HEADCOUNT, feeds=("employees",), inputs={"employees": ("valid_from",)}), figures)
        for number in range(len(MONTHS) - 1):
            delivered(warehouse, number)
            warehouse.judge(*2 * (MONTHS[number].end.isoformat(),))
        delivered(warehouse, len(MONTHS) - 1)
        return warehouse


@pytest.fixture
def warehouse(template: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    copied = warehouse_factory.copy(template, tmp_path, monkeypatch)
    copied.now("2026-03-03 06:00:00")
    return copied


def judged(warehouse: Warehouse) -> dict[str, Verdict]:
    return {kpi_id: one for (kpi_id, _), one in warehouse.judge("2026-02-28", "2026-02-28").items()}


def result(verdict: Verdict, check: str) -> CheckResult:
    return next(one for one in verdict.checks if one.check == check)


def test_wholes_that_grow_and_change_as_they_used_to_pass(warehouse: Warehouse) -> None:
    found = judged(warehouse)
    assert {one.verdict for one in found.values()} == {"publish"}
    assert {result(one, "snapshot_change").outcome for one in found.values()} == {"pass"}
    # Nothing lacks of days that the rows don't have.
    assert result(found[PRODUCTS], "too_few_rows").outcome == "not_applicable"
    assert warehouse.sql("select count(*) from gate.feed_states where feed = 'products'") == [(14,)]


@pytest.mark.parametrize(
    ("fault", "kpis", "expected"),
    [
        ("delete from raw.products where product_id[2:]::integer % 9 = 0", {PRODUCTS}, HELD),
        ("delete from raw.products where product_id[2:]::integer <= 9", {PRODUCTS}, FLAGGED),
        ("delete from raw.products", {PRODUCTS}, HELD),
        ("insert into raw.products from raw.products limit 20", {PRODUCTS}, HELD),
        ("insert into raw.products from raw.products limit 5", {PRODUCTS}, FLAGGED),
        (
            "insert into raw.products select * replace ('Q' || product_id as product_id) from raw.products",
            {PRODUCTS},
            HELD,
        ),
        ("update raw.products set price = null where product_id like '%3'", {PRODUCTS}, HELD),
        ("update raw.products set price = 100 * price where product_id like '%3'", {PRODUCTS}, HELD),
        ("update raw.products set category = 'other' where category = 'category 3'", {PRODUCTS}, HELD),
        ("update raw.products set label = 'x'", {PRODUCTS}, {}),
        ("update raw.employees set salary = 100 * salary", {SALARY}, HELD),
        ("delete from raw.employees where employee_id[2:]::integer % 9 = 0", {SALARY, HEADCOUNT}, HELD),
    ],
)
def test_a_change_at_once_is_seen_in_every_kpi_that_reads_what_changed(
    warehouse: Warehouse, fault: str, kpis: set[str], expected: dict[str, str]
) -> None:
    warehouse.sql(fault)
    found = {kpi_id: levels(one) for kpi_id, one in judged(warehouse).items()}
    assert found == {kpi_id: expected if kpi_id in kpis else {} for kpi_id in (PRODUCTS, SALARY, HEADCOUNT)}


def test_the_figure_is_what_came_or_went_beyond_the_usual_and_chance(warehouse: Warehouse) -> None:
    warehouse.sql("delete from raw.products where product_id[2:]::integer % 9 = 0")
    (left,) = warehouse.sql("select count(*) from raw.products")[0]
    before, usual = 200 + 2 * 12, 2 / 202  # two products came with the second delivery
    gone = 1 - left / before - usual - 2 * (usual * (1 - usual) / before) ** 0.5
    found = result(judged(warehouse)[PRODUCTS], "snapshot_change")
    assert found.figure == pytest.approx(gone, abs=1e-6)
    assert found.detail.split("; ")[0] == f"feed products: {gone:.1%} of the rows came or went, beyond the usual"


def test_a_column_s_figure_is_its_total_variation(warehouse: Warehouse) -> None:
    warehouse.sql("update raw.products set category = 'other' where category = 'category 3'")
    found = result(judged(warehouse)[PRODUCTS], "snapshot_change")
    counts = [[len(range(of or 4, 201 + 2 * number, 4)) for of in range(4)] for number in range(14)]
    shares = [[count / sum(some) for count in some] for some in counts]

    def variation(one: list[float], other: list[float]) -> float:
        return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / 2

    usual = max(variation(shares[at - 1], shares[at]) for at in range(2, 13))
    renamed = variation([*shares[12], 0], [*shares[13][:3], 0, shares[13][3]])
    chance = 2 * (max(usual, 1 / 224) * (1 - max(usual, 1 / 224)) / 224) ** 0.5
    assert found.figure == pytest.approx(renamed - usual - chance, abs=1e-6)
    assert "feed products, column category: " in found.detail
    assert "; most of all one member: 0.0% where it was 25.0%" in found.detail


def test_what_stays_wrong_stays_held_and_the_repair_passes(warehouse: Warehouse) -> None:
    warehouse.sql("create table raw.kept as from raw.products")
    warehouse.sql("insert into raw.products select * replace ('Q' || product_id as product_id) from raw.products")
    for moment in ("2026-03-03 06:00:00", "2026-03-04 06:00:00", "2026-03-11 06:00:00", "2026-05-20 06:00:00"):
        warehouse.now(moment)
        assert levels(judged(warehouse)[PRODUCTS]) == HELD
    warehouse.sql("delete from raw.products; insert into raw.products from raw.kept; drop table raw.kept")
    warehouse.now("2026-05-27 06:00:00")
    assert judged(warehouse)[PRODUCTS].verdict == "publish"
    assert warehouse.sql("select count(*) from gate.feed_states where feed = 'products'") == [(17,)]


def test_a_value_that_a_person_releases_lets_that_state_through_and_no_other(warehouse: Warehouse) -> None:
    warehouse.sql("update raw.products set category = 'other' where category = 'category 3'")
    assert levels(judged(warehouse)[PRODUCTS]) == HELD
    warehouse.publish("2026-02-28", "2026-02-28")
    reason = {"reason": "we renamed it", "by": "cfo@example.com"}
    decide(warehouse.company, warehouse.catalog, "release", PRODUCTS, "2026-02", **reason)
    for moment in ("2026-03-03 06:00:00", "2026-03-04 06:00:00"):  # the clock may stand still
        warehouse.now(moment)
        found = judged(warehouse)[PRODUCTS]
    assert found.verdict == "publish"
    assert warehouse.sql("select count(*) from gate.feed_states where feed = 'products'") == [(15,)]
    warehouse.sql("delete from raw.products where product_id[2:]::integer > 99")
    for moment in ("2026-03-05 06:00:00", "2026-03-11 06:00:00"):
        warehouse.now(moment)
        assert levels(judged(warehouse)[PRODUCTS]) == HELD


def test_a_release_lets_no_more_through_than_the_kpi_reads(warehouse: Warehouse) -> None:
    warehouse.add(
        kpi("teams", feeds=("employees",), inputs={"employees": ("team",)}), months("2025-01", "2026-02", lambda _: 5.0)
    )
    warehouse.sql("update raw.employees set salary = 100 * salary, team = 'other' where team = 'team 3'")
    assert {levels(judged(warehouse)[one]) == HELD for one in (SALARY, "teams")} == {True}
    warehouse.publish("2026-02-28", "2026-02-28")
    reason = {"reason": "we renamed it", "by": "cfo@example.com"}
    decide(warehouse.company, warehouse.catalog, "release", "teams", "2026-02", **reason)
    warehouse.now("2026-03-11 06:00:00")
    assert levels(judged(warehouse)[SALARY]) == HELD
    assert judged(warehouse)["teams"].verdict == "publish"


def test_a_kpi_with_a_limit_of_its_own_is_held_until_its_feed_is_mended(warehouse: Warehouse) -> None:
    strict = kpi(PRODUCTS, feeds=("products",), inputs={}, gate={"snapshot_change": {"hold": 0.01}})
    warehouse.add(strict, months("2025-01", "2026-02", lambda _: 5.0))
    warehouse.sql("delete from raw.products where product_id[2:]::integer <= 12")
    for moment in ("2026-03-03 06:00:00", "2026-03-11 06:00:00"):
        warehouse.now(moment)
        assert levels(judged(warehouse)[PRODUCTS]) == HELD


def test_a_new_column_makes_the_others_no_less_comparable(warehouse: Warehouse) -> None:
    warehouse.sql("alter table raw.products add column brand varchar default 'none'")
    warehouse.sql("update raw.products set category = 'c' || hash(product_id) % 99")
    assert levels(judged(warehouse)[PRODUCTS]) == HELD


def test_a_feed_that_comes_in_parts_has_no_state(warehouse: Warehouse) -> None:
    warehouse.sql("update raw.products set _source_file = 'products_2.csv' where product_id like '%3'")
    warehouse.sql("delete from raw.products where product_id like '%4'")
    assert result(judged(warehouse)[PRODUCTS], "snapshot_change").outcome == "not_applicable"


LIMIT = 0.05
STEADY = [1000.0 + number for number in range(60)]


def found(*rows: float, released: Sequence[float] = (), pause: int = 0) -> tuple[float, int] | None:
    """What is found of that many rows, a week after the other; `pause` weeks lie before the last one."""
    days = 7.0 * np.arange(len(rows))
    days[-1] += 7 * pause
    return newest(States.of_rows(days, np.array(rows)), LIMIT, released)


def holds(*rows: float, released: Sequence[float] = (), pause: int = 0) -> bool:
    judged = found(*rows, released=released, pause=pause)
    assert judged is not None
    return judged[0] > LIMIT


def test_a_year_of_states_comes_first() -> None:
    assert found(*STEADY[:52], 500) is None
    judged = found(*STEADY[:53], 500)
    assert judged is not None and judged[0] == pytest.approx(0.52, abs=0.01)


def test_a_fault_that_comes_again_is_as_surprising_as_the_first_time() -> None:
    assert holds(*STEADY, 500, *STEADY[-2:], 500)
    years = [1000 + 0.2 * week for week in range(160)]
    years[60], years[110] = 500, 500
    assert holds(*years, 500)


def test_a_season_of_the_year_before_is_usual() -> None:
    assert not holds(*[1000.0] * 10, 1500.0, *[1000.0] * 51, 1500)


def test_what_stays_for_half_a_year_is_how_the_feed_is() -> None:
    assert holds(*STEADY, *[500.0] * 27)
    assert not holds(*STEADY, *[500.0] * 28)


def test_what_was_let_through_is_what_the_next_is_held_against() -> None:
    when = 7.0 * len(STEADY)
    assert holds(*STEADY, 500, 500)
    assert holds(*STEADY, 500, 500, released=[when - 1])
    assert not holds(*STEADY, 500, 500, released=[when + 1])
    assert holds(*STEADY, 500, 1000, released=[when + 1])


def test_a_pause_is_no_fault_of_a_feed_that_grows() -> None:
    grown = [1000 * 1.02**week for week in range(70)]
    assert not holds(*grown[:60], grown[69], pause=9)
    assert holds(*grown[:60], 2 * grown[69], pause=9)


@given(st.floats(0, 0.01), st.integers(1, 12), st.floats(0.05, 0.7) | st.floats(1.5, 10))
def test_a_fault_is_held_as_long_as_it_is_there_and_its_repair_is_not(growth: float, weeks: int, factor: float) -> None:
    right = [5000 * (1 + growth) ** week for week in range(60 + weeks + 1)]
    wrong = [*right[:60], *(factor * rows for rows in right[60:-1])]
    assert all(holds(*wrong[:end]) for end in range(61, 61 + weeks))
    assert not holds(*wrong, right[-1])
