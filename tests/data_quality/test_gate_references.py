"""The gate's checks of keys: forty orders a day, half of new customers, who are all in a feed of their own."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from data_quality.gate.verdict import Verdict
from metrics.definitions.catalog import Join
from metrics.definitions.feeds import Feed
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, failing, kpi, levels, months, orders_feed

# A customer registers on the day of the first order, and orders again a week later.
ROWS = """
create table raw.orders as
select 'A' || row_number() over () as order_id, day + interval 12 hour as ordered_at,
    {key} as customer_id, 'SE' as country, 10 + n % 7 as amount,
    timestamptz '2026-03-01 00:00:00+00' as _loaded_at, 'orders.csv' as _source_file
from generate_series(date '2025-01-01', date '2026-02-28', interval 1 day) as days(day),
    generate_series(0, 39) as numbers(n);
create table raw.customers as
select customer_id, min(ordered_at)::date as created_at, 'SE' as country,
    timestamptz '2026-03-01 00:00:00+00' as _loaded_at, 'customers.csv' as _source_file
from raw.orders group by customer_id;
"""
NUMBER = "1000000 + 40 * (date_diff('day', date '2024-12-01', day::date) - if(n < 20, 7, 0)) + n + if(n < 20, 20, 0)"
IN_A_WEEK = "ordered_at between '2026-02-09' and '2026-02-16'"
REGISTERED_IN_A_WEEK = "created_at between '2026-02-09' and '2026-02-16'"
AGAIN = f"customer_id not in (select customer_id from raw.customers where {REGISTERED_IN_A_WEEK})"
FIGURES = months("2025-01", "2026-02", lambda n: 1000.0 + n)
JOINS = (
    Join("customers", "customer_id", "orders", "customer_id"),
    Join("orders", "customer_id", "customers", "customer_id"),
)
HELD, FLAGGED = {"unmatched_keys": "hold"}, {"unmatched_keys": "flag"}


@pytest.fixture(scope="module", params=["text", "integer"])
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    with pytest.MonkeyPatch.context() as monkeypatch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("data"), monkeypatch)
        for name in ("orders", "customers"):
            warehouse.feed(name, history_from=date(2025, 1, 1), watermark=date(2026, 2, 28))
        columns = {"order_id": "text", "customer_id": request.param, "country": "text", "amount": "integer"}
        warehouse.feeds["orders"] = orders_feed(**columns)
        warehouse.feeds["customers"] = customers_feed(created_at="date", customer_id=request.param)
        warehouse.sql(ROWS.format(key=f"'C' || ({NUMBER})" if request.param == "text" else NUMBER))
        warehouse.add(kpi(feeds=("orders",), inputs={}), FIGURES)
        warehouse.add(kpi("new_customers", feeds=("customers", "orders"), inputs={}, joins=JOINS), FIGURES)
        return warehouse


def customers_feed(time: str | None = "created_at", **columns: str) -> Feed:
    return Feed.model_validate(
        {
            "name": "customers",
            "system": "shop",
            "file": "shop.yml",
            "line": 1,
            "description": "",
            "path": "customers.csv",
            "format": "csv",
            "columns": columns,
            "time_column": time,
            "watermark": "delivery",
            "history_from": "2025-01-01",
        }
    )


@pytest.fixture
def warehouse(template: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    return warehouse_factory.copy(template, tmp_path, monkeypatch)


def judged(warehouse: Warehouse) -> dict[tuple[str, str], Verdict]:
    return warehouse.judge("2025-12-01", "2026-02-28")


def test_keys_that_match_pass_and_a_kpi_of_one_feed_has_none_to_match(warehouse: Warehouse) -> None:
    verdicts = judged(warehouse)
    assert {verdict.verdict for verdict in verdicts.values()} == {"publish"}
    outcomes = {
        kpi_id: {result.outcome for result in verdicts[kpi_id, "2026-02"].checks if result.check == "unmatched_keys"}
        for kpi_id in ("new_customers", "revenue")
    }
    assert outcomes == {"new_customers": {"pass"}, "revenue": {"not_applicable"}}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("delete from raw.customers where hash(customer_id) % 10 = 0 and created_at >= '2026-02-01'", HELD),
        ("delete from raw.customers where created_at = '2026-02-28'", FLAGGED),  # 20 of 1,120
        (f"update raw.orders set customer_id = customer_id || '000' where {IN_A_WEEK}", HELD),
        (f"update raw.orders set customer_id = null where {IN_A_WEEK} and {AGAIN}", {}),  # no key, none to match
        (f"update raw.customers set created_at = created_at + 10 where {REGISTERED_IN_A_WEEK}", HELD),
        (f"delete from raw.orders where {IN_A_WEEK}", HELD),  # and those customers have no order
    ],
)
def test_keys_without_a_match_are_seen_in_their_period_by_what_reads_both_feeds(
    warehouse: Warehouse, fault: str, expected: dict[str, str]
) -> None:
    warehouse.sql(fault)
    verdicts = judged(warehouse)
    check_levels = levels(verdicts["new_customers", "2026-02"])
    assert {name: check_levels[name] for name in check_levels if name in HELD} == expected
    assert "unmatched_keys" not in failing(verdicts["revenue", "2026-02"])
    assert {verdict.verdict for key, verdict in verdicts.items() if key[1] != "2026-02"} == {"publish"}


def test_the_share_is_that_of_a_count_by_hand_and_told(warehouse: Warehouse) -> None:
    warehouse.sql("delete from raw.customers where hash(customer_id) % 9 = 0 and created_at >= '2026-02-01'")
    ((share,),) = warehouse.sql(
        "select avg((customer_id not in (select customer_id from raw.customers))::integer) from raw.orders"
        " where ordered_at >= '2026-02-01'"
    )
    result = next(
        result for result in judged(warehouse)["new_customers", "2026-02"].checks if result.check == "unmatched_keys"
    )
    assert result.figure == pytest.approx(share, abs=1e-6)
    explanation = "of the keys match no earlier row of feed customers, beyond the usual 0.0 %"
    assert result.detail == f"feed orders, column customer_id: {100 * share:.1f} % {explanation}"


def test_a_feed_without_a_time_column_is_looked_in_as_it_is(warehouse: Warehouse) -> None:
    warehouse.feeds["customers"] = customers_feed(None, customer_id="text")
    warehouse.sql("alter table raw.customers drop column created_at")
    assert not failing(judged(warehouse)["new_customers", "2026-02"])
    warehouse.sql("delete from raw.customers where hash(customer_id) % 40 = 0")
    # In all periods alike: that is how the feed is.
    assert not failing(judged(warehouse)["new_customers", "2026-02"])
    warehouse.sql("create table lost as select distinct customer_id from raw.orders where ordered_at > '2026-02-20'")
    warehouse.sql("delete from raw.customers where customer_id in (from lost)")
    assert failing(judged(warehouse)["new_customers", "2026-02"]) >= {"unmatched_keys"}


def test_columns_of_one_name_are_no_keys_unless_the_kpi_joins_by_them(warehouse: Warehouse) -> None:
    warehouse.sql("delete from raw.customers where hash(customer_id) % 10 = 0 and created_at >= '2026-02-01'")
    warehouse.add(kpi("new_customers", feeds=("customers", "orders"), inputs={}), FIGURES)
    assert "unmatched_keys" not in failing(judged(warehouse)["new_customers", "2026-02"])


def test_keys_may_have_other_names_and_types(warehouse: Warehouse) -> None:
    warehouse.sql('alter table raw.customers rename customer_id to "Key"')
    warehouse.sql('alter table raw.customers alter "Key" type varchar')
    joins = (Join("orders", "customer_id", "customers", "Key"),)
    warehouse.add(kpi("new_customers", feeds=("customers", "orders"), inputs={}, joins=joins), FIGURES)
    assert not failing(judged(warehouse)["new_customers", "2026-02"])
    warehouse.sql("delete from raw.customers where hash(\"Key\") % 10 = 0 and created_at >= '2026-02-01'")
    assert levels(judged(warehouse)["new_customers", "2026-02"]) == HELD
