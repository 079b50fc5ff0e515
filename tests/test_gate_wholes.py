"""The gate's checks of feeds that come whole: a price list without a time, and a staff export that is rewritten with
its past. Both were judged once a month for a year.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from data_quality.verdict import CheckResult, Verdict
from metrics.feeds import Feed
from metrics.periods import periods_between
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, failing, kpi, months

# Two hundred products and two more each month; four hundred spells of employment and four more. In a month every
# eleventh of either changes its price, or its salary.
DELIVERY = """
create or replace table raw.products as
select 'P' || n as product_id, 'category ' || n % 4 as category,
    100.0 + 5 * (n % 37) + if(n % 11 = {month} % 11, 3, 0) as price,
    timestamptz '{loaded_at}' as _loaded_at, 'products.csv' as _source_file
from generate_series(1, 200 + 2 * {month}) as numbers(n);
create or replace table raw.employees as
select 'E' || n as employee_id, date '2024-01-01' + (n * 2)::integer as valid_from, 'team ' || n % 5 as team,
    30000.0 + 400 * (n % 41) + if(n % 11 = {month} % 11, 500, 0) as salary,
    timestamptz '{loaded_at}' as _loaded_at, 'employees.xlsx' as _source_file
from generate_series(1, 200 + 4 * {month}) as numbers(n)
"""
MONTHS = periods_between("M", date(2025, 1, 1), date(2026, 2, 28))
WEEKS = "select week::varchar from gate.feed_states where feed = 'products' order by week"
PRODUCTS, EMPLOYEES = "range_size", "salary"
LOST, DIFFERENT = {"rows_stay", "usual_losses"}, {"values_alike", "usual_values"}


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
        warehouse.feeds["products"] = feed("products", None, product_id="text", category="text", price="decimal")
        columns = {"employee_id": "text", "valid_from": "date", "team": "text", "salary": "decimal"}
        warehouse.feeds["employees"] = feed("employees", "valid_from", **columns)
        figures = months("2025-01", "2026-02", lambda n: 1000.0 + n)
        warehouse.add(kpi(PRODUCTS, feeds=("products",), inputs={"products": ("category", "price")}), figures)
        warehouse.add(kpi(EMPLOYEES, feeds=("employees",), inputs={"employees": ("salary", "valid_from")}), figures)
        warehouse.add(kpi("headcount", feeds=("employees",), inputs={"employees": ("valid_from",)}), figures)
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
    for check in ("rows_stay", "rows_unique", "columns_filled", "values_alike"):
        assert result(found[PRODUCTS], check).outcome == "pass"
    # Nothing is missing in a column that it doesn't read, nor of days that the rows don't have.
    assert result(found[PRODUCTS], "days_there").outcome == "not_applicable"
    assert warehouse.sql("select count(*) from gate.feed_states where feed = 'products'") == [(14,)]


@pytest.mark.parametrize(
    ("fault", "kpi_id", "checks"),
    [
        ("delete from raw.products where product_id[2:]::integer % 9 = 0", PRODUCTS, LOST),
        ("delete from raw.products where product_id in ('P3', 'P4', 'P5')", PRODUCTS, {"usual_losses"}),
        ("delete from raw.products", PRODUCTS, LOST),
        ("insert into raw.products from raw.products limit 20", PRODUCTS, {"rows_unique", "usual_duplicates"}),
        ("insert into raw.products from raw.products limit 1", PRODUCTS, {"usual_duplicates"}),
        (
            "update raw.products set price = null where product_id like '%3'",
            PRODUCTS,
            {"columns_filled", "usual_nulls"},
        ),
        ("update raw.products set price = 100 * price where product_id like '%3'", PRODUCTS, DIFFERENT),
        ("update raw.products set category = 'other' where category = 'category 3'", PRODUCTS, DIFFERENT),
        ("update raw.employees set salary = 100 * salary", EMPLOYEES, DIFFERENT),
        ("delete from raw.employees where employee_id[2:]::integer % 9 = 0", EMPLOYEES, LOST),
    ],
)
def test_a_fault_in_all_of_a_feed_is_seen_in_every_kpi_that_reads_it(
    warehouse: Warehouse, fault: str, kpi_id: str, checks: set[str]
) -> None:
    warehouse.sql(fault)
    found = judged(warehouse)
    assert failing(found[kpi_id]) - {"clear_of_held"} == checks
    others = {PRODUCTS: (EMPLOYEES, "headcount"), EMPLOYEES: (PRODUCTS,)}[kpi_id]
    assert {found[other].verdict for other in others} == {"publish"}
    assert (failing(found["headcount"]) == LOST) == (kpi_id == EMPLOYEES and checks == LOST)


def test_what_is_gone_is_a_share_of_the_most_of_the_weeks_before(warehouse: Warehouse) -> None:
    warehouse.sql("delete from raw.products where product_id[2:]::integer % 9 = 0")
    (left,) = warehouse.sql("select count(*) from raw.products")[0]
    gone = 1 - left / (200 + 2 * 12)
    found = result(judged(warehouse)[PRODUCTS], "rows_stay")
    assert found.figure == pytest.approx(gone, abs=1e-6)
    assert found.detail == f"feed products: {100 * gone:.1f} % of the rows that it had are gone"


def test_unlike_is_what_the_most_similar_state_of_the_year_lacks(warehouse: Warehouse) -> None:
    warehouse.sql("update raw.products set category = 'other' where category = 'category 3'")
    found = result(judged(warehouse)[PRODUCTS], "values_alike")
    weeks = [date.fromisoformat(code) for (code,) in warehouse.sql(WEEKS)]
    counts = [[len(range(of or 4, 201 + 2 * number, 4)) for of in range(4)] for number in range(len(weeks))]
    shares = [[count / sum(some) for count in some] + [0.0] for some in counts]
    shares[-1][3:] = [0.0, shares[-1][3]]

    def distance(at: int) -> float | None:
        past = [one for one, week in enumerate(weeks) if 35 <= (weeks[at] - week).days <= 371]
        return min((1 - sum(map(min, shares[at], shares[one])) for one in past), default=None)

    usual = max(far for at in range(len(weeks) - 2) if (far := distance(at)) is not None)
    chance = 2 * (usual * (1 - usual) / sum(counts[-1])) ** 0.5
    assert found.figure == pytest.approx((distance(len(weeks) - 1) or 0) - usual - chance, abs=1e-6)
    assert "feed products as a whole, column category:" in found.detail


def test_a_second_faulty_delivery_is_not_excused_by_the_first(warehouse: Warehouse) -> None:
    warehouse.sql("update raw.products set price = 100 * price where product_id like '%3'")
    warehouse.sql("delete from raw.products where product_id like '%4'")
    for moment in ("2026-03-03 06:00:00", "2026-03-04 06:00:00", "2026-03-11 06:00:00"):
        warehouse.now(moment)
        assert failing(judged(warehouse)[PRODUCTS]) == LOST | DIFFERENT
    assert warehouse.sql("select count(*) from gate.feed_states where feed = 'products'") == [(15,)]


def test_a_whole_that_is_delivered_right_passes_again(warehouse: Warehouse) -> None:
    warehouse.sql("create table raw.kept as from raw.products; delete from raw.products where product_id like '%3'")
    assert judged(warehouse)[PRODUCTS].verdict == "hold"
    warehouse.sql("delete from raw.products; insert into raw.products from raw.kept; drop table raw.kept")
    assert judged(warehouse)[PRODUCTS].verdict == "publish"


def test_the_first_state_has_none_to_be_held_against(warehouse: Warehouse) -> None:
    warehouse.sql("delete from gate.feed_states; delete from gate.column_states")
    warehouse.sql("insert into raw.products from raw.products limit 20")
    found = judged(warehouse)[PRODUCTS]
    for check in ("rows_stay", "rows_unique", "columns_filled", "values_alike"):
        assert result(found, check).outcome == "not_applicable"


def test_rows_that_were_always_there_twice_are_how_a_feed_is(warehouse: Warehouse) -> None:
    warehouse.sql("update gate.feed_states set n_duplicates = 20 where feed = 'products'")
    warehouse.sql("insert into raw.products from raw.products limit 20")
    assert result(judged(warehouse)[PRODUCTS], "rows_unique").outcome == "pass"


def test_a_feed_that_comes_in_parts_has_no_state(warehouse: Warehouse) -> None:
    warehouse.sql("update raw.products set _source_file = 'products_2.csv' where product_id like '%3'")
    warehouse.sql("delete from raw.products where product_id like '%4'")
    found = judged(warehouse)[PRODUCTS]
    assert result(found, "rows_stay").outcome == "not_applicable"
