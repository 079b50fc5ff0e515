"""The gate's checks of the values that a KPI reads, on a feed of forty rows a day in which one thing is wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from data_quality.gate.checks.likeness import beyond_chance, is_past, largest_lost_share, unlikeness
from data_quality.gate.checks.values import value_distribution
from data_quality.gate.verdict import Verdict
from tests import warehouse_factory
from tests.warehouse_factory import OPEN_FOR_YEARS, Warehouse, cells, failing, kpi, levels, months, orders_feed

# Forty rows a day, a quarter of them of the country NO, paid within four days; the newest aren't all paid yet.
ROWS = """
create table raw.orders as
select 'A' || row_number() over () as order_id, ordered_at, country, amount,
    if(paid_at < timestamp '2026-03-01', paid_at, null) as paid_at,
    if(paid_at < timestamp '2026-03-01', 'card', null) as paid_by, comment,
    timestamptz '2026-03-01 00:00:00+00' as _loaded_at, 'orders.csv' as _source_file
from (
    select day + interval 12 hour as ordered_at,
        if(hash(day, n) % 4 = 0, 'NO', 'SE') as country,
        (hash(day, n) % 97 + 1)::double as amount,
        if(hash(day, n + 40) % 2 = 0, 'fine', null) as comment,
        day + interval 13 hour + to_hours((hash(n, day) % 96)::bigint) as paid_at
    from generate_series(date '2025-01-01', date '2026-02-28', interval 1 day) as days(day),
        generate_series(1, 40) as numbers(n)
)
"""
READ = ("amount", "comment", "country", "ordered_at", "paid_at", "paid_by")
IN_FEBRUARY = "ordered_at >= '2026-02-01'"
A_DAY = "ordered_at::date = '2026-02-11'"
UNLIKE = {"value_distribution": "hold"}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    with pytest.MonkeyPatch.context() as monkeypatch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("data"), monkeypatch)
        warehouse.calendar = OPEN_FOR_YEARS
        warehouse.feed("orders", history_from=date(2025, 1, 1), watermark=date(2026, 2, 28))
        columns = {"order_id": "text", "country": "text", "amount": "number", "comment": "text"}
        columns |= {"paid_at": "timestamp", "paid_by": "text"}
        warehouse.feeds["orders"] = orders_feed(**columns)
        warehouse.sql(ROWS)
        figures = months("2025-01", "2026-02", lambda n: 1000.0 + n)
        warehouse.add(kpi(inputs={"orders": READ}), figures)
        warehouse.add(kpi("orders_placed", inputs={"orders": ("ordered_at",)}), figures)
        return warehouse


@pytest.fixture
def warehouse(template: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    return warehouse_factory.copy(template, tmp_path, monkeypatch)


def judged(warehouse: Warehouse) -> dict[tuple[str, str], Verdict]:
    return warehouse.judge("2025-12-01", "2026-02-28")


def figure(verdict: Verdict, check: str) -> float | None:
    return next(result.figure for result in verdict.checks if result.check == check)


def test_values_as_they_used_to_be_pass_and_what_is_still_to_come_is_not_missing(warehouse: Warehouse) -> None:
    unpaid = warehouse.sql(f"select count(*) filter (paid_at is null) from raw.orders where {IN_FEBRUARY}")
    assert unpaid[0][0] > 50
    verdicts = judged(warehouse)
    assert {verdict.verdict for verdict in verdicts.values()} == {"publish"}
    assert figure(verdicts["revenue", "2026-02"], "value_distribution") is not None


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (f"amount = null where {IN_FEBRUARY} and hash(order_id) % 10 = 0", {"missing_values": "hold"}),
        (f"amount = null where {A_DAY} and hash(order_id) % 8 = 0", {"missing_values": "flag"}),
        (f"comment = 'fine' where {IN_FEBRUARY} and comment is null", {"missing_values": "hold"}),
        (f"comment = 'fine' where {A_DAY} and comment is null", {}),
        (f"amount = amount * 100 where {A_DAY}", UNLIKE),
        (f"amount = amount * 1.25 where {IN_FEBRUARY}", UNLIKE),
        (f"amount = amount * 1000 where {IN_FEBRUARY} and hash(order_id) % 200 = 0", UNLIKE),
        (f"amount = -amount where {A_DAY}", {"value_distribution": "flag"}),
        (f"amount = 0 where {IN_FEBRUARY} and hash(order_id) % 8 = 0", UNLIKE),
        (f"country = 'Norway' where {IN_FEBRUARY} and country = 'NO'", UNLIKE),
        (f"country = 'SE' where {IN_FEBRUARY}", UNLIKE),
        (f"paid_by = null where {IN_FEBRUARY} and hash(order_id) % 10 = 0", {"missing_values": "hold"}),
        (f"ordered_at = ordered_at + interval 6 hour where {IN_FEBRUARY}", UNLIKE),
    ],
)
def test_values_unlike_those_of_the_year_before_are_seen_in_their_month(
    warehouse: Warehouse, fault: str, expected: dict[str, str]
) -> None:
    warehouse.sql(f"update raw.orders set {fault}")
    verdicts = judged(warehouse)
    verdict = verdicts["revenue", "2026-02"]
    assert levels(verdict) == expected
    worst = max(expected.values(), default=None)
    assert verdict.verdict == {None: "publish", "flag": "publish_flagged", "hold": "hold"}[worst]
    assert {verdict.verdict for key, verdict in verdicts.items() if key[1] != "2026-02"} == {"publish"}
    if "ordered_at =" not in fault:
        assert verdicts["orders_placed", "2026-02"].verdict == "publish"


@pytest.mark.parametrize("fault", ["paid_at = null, paid_by = null", "paid_at = paid_at - interval 30 day"])
def test_times_that_should_have_come_by_now_are_seen(warehouse: Warehouse, fault: str) -> None:
    warehouse.sql(f"update raw.orders set {fault} where ordered_at >= '2026-01-01' and ordered_at < '2026-02-01'")
    verdicts = judged(warehouse)
    assert failing(verdicts["revenue", "2026-01"]) == set(UNLIKE)
    assert {verdict.verdict for key, verdict in verdicts.items() if key != ("revenue", "2026-01")} == {"publish"}


@pytest.mark.parametrize(
    ("fault", "check", "detail"),
    [
        ("delete from raw.orders where ordered_at between '2026-01-15' and '2026-01-21'", "too_few_rows", "missing"),
        ("update raw.orders set amount = 100 * amount where ordered_at between '2026-01-01' and '2026-02-01'",
         "value_distribution", "column amount"),
        ("update raw.orders set amount = null where ordered_at between '2026-01-01' and '2026-02-01'",
         "missing_values", "column amount"),
    ],
)  # fmt: skip
def test_what_a_kpi_looks_back_on_is_looked_at_where_no_value_of_it_is_judged(
    warehouse: Warehouse, fault: str, check: str, detail: str
) -> None:
    warehouse.sql(fault)
    growth = kpi("growth", inputs={"orders": READ}, compared_with=("1 month",))
    warehouse.add(growth, months("2025-01", "2026-02", lambda n: 1000.0 + n))
    verdicts = warehouse.judge("2026-02-28", "2026-02-28")
    (failed,) = [result for result in verdicts["growth", "2026-02"].holding if result.check == check]
    assert detail in failed.detail and failed.detail.endswith(", in 2026-01")
    assert check not in failing(verdicts["revenue", "2026-02"])
    verdicts = judged(warehouse)
    assert check in failing(verdicts["growth", "2026-01"])
    assert check not in failing(verdicts["growth", "2026-02"])


def test_a_second_bad_month_is_not_made_usual_by_the_first(warehouse: Warehouse) -> None:
    warehouse.sql("update raw.orders set amount = amount * 100 where ordered_at >= '2026-01-01'")
    verdicts = judged(warehouse)
    assert [failing(verdicts["revenue", period]) for period in ("2026-01", "2026-02")] == [set(UNLIKE), set(UNLIKE)]


def test_the_figures_are_those_of_a_count_by_hand(warehouse: Warehouse) -> None:
    warehouse.sql(f"update raw.orders set amount = null where {A_DAY}")
    warehouse.sql(f"update raw.orders set country = 'DK' where {IN_FEBRUARY} and day(ordered_at) > 14")
    verdict = judged(warehouse)["revenue", "2026-02"]
    assert figure(verdict, "missing_values") == pytest.approx(40 / (28 * 40), abs=1e-6)

    by_month = dict(
        warehouse.sql(
            "select month(ordered_at) + 12 * (year(ordered_at) - 2025), map([country_of for country_of in ['NO', 'SE',"
            " 'DK']], [count(*) filter (country = 'NO') / count(*), count(*) filter (country = 'SE') / count(*),"
            " count(*) filter (country = 'DK') / count(*)]) from raw.orders group by all"
        )
    )

    def distance(month: int) -> float:
        here = by_month[month]
        earlier = [by_month[past_month] for past_month in range(max(month - 12, 1), month - 1)]
        return min(sum(abs(here[value_class] - shares[value_class]) for value_class in here) / 2 for shares in earlier)

    usual = max(distance(month) for month in range(3, 13))
    unlike = distance(14) - usual - 2 * (usual * (1 - usual) / (28 * 40)) ** 0.5
    assert figure(verdict, "value_distribution") == pytest.approx(unlike, abs=1e-6)


def test_days_are_counted_by_class_and_numbers_between_two_powers_of_two_for_both(warehouse: Warehouse) -> None:
    warehouse.sql(f"update raw.orders set amount = 3 where {A_DAY} and country = 'SE'")
    warehouse.sql(f"update raw.orders set amount = -16 where {A_DAY} and country = 'NO'")
    (n_se, n_no) = warehouse.sql(
        f"select count(*) filter (country = 'SE'), count(*) filter (country = 'NO') from raw.orders where {A_DAY}"
    )[0]
    judged(warehouse)
    counts = {
        (column, value_class): (n_rows, total)
        for column, value_class, n_rows, total in warehouse.sql(
            "select column_name, class, n_rows, total from gate.column_days where day = '2026-02-11'"
        )
    }
    upper = np.log2(3) - 1
    assert counts["amount", "+2"] == pytest.approx((n_se * upper, 3 * n_se * upper))
    assert counts["amount", "+1"] == pytest.approx((n_se * (1 - upper), 3 * n_se * (1 - upper)))
    assert counts["amount", "-4"] == (n_no, 16 * n_no)
    assert {key: n_rows for key, (n_rows, _) in counts.items() if key[0] not in ("amount", "comment", "paid_at")} == {
        ("country", "=SE"): n_se,
        ("country", "=NO"): n_no,
        ("ordered_at", "@12"): 40,
        ("order_id", "~a9"): 40,
        ("paid_by", "=card"): 40,
    }


def test_only_days_whose_rows_changed_are_counted_again(warehouse: Warehouse) -> None:
    judged(warehouse)
    where = "column_name = 'country' and day between '2026-02-10' and '2026-02-11'"
    warehouse.sql(f"update gate.column_days set n_rows = 7 where {where}")
    warehouse.sql(f"delete from raw.orders where {A_DAY} and country = 'NO'")
    (left,) = warehouse.sql(f"select count(*) from raw.orders where {A_DAY}")[0]
    judged(warehouse)
    counts = warehouse.sql(f"select day(day), class, n_rows from gate.column_days where {where} order by all")
    assert counts == [(10, "=NO", 7), (10, "=SE", 7), (11, "=SE", left)]


def test_a_new_column_of_a_feed_is_counted_over_all_days(warehouse: Warehouse) -> None:
    judged(warehouse)
    warehouse.sql("alter table raw.orders add column channel varchar default 'web'")
    judged(warehouse)
    counts = warehouse.sql("select count(*), sum(n_rows) from gate.column_days where column_name = 'channel'")
    assert counts == warehouse.sql("select count(distinct ordered_at::date), count(*) from raw.orders")


def test_what_differs_is_told_but_of_a_protected_kpi(warehouse: Warehouse) -> None:
    warehouse.add(
        kpi("pay", protected=True, inputs={"orders": READ}), months("2025-01", "2026-02", lambda n: 1000.0 + n)
    )
    warehouse.sql(f"update raw.orders set country = 'Norway' where {IN_FEBRUARY} and country = 'NO'")
    verdicts = judged(warehouse)
    details = {key: next(result.detail for result in verdicts[key, "2026-02"].failing) for key in ("revenue", "pay")}
    assert "feed orders, column country" in details["revenue"] and "one member" in details["revenue"]
    assert not any("Norway" in text for text in details.values())  # a cell that nobody has let through
    assert not any(character.isdigit() for character in details["pay"])


def test_one_or_two_odd_rows_of_few_are_chance() -> None:
    odd = np.array([1, 2, 4]) / np.array([30, 30, 30])
    figures = beyond_chance(odd, np.zeros(3), np.full(3, 30.0))
    assert figures.tolist() == [0, pytest.approx(0, abs=0.002), pytest.approx(2 / 30, abs=0.002)]


def test_of_blocks_that_are_all_alike_none_is_unusual() -> None:
    """Shares of thirteen rows don't add up to one in floating-point numbers."""
    shares = np.tile(np.array([1, 3, 3, 3, 3]) / 13, (24, 1))
    distance, _, usual = unlikeness(is_past(np.arange(24) * 31), shares, np.zeros(shares.shape, dtype=bool))
    assert np.nanmin(distance) == np.nanmin(usual) == 0


@given(
    arrays.arrays(float, st.tuples(st.integers(8, 20), st.integers(2, 5)), elements=st.floats(0.1, 10)),
    st.integers(28, 40),
)
def test_a_block_as_one_of_the_year_is_never_unusual_and_no_distance_leaves_its_bounds(
    weights: np.ndarray[tuple[int, int], np.dtype[np.float64]], step: int
) -> None:
    shares = weights / weights.sum(axis=1, keepdims=True)
    days = np.arange(len(shares)) * step
    nothing_to_come = np.zeros(shares.shape, dtype=bool)
    shares[-1] = shares[-3]
    distance, nearest, usual = unlikeness(is_past(days), shares, nothing_to_come)
    assert distance[-1] == pytest.approx(0, abs=1e-12)
    assert np.nanmin(distance) >= -1e-12 and np.nanmax(distance) <= 1
    past = days[-1] - days[nearest[-1]]
    assert 35 <= past <= 371
    everything_to_come, _, _ = unlikeness(is_past(days), shares, ~nothing_to_come)
    assert np.nanmax(everything_to_come) == pytest.approx(0, abs=1e-12)
    assert np.isnan(usual[:6]).all()


@pytest.mark.parametrize(("in_five", "checks"), [(0, set()), (2, set(UNLIKE))])
def test_sizes_that_are_unusual_for_a_member_are_seen_though_others_rows_have_them(
    warehouse: Warehouse, in_five: int, checks: set[str]
) -> None:
    """In July few rows are of NO, which has the large amounts; that excuses no small ones of NO in February."""
    few = f"{IN_FEBRUARY} and country = 'NO' and hash(order_id) % 5 < {in_five}"
    for change in (
        "amount = amount * 64 where country = 'NO'",
        "country = 'SE', amount = amount / 64 where country = 'NO' and month(ordered_at) = 7 and hash(amount) % 2 = 0",
        f"amount = amount / 64 where {few}",
    ):
        warehouse.sql(f"update raw.orders set {change}")
    verdict = judged(warehouse)["revenue", "2026-02"]
    assert failing(verdict) == checks
    assert warehouse.sql("select depends_on from gate.feed_columns where column_name = 'amount'") == [("country",)]
    (by_hand,) = warehouse.sql(f"select count(*) filter ({few}) / count(*) from raw.orders where {IN_FEBRUARY}")[0]
    assert figure(verdict, "value_distribution") == pytest.approx(by_hand, rel=0.3)
    details = [result.detail for result in verdict.failing]
    assert all("column amount" in detail and "among rows with one member of country" in detail for detail in details)


def test_a_member_is_judged_though_hardly_any_rows_are_there_of_all(warehouse: Warehouse) -> None:
    """In a week without other orders, those of NO are as they were, and the whole is too small to be judged."""
    warehouse.sql("update raw.orders set country = if(hash(order_id) % 20 = 0, 'NO', 'SE')")
    warehouse.sql("update raw.orders set amount = amount * 64 where country = 'NO'")
    warehouse.sql("delete from raw.orders where country = 'SE' and ordered_at between '2026-02-09' and '2026-02-16'")
    warehouse.add(kpi("weekly", freqs=("W",), inputs={"orders": ("amount",)}), {"2026-W07": cells(230, SE=230)})
    verdict = warehouse.judge("2026-02-09", "2026-02-15")["weekly", "2026-W07"]
    assert figure(verdict, "value_distribution") == 0


def test_sizes_of_a_member_are_counted_by_it(warehouse: Warehouse) -> None:
    warehouse.sql("update raw.orders set amount = if(country = 'NO', 1024, 1)")
    judged(warehouse)
    counted = warehouse.sql(
        "select member, class, sum(n_rows), sum(total) from gate.column_days where column_name = 'amount' group by all"
        " order by all"
    )
    by_hand = warehouse.sql("select country, count(*), sum(amount) from raw.orders group by all order by all")
    assert counted == [
        (f"={country}", size, n, total) for (country, n, total), size in zip(by_hand, ("+10", "+0"), strict=True)
    ]
    assert warehouse.sql("select distinct member from gate.column_days where column_name = 'country'") == [(None,)]


def test_a_class_that_every_past_block_had_is_lost_when_it_has_no_row() -> None:
    """Its smallest share counts, if that is more than ten rows; not one that a past block lacked or that is to come."""
    past = is_past(np.arange(4) * 40)
    shares = np.array([[0.5, 0.3, 0.2, 0.0], [0.6, 0.2, 0.1, 0.1], [0.5, 0.25, 0.15, 0.1], [0.95, 0.0, 0.05, 0.0]])
    to_come = np.zeros(shares.shape, dtype=bool)
    assert largest_lost_share(past, shares, to_come, np.full(4, 100.0)).tolist() == [0, 0, 0, 0.2]
    assert largest_lost_share(past, shares, to_come, np.full(4, 50.0)).tolist() == [0, 0, 0, 0]
    to_come[3, 1] = True
    assert largest_lost_share(past, shares, to_come, np.full(4, 100.0)).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("share_of", "grain", "evidence"),
    [
        ("total", "month", "sum of the month differs from the most similar past month: numbers"),
        (
            "n_rows",
            "week",
            "rows of whole weeks differs from the most similar past week: in the week of 2026-04-13, numbers",
        ),
    ],
)
def test_the_evidence_says_what_is_compared_and_gives_round_sizes(share_of: str, grain: str, evidence: str) -> None:
    here, there, classes = np.array([0.1, 0.05, 0.85]), np.array([0.5, 0.5, 0.0]), ["+7", "+8", "+18"]
    first_day = (date(2026, 4, 13) - date(1970, 1, 1)).days
    explanation = value_distribution._explanation(here, there, classes, share_of, grain, first_day)
    assert explanation == f" of the {evidence} of about 260,000 make up 85%, and were 0% there"
