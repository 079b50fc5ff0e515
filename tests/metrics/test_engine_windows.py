"""Cumulative metrics on generated rows: a period has MetricFlow's value of its first or last day, or the days' mean."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.engine import Engine
from metrics.compiler.plan import plan
from metrics.compiler.semantic_layer import GRAINS, SemanticLayer
from metrics.compiler.windows import window_of
from metrics.core.periods import Freq, Period, period_of
from tests.engine_factory import (
    CHANGES,
    FEW_EXAMPLES,
    FREQS,
    SEGMENTS,
    VISITORS,
    VISITS,
    Visit,
    add_loaded_at,
    assert_equals_rebuild,
    change,
    connect,
    insert,
    kpi_over,
    metricflow_query,
    models_of,
    values_of,
)

TODAY = date(2026, 2, 5)


@pytest.fixture(scope="module")
def layer(engine_manifest: Path) -> SemanticLayer:
    return SemanticLayer.read(engine_manifest)


@pytest.fixture(scope="module")
def cumulative(layer: SemanticLayer) -> list[str]:
    return sorted(name for name, metric in layer.metrics.items() if metric.type.value == "cumulative")


@pytest.fixture(scope="module", autouse=True)
def clock() -> Iterator[None]:
    """A day on which the newest rows' week, month, quarter and year aren't over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NYCKELTAL_NOW", f"{TODAY}T06:00:00+00:00")
        yield


@pytest.fixture(scope="module")
def models(layer: SemanticLayer, cumulative: list[str]) -> dict[str, str]:
    return models_of([kpi_over(name) for name in [*cumulative, "spent_per_visitor"]], layer)


@pytest.fixture(scope="module")
def by_day(layer: SemanticLayer, cumulative: list[str]) -> list[tuple[str, str, str]]:
    """(metric, segment, MetricFlow's query for its value on every day)."""
    return [
        (metric, segment, metricflow_query(layer, metric, "day", segment))
        for metric in cumulative
        for segment in ("_T", *SEGMENTS)
    ]


@FEW_EXAMPLES
@given(st.lists(VISITS, max_size=25), VISITORS)
def test_a_period_has_metricflow_s_value_of_its_first_or_last_day_or_their_mean(
    layer: SemanticLayer, models: dict[str, str], by_day: list[tuple[str, str, str]], visits: list[Visit], visitors: Any
) -> None:
    connection = connect(visits, visitors)
    Engine(connection, models).run()
    past_days = [visit[3] for visit in visits if visit[3] is not None and visit[3] <= TODAY]
    expected: dict[str, dict[tuple[Any, ...], float]] = {}
    for metric, segment, query in by_day:
        window = window_of(metric, layer)
        assert window is not None
        values = {(day, member): value for day, member, value in connection.sql(query).fetchall()}
        expected_values = expected.setdefault(metric, {})
        for period in _periods(past_days):
            last = period.end if period.end < TODAY else max(past_days)
            for member in {member for _, member in values}:
                period_days = _days(period.start, last)
                used_days = {"first": [period.start], "last": [last]}.get(window.period_agg, period_days)
                day_values = [values[day, member] for day in used_days if (day, member) in values]
                if day_values:
                    expected_values[period.freq, period.start, segment, member] = fmean(day_values)
    for metric, value in expected.items():
        assert values_of(connection, f"kpi_{metric}") == pytest.approx(value, rel=1e-9, abs=1e-9), metric


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _periods(days: list[date]) -> Iterator[Period]:
    """Every period from the first day to the last, whether it has rows or not."""
    for freq in FREQS if days else ():
        period = period_of(freq, min(days))
        while period.start <= max(days):
            yield period
            period = period.next()


def test_where_every_window_has_rows_a_closed_period_equals_metricflow_s(
    layer: SemanticLayer, cumulative: list[str], models: dict[str, str]
) -> None:
    days = _days(date(2025, 1, 1), TODAY)
    visits = [
        (number % 5, "ab"[number % 2], None, day, None, number % 3 == 0, number % 7)
        for day in days
        for number in range(day.day % 4, 12)
    ]
    connection = connect(visits, [(number, "gold" if number % 2 else "basic") for number in range(5)])
    Engine(connection, models).run()
    for metric in cumulative:
        ours = values_of(connection, f"kpi_{metric}")
        for freq, segment in (("M", "_T"), ("M", "country"), ("Q", "visitor__tier"), ("A", "_T")):
            theirs = {
                (freq, start, segment, member): value
                for start, member, value in connection.sql(
                    metricflow_query(layer, metric, GRAINS[freq], segment)
                ).fetchall()
                if Period(freq, start).end < date(2026, 1, 1)
            }
            assert theirs, (metric, freq, segment)
            assert {key: ours[key] for key in theirs} == pytest.approx(theirs), metric


def test_a_ratio_of_windows_is_a_ratio_of_their_values(models: dict[str, str]) -> None:
    day = date(2025, 3, 31)
    connection = connect([(1, "a", None, day, None, None, 6), (2, "b", None, day - timedelta(27), None, None, 4)], [])
    Engine(connection, models).run()
    values = values_of(connection, "kpi_spent_per_visitor")
    assert values["M", date(2025, 3, 1), "_T", "_T"] == 5
    assert values["M", date(2025, 3, 1), "country", "b"] == 4


def test_an_empty_window_is_no_value_and_an_earlier_day_s_value_isn_t_taken_for_it(models: dict[str, str]) -> None:
    """MetricFlow's last value of March is that of 1 April less a month's days: the last day whose window has a row."""
    visits = [(1, "a", None, date(2025, 3, 1), None, None, 6), (1, "b", None, date(2025, 5, 31), None, None, 1)]
    connection = connect(visits, [])
    Engine(connection, models).run()
    months = [key[1] for key in values_of(connection, "kpi_spent_28_days") if key[0] == "M" and key[2] == "_T"]
    assert months == [date(2025, 5, 1)]
    so_far = values_of(connection, "kpi_spent_so_far")
    assert so_far["M", date(2025, 4, 1), "_T", "_T"] == 6


@FEW_EXAMPLES
@given(visits=st.lists(VISITS, max_size=12), visitors=VISITORS, changes=CHANGES)
def test_incremental_runs_equal_a_rebuild(
    layer: SemanticLayer, visits: list[Visit], visitors: list[Any], changes: list[Any]
) -> None:
    kpis = [kpi_over(name) for name in ("spent_28_days", "visitors_28_days", "visitors_week_average")]
    models = models_of(kpis, layer, change_detection="_loaded_at")
    connection = connect(visits, visitors)
    add_loaded_at(connection)
    engine = Engine(connection, models)
    engine.run()
    for number, fact_change in enumerate(changes, 1):
        change(connection, fact_change, number)
        engine.run()
    assert_equals_rebuild(connection, models, kpis)


def test_only_windows_that_reach_a_changed_day_are_counted_again(layer: SemanticLayer) -> None:
    days = _days(date(2025, 1, 1), date(2025, 12, 31))
    connection = connect([(1, "a", "b", day, day, True, 1) for day in days], [])
    engine = Engine(connection, models_of([kpi_over("visitors_28_days", segments=["country"])], layer))
    engine.run()
    table = "rollup_visits_last_of_28_day"
    connection.execute(f"alter table {table} add column unchanged boolean")
    connection.execute(f"update {table} set unchanged = true")
    insert(connection, [(2, "a", "b", date(2025, 6, 20), None, True, 5)], first=9999)
    engine.run()
    query = f"select distinct freq, period_start from {table} where unchanged is null order by all"
    weeks = [date(2025, 6, 16) + timedelta(weeks=number) for number in range(4)]
    assert connection.sql(query).fetchall() == [
        ("M", date(2025, 6, 1)),
        ("Q", date(2025, 4, 1)),
        *(("W", week) for week in weeks),
    ]


def test_a_value_over_a_window_has_none_to_date_and_looks_back(layer: SemanticLayer) -> None:
    planned = plan(kpi_over("spent_28_days"), layer)
    assert not planned.to_date
    assert planned.lookback == planned.longest_window == "28 day"


@pytest.mark.parametrize(
    ("metric", "first"),
    [
        ("spent", "2025-03-10"),
        ("spent_change", "2026-03-10"),  # a year ago
        ("spent_28_days", "2025-04-07"),
        ("spent_month_to_date", "2025-04-01"),  # March so far lacks its first days
        ("buyers_year_to_date", "2026-01-01"),
        ("spent_so_far", "2025-03-10"),  # all that there is
        ("spent_28_days_change", "2026-04-07"),  # a window of a year ago
    ],
)
def test_the_first_day_on_which_a_period_may_begin(layer: SemanticLayer, metric: str, first: str) -> None:
    """Where the feeds begin on 2025-03-10."""
    assert plan(kpi_over(metric), layer).observable_from(date(2025, 3, 10)) == date.fromisoformat(first)


@pytest.mark.parametrize("freqs", [("M",), ("W", "M")])
def test_a_period_is_there_once_at_any_number_of_frequencies(layer: SemanticLayer, freqs: tuple[Freq, ...]) -> None:
    connection = connect([(1, "a", None, date(2025, 3, day), None, None, 1) for day in (10, 11, 12)], [])
    Engine(connection, models_of([kpi_over("spent_28_days", freqs=freqs)], layer)).run()
    assert values_of(connection, "kpi_spent_28_days")["M", date(2025, 3, 1), "_T", "_T"] == 3


def test_a_row_dated_ahead_ends_no_window_and_begins_no_period(layer: SemanticLayer, models: dict[str, str]) -> None:
    days = [TODAY - timedelta(days=27), TODAY, TODAY + timedelta(days=2), date(2026, 8, 1)]
    connection = connect([(1, "a", None, day, None, None, 1) for day in days], [])
    Engine(connection, models).run()
    values = values_of(connection, "kpi_spent_28_days")
    assert values["M", date(2026, 2, 1), "_T", "_T"] == 2
    assert values["W", date(2026, 2, 2), "_T", "_T"] == 2
    assert max(start for _, start, *_ in values) == date(2026, 2, 2)
