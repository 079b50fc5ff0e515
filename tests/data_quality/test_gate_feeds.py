"""The gate's checks of feeds, on a feed of forty rows a day in which one thing is wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from data_quality.gate.verdict import Verdict
from metrics.definitions.feeds import Feed
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, failing, kpi, months, orders_feed

# Forty rows a day of the working week and ten on others, a quarter of them of the country NO.
ROWS = """
create table raw.orders as
select
    row_number() over () as order_id,
    day + interval 12 hour as ordered_at,
    if(hash(day, n) % 4 = 0, 'NO', 'SE') as country,
    hash(day, n) % 97 as amount,
    timestamptz '2026-03-01 00:00:00+00' as _loaded_at,
    'orders_' || strftime(day, '%Y-%m') || '.csv' as _source_file,
    row_number() over (partition by month(day), year(day) order by day, n) as _source_line
from generate_series(date '2025-01-01', date '2026-02-28', interval 1 day) as days(day),
    generate_series(1, 40) as numbers(n)
where n <= 10 or isodow(day) < 6
"""
# Other orders of that day, so many for each.
MORE = """
insert into raw.orders
select order_id + 100000 * n, ordered_at, country, hash(order_id, n) % 97, _loaded_at, _source_file, _source_line
from raw.orders, generate_series(1, {times}) as numbers(n) where ordered_at::date = '{day}'
"""
# The same orders under new ids.
AGAIN = """
insert into raw.orders
select order_id + 100000, ordered_at, country, amount, _loaded_at, _source_file, _source_line
from raw.orders where ordered_at::date = '{day}'
"""
SET_ASIDE = """
create table raw._rejected (
    feed varchar, source_file varchar, source_line bigint, reason varchar, row_text varchar, loaded_at timestamptz
)
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    with pytest.MonkeyPatch.context() as monkeypatch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("data"), monkeypatch)
        warehouse.feed("orders", history_from=date(2025, 1, 1), watermark=date(2026, 2, 28))
        columns = {"order_id": "integer", "country": "text", "amount": "integer"}
        warehouse.feeds["orders"] = orders_feed(**columns)
        warehouse.sql(ROWS)
        warehouse.sql(SET_ASIDE)
        warehouse.add(kpi(), months("2025-01", "2026-02", lambda n: 1000.0 + n))
        return warehouse


@pytest.fixture
def warehouse(template: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    return warehouse_factory.copy(template, tmp_path, monkeypatch)


def judged(warehouse: Warehouse, period: str = "2026-02") -> Verdict:
    return warehouse.judge("2025-06-01", "2026-02-28")["revenue", period]


def test_a_feed_that_is_as_it_used_to_be_passes_also_over_the_holidays(warehouse: Warehouse) -> None:
    warehouse.sql("delete from raw.orders where ordered_at::date = '2025-12-25' and order_id % 4 > 0")
    verdicts = warehouse.judge("2025-06-01", "2026-02-28")
    assert {verdict.verdict for verdict in verdicts.values()} == {"publish"}
    not_made = {result.check for result in verdicts["revenue", "2026-02"].checks if result.outcome != "pass"}
    # This KPI and its feed stand alone, months only are too few to tell of members, and its ids don't run on by day.
    assert not_made == {"kpis_agree", "segment_share", "skipped_numbers", "unmatched_keys"}


@pytest.mark.parametrize(
    ("fault", "check", "verdict"),
    [
        ("delete from raw.orders where ordered_at::date = '2026-02-11'", "too_few_rows", "hold"),
        ("delete from raw.orders where ordered_at > '2026-02-26'", "too_few_rows", "hold"),
        ("delete from raw.orders where ordered_at::date = '2026-02-27' and order_id % 4 > 0", "too_few_rows", "hold"),
        ("insert into raw.orders from raw.orders where ordered_at::date = '2026-02-11'", "duplicate_rows", "hold"),
        (
            "insert into raw.orders from raw.orders where ordered_at::date = '2026-02-14'",
            "duplicate_rows",
            "publish_flagged",
        ),
        (MORE.format(times=6, day="2026-02-11"), None, "publish"),  # what a day has more, the total tells
        (
            "insert into raw._rejected select 'orders', 'orders_2026-02.csv', n, 'no number', '', now()"
            " from generate_series(1, 30) as lines(n)",
            "rejected_rows",
            "hold",
        ),
        (
            "insert into raw._rejected values ('orders', 'orders_2026-02.csv', 7, 'no number', '', now())",
            "rejected_rows",
            "publish_flagged",
        ),
        (
            "insert into raw._rejected select 'orders', 'lost.csv', n, 'no number', '', now()"
            " from generate_series(1, 800) as lines(n)",
            "rejected_rows",
            "hold",
        ),
    ],
)
def test_a_fault_in_a_feed_is_seen_in_its_period_and_in_no_earlier_one(
    warehouse: Warehouse, fault: str, check: str | None, verdict: str
) -> None:
    warehouse.sql(fault)
    verdicts = warehouse.judge("2025-06-01", "2026-02-28")
    february = verdicts["revenue", "2026-02"]
    assert failing(february) == ({check} if check else set())
    assert february.verdict == verdict
    if "lost.csv" not in fault:
        assert {verdict.verdict for key, verdict in verdicts.items() if key[1] != "2026-02"} == {"publish"}


def test_rows_of_few_members_are_alike_by_chance(warehouse: Warehouse) -> None:
    """Five rows a day, of thirty kinds by country and amount: as many are alike as chance makes of any days."""
    warehouse.sql("delete from raw.orders where hash(order_id, 3) % 8 > 0")
    warehouse.sql("update raw.orders set amount = hash(order_id) % 15, country = hash(order_id, 2) % 2")
    judged(warehouse)
    n_alike, by_chance = warehouse.sql("select sum(n_alike), sum(n_alike_by_chance) from gate.feed_days")[0]
    assert n_alike == pytest.approx(by_chance, abs=3 * by_chance**0.5) and n_alike > 30


# Lines of orders: three for each, numbered from 1 on; or documents, numbered through the years.
NUMBERED = {
    "line": "alter table raw.orders alter order_id type varchar using ordered_at::date || ' ' || _source_line // 3;"
    " update raw.orders set country = 'line ' || (1 + _source_line % 3)",
    "document": "update raw.orders set country = 'INV-' || lpad((1000 + number)::varchar, 8, '0') from"
    " (select rowid as row_id, row_number() over (order by ordered_at, _source_line) as number from raw.orders) numbers"
    " where orders.rowid = row_id",
}


@pytest.mark.parametrize("numbered", NUMBERED)
@pytest.mark.parametrize(("usually_lost", "lost", "verdict"), [(0, 0, "publish"), (0, 10, "hold"), (4, 4, "publish")])
def test_rows_that_are_lost_evenly_leave_gaps_in_their_numbers(
    warehouse: Warehouse, numbered: str, usually_lost: int, lost: int, verdict: str
) -> None:
    warehouse.sql(NUMBERED[numbered])
    warehouse.sql("alter table raw.orders add day date")  # a column's name may be any
    warehouse.sql("update raw.orders set day = date '2020-01-01'")
    lose = "delete from raw.orders where hash(ordered_at, _source_line, 1) % 100 < {} and month(ordered_at) {} 2"
    warehouse.sql(lose.format(usually_lost, "<>"))
    warehouse.judge("2025-06-01", "2026-01-31")  # decides what numbers the rows
    warehouse.sql(lose.format(lost, "="))
    february = judged(warehouse)
    assert february.verdict == verdict
    assert failing(february) == ({"skipped_numbers"} if verdict == "hold" else set())


@pytest.mark.parametrize(
    ("facts_of_a_day", "checks"),
    [
        ("n_rows", set()),
        ("if(day = '2026-02-11', 15, n_rows)", {"too_few_rows"}),  # staging mends too little
        ("2 * n_rows", {"too_few_rows"}),  # facts that never are as many as rows tell nothing of their days
    ],
)
def test_a_day_that_staging_mends_lacks_no_rows(warehouse: Warehouse, facts_of_a_day: str, checks: set[str]) -> None:
    """The day of all orders of 11 February is wrong in the feed, and right in what the KPI reads."""
    warehouse.add(kpi(daily_rollups=("rollup_orders_daily",)), months("2025-01", "2026-02", lambda n: 1000.0 + n))
    days = "select ordered_at::date as day, count(*) as n_rows from raw.orders group by all"
    rows_by_day = f"select day, '_T' as segment, {facts_of_a_day} as n_rows from ({days})"
    warehouse.sql("create schema rollups")
    warehouse.sql(f"create table rollups.rollup_orders_daily as {rows_by_day}")
    warehouse.sql("update raw.orders set ordered_at = '2026-02-19 12:00' where ordered_at::date = '2026-02-11'")
    assert failing(judged(warehouse)) == checks
    warehouse.sql("delete from rollups.rollup_orders_daily where day = '2026-02-11'")
    assert failing(judged(warehouse)) == {"too_few_rows"}


@pytest.mark.parametrize(
    ("until", "checks"), [("2026-02-09", set()), ("2026-02-10", set()), ("2026-02-12", {"too_few_rows"})]
)
def test_of_a_feed_of_few_rows_days_that_are_missing_together_are_seen(
    warehouse: Warehouse, until: str, checks: set[str]
) -> None:
    """Four rows a day: chance leaves out a day or two, and not four."""
    warehouse.sql("delete from raw.orders where order_id % 10 > 0")
    warehouse.sql(f"delete from raw.orders where ordered_at::date between '2026-02-09' and '{until}'")
    verdicts = warehouse.judge("2025-06-01", "2026-02-28")
    assert failing(verdicts["revenue", "2026-02"]) == checks
    assert {verdict.verdict for key, verdict in verdicts.items() if key[1] != "2026-02"} == {"publish"}


def test_rows_that_come_several_at_a_time_vary_more(warehouse: Warehouse) -> None:
    """One to five orders of eight lines a day, once a single line: less than chance makes of single rows."""
    warehouse.sql("delete from raw.orders")
    warehouse.sql(
        "insert into raw.orders select row_number() over (), day + interval 12 hour, 'SE', n,"
        " timestamptz '2026-03-01 00:00:00+00', 'orders_' || strftime(day, '%Y-%m') || '.csv', n"
        " from generate_series(date '2025-01-01', date '2026-02-28', interval 1 day) as days(day),"
        " generate_series(1, 40) as numbers(n)"
        " where n <= 8 * (1 + hash(day) % 5) and (n = 1 or day <> '2026-02-11')"
    )
    assert "too_few_rows" not in failing(judged(warehouse))
    warehouse.sql("delete from raw.orders where ordered_at::date = '2026-02-11'")
    assert "too_few_rows" in failing(judged(warehouse))  # no day of the year before was empty


def test_a_day_is_lost_where_every_day_has_the_same_few_rows(warehouse: Warehouse) -> None:
    """A row a day for each of four campaigns."""
    first_four = "qualify row_number() over (partition by ordered_at::date order by order_id) <= 4"
    warehouse.sql(f"create or replace table raw.orders as from raw.orders {first_four}")
    warehouse.sql("delete from raw.orders where ordered_at::date = '2026-02-11'")
    assert failing(judged(warehouse)) == {"too_few_rows"}


def test_weeks_that_are_quiet_every_year_lack_no_rows(warehouse: Warehouse) -> None:
    warehouse.feed("orders", history_from=date(2024, 1, 3), watermark=date(2026, 2, 28))
    warehouse.sql(
        "insert into raw.orders by name select * replace (ordered_at - interval 364 day as ordered_at)"
        " from raw.orders where ordered_at < '2025-12-31'"
    )
    quiet = "delete from raw.orders where order_id % 4 > 0 and ordered_at::date between"
    warehouse.sql(f"{quiet} '2025-08-04' and '2025-08-31'")
    assert "too_few_rows" in failing(warehouse.judge("2025-08-31", "2025-08-31")["revenue", "2025-08"])
    warehouse.sql(f"{quiet} '2024-08-05' and '2024-09-01'")
    assert "too_few_rows" not in failing(warehouse.judge("2025-08-31", "2025-08-31")["revenue", "2025-08"])


def test_the_first_weeks_of_a_feed_do_not_tell_how_much_its_days_vary(warehouse: Warehouse) -> None:
    warehouse.sql("delete from raw.orders where ordered_at::date in ('2025-02-12', '2025-05-14')")
    verdicts = warehouse.judge("2025-02-01", "2025-05-31")
    lacking = {code for (_, code), verdict in verdicts.items() if "too_few_rows" in failing(verdict)}
    assert lacking == {"2025-05"}


def test_a_lost_day_of_a_weekly_feed_is_seen_in_its_first_half_year(warehouse: Warehouse) -> None:
    warehouse.sql("delete from raw.orders where dayofweek(ordered_at) <> 1")
    warehouse.sql("delete from raw.orders where ordered_at::date = '2025-05-19'")
    verdicts = warehouse.judge("2025-05-01", "2025-06-30")
    lacking = {code for (_, code), verdict in verdicts.items() if "too_few_rows" in failing(verdict)}
    assert lacking == {"2025-05"}


def test_a_public_holiday_excuses_the_days_beside_it_and_no_longer_gap(warehouse: Warehouse) -> None:
    """Closed from Christmas to New Year, whose holidays are near; and files that stay away for weeks before."""
    warehouse.sql("delete from raw.orders where ordered_at::date between '2025-12-24' and '2026-01-01'")
    assert warehouse.judge("2025-12-31", "2025-12-31")["revenue", "2025-12"].verdict == "publish"
    warehouse.sql("delete from raw.orders where ordered_at::date between '2025-12-08' and '2025-12-23'")
    assert "too_few_rows" in failing(warehouse.judge("2025-12-31", "2025-12-31")["revenue", "2025-12"])


def test_a_feed_that_had_rows_at_last_years_holidays_is_not_closed_at_this_years(warehouse: Warehouse) -> None:
    warehouse.feed("orders", history_from=date(2024, 1, 3), watermark=date(2026, 2, 28))
    warehouse.sql(
        "insert into raw.orders by name select * replace (ordered_at - interval 364 day as ordered_at)"
        " from raw.orders where ordered_at < '2025-12-31'"
    )
    warehouse.sql("delete from raw.orders where ordered_at::date between '2025-12-24' and '2026-01-01'")
    assert "too_few_rows" in failing(warehouse.judge("2025-12-31", "2025-12-31")["revenue", "2025-12"])
    # A shop that was closed as long a year ago is.
    warehouse.sql("delete from raw.orders where ordered_at::date between '2024-12-24' and '2025-01-01'")
    assert "too_few_rows" not in failing(warehouse.judge("2025-12-31", "2025-12-31")["revenue", "2025-12"])


def test_who_closed_in_the_same_week_a_year_ago_is_closed_again_and_no_longer(warehouse: Warehouse) -> None:
    warehouse.feed("orders", history_from=date(2024, 1, 3), watermark=date(2026, 2, 28))
    warehouse.sql(
        "insert into raw.orders by name select * replace (ordered_at - interval 364 day as ordered_at)"
        " from raw.orders where ordered_at < '2025-12-31'"
    )
    warehouse.sql("delete from raw.orders where ordered_at::date between '2025-10-15' and '2025-10-17'")
    assert failing(warehouse.judge("2025-10-31", "2025-10-31")["revenue", "2025-10"]) == {"too_few_rows"}
    warehouse.sql("delete from raw.orders where ordered_at::date between '2024-10-14' and '2024-10-16'")
    assert failing(warehouse.judge("2025-10-31", "2025-10-31")["revenue", "2025-10"]) == set()
    warehouse.sql("delete from raw.orders where ordered_at::date = '2025-10-14'")
    assert failing(warehouse.judge("2025-10-31", "2025-10-31")["revenue", "2025-10"]) == {"too_few_rows"}


def test_rows_that_come_again_under_new_ids_hold_where_rows_are_seldom_alike(warehouse: Warehouse) -> None:
    warehouse.sql(AGAIN.format(day="2026-02-11"))
    assert judged(warehouse).verdict == "publish"  # two of a day's forty orders are alike as a rule
    warehouse.sql(
        "update raw.orders set amount = (order_id % 100000) % 5000, _loaded_at = _loaded_at + interval 1 second"
    )
    verdict = judged(warehouse)
    assert (verdict.verdict, failing(verdict)) == ("hold", {"duplicate_rows"})


def test_where_rows_are_equal_as_a_rule_up_to_twice_as_many_are_no_news(warehouse: Warehouse) -> None:
    again = "insert into raw.orders from raw.orders where"
    warehouse.sql(f"{again} order_id % 100 = 0")
    warehouse.sql(f"{again} ordered_at >= '2026-02-01' and order_id % 200 = 1")
    assert not failing(judged(warehouse))
    warehouse.sql(f"{again} ordered_at >= '2026-02-01' and order_id % 100 = 2")
    assert failing(judged(warehouse)) == {"duplicate_rows"}


def test_rejected_rows_are_of_the_days_of_the_rows_beside_them(warehouse: Warehouse) -> None:
    """A quarter of a week's rows is a small part of what a file of years has."""
    warehouse.sql("update raw.orders set _source_file = 'orders.csv', _source_line = 10 * order_id")
    (first,) = warehouse.sql("select min(_source_line) from raw.orders where ordered_at::date = '2026-02-09'")[0]
    warehouse.sql(
        f"insert into raw._rejected select 'orders', 'orders.csv', {first} + 1 + 10 * n, 'no number', '', now()"
        " from generate_series(1, 60) as lines(n)"
    )
    verdicts = warehouse.judge("2025-06-01", "2026-02-28")
    assert {key[1] for key, verdict in verdicts.items() if "rejected_rows" in failing(verdict)} == {"2026-02"}
    assert verdicts["revenue", "2026-02"].verdict == "hold"


def test_rejected_rows_of_a_feed_without_a_time_are_a_share_of_all_its_rows(warehouse: Warehouse) -> None:
    fields = {"name": "products", "path": "products.csv", "columns": {"product": "text"}, "history_from": "2025-01-01"}
    other_fields = {"system": "shop", "file": "shop.yml", "line": 1, "description": "", "format": "csv"}
    warehouse.feeds["products"] = Feed.model_validate({**fields, **other_fields, "watermark": "delivery"})
    warehouse.feed("products", history_from=date(2025, 1, 1), watermark=date(2026, 2, 28))
    warehouse.sql(
        "create table raw.products as select 'P' || n as product, timestamptz '2026-03-01 00:00:00+00' as _loaded_at,"
        " 'products.csv' as _source_file, n as _source_line from generate_series(1, 200) as numbers(n)"
    )
    warehouse.add(kpi(feeds=("orders", "products")), months("2025-01", "2026-02", lambda n: 1000.0 + n))
    warehouse.sql("insert into raw._rejected values ('products', 'products.csv', 7, 'no number', '', now())")
    verdict = judged(warehouse)
    assert (verdict.verdict, failing(verdict)) == ("publish_flagged", {"rejected_rows"})
    warehouse.sql("update raw._rejected set loaded_at = '2026-01-15'")  # what came before February is none of it
    assert judged(warehouse).verdict == "publish"


def test_a_day_that_says_what_an_earlier_one_said_holds(warehouse: Warehouse) -> None:
    warehouse.sql("delete from raw.orders where ordered_at::date = '2026-02-11'")
    warehouse.sql(
        "insert into raw.orders select order_id + 100000, ordered_at + interval 1 day, country, amount, _loaded_at,"
        " _source_file, _source_line from raw.orders where ordered_at::date = '2026-02-10'"
    )
    assert failing(judged(warehouse)) == {"stale_rows"}


def test_a_feed_that_repeats_itself_every_weekend_does_not_hold(warehouse: Warehouse) -> None:
    warehouse.sql("delete from raw.orders where isodow(ordered_at) = 6")
    warehouse.sql(
        "insert into raw.orders select order_id + 100000, ordered_at + interval 1 day, country, amount, _loaded_at,"
        " _source_file, _source_line from raw.orders where isodow(ordered_at) = 5"
    )
    assert judged(warehouse).verdict == "publish"


def test_only_days_whose_rows_changed_are_looked_at_again(warehouse: Warehouse) -> None:
    judged(warehouse)
    warehouse.sql("update gate.feed_days set n_duplicates = 400 where day in ('2026-02-10', '2026-02-11')")
    warehouse.sql("delete from raw.orders where ordered_at::date = '2026-02-11' and order_id % 40 = 0")
    judged(warehouse)
    duplicates_by_day = warehouse.sql(
        "select n_duplicates from gate.feed_days where day between '2026-02-10' and '2026-02-11'"
    )
    assert duplicates_by_day == [(400,), (0,)]


def test_statistics_that_cannot_be_made_hold(warehouse: Warehouse) -> None:
    warehouse.sql("create schema gate")
    warehouse.sql("create table gate.feed_days (feed varchar)")
    verdict = judged(warehouse)
    assert verdict.verdict == "hold"
    assert {result.check for result in verdict.checks if result.outcome == "not_evaluated"} >= {
        "too_few_rows",
        "stale_rows",
    }
