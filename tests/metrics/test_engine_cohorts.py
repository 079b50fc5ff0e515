"""Conversion metrics on generated rows: equal to MetricFlow where it is definite, to plain SQL where it isn't."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.engine import Engine
from metrics.compiler.plan import plan
from metrics.compiler.semantic_layer import GRAINS, SemanticLayer
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

METRICS = {"paid_rate": "visits", "payers_of_sales": "sale_visits", "paid_alike": "visits"}


@pytest.fixture(scope="module")
def layer(engine_manifest: Path) -> SemanticLayer:
    return SemanticLayer.read(engine_manifest)


@pytest.fixture(scope="module")
def models(layer: SemanticLayer) -> dict[str, str]:
    return models_of([kpi_over(name) for name in METRICS], layer)


@pytest.fixture(scope="module")
def metricflow(layer: SemanticLayer) -> list[tuple[str, str, str, str, str]]:
    """(metric, freq, segment, query over its values, query over those of its base metric)."""
    return [
        (metric, freq, segment, *(metricflow_query(layer, name, GRAINS[freq], segment) for name in (metric, base)))
        for metric, base in METRICS.items()
        for freq in FREQS
        for segment in ("_T", *SEGMENTS)
    ]


# Where a visitor comes twice on one day, MetricFlow takes the members of either visit.
_ONE_VISIT_A_DAY = st.lists(
    VISITS, max_size=25, unique_by=lambda visit: (visit[0], visit[3]) if visit[3] is not None else object()
)
_ONE_ROW_EACH = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from([None, "gold", "basic"])),
    max_size=4,
    unique_by=lambda visitor: visitor[0],
)


@FEW_EXAMPLES
@given(_ONE_VISIT_A_DAY, _ONE_ROW_EACH)
def test_conversions_equal_metricflow_s_and_are_0_where_it_has_none(
    metricflow: list[tuple[str, str, str, str, str]], models: dict[str, str], visits: list[Visit], visitors: Any
) -> None:
    connection = connect(visits, visitors)
    Engine(connection, models).run()
    expected: dict[str, dict[tuple[Any, ...], float]] = {}
    for metric, freq, segment, query, base in metricflow:
        values = expected.setdefault(metric, {})
        for start, member, _ in connection.sql(base).fetchall():
            values[freq, start, segment, member] = 0
        for start, member, value in connection.sql(query).fetchall():
            values[freq, start, segment, member] = value
    for metric, values in expected.items():
        assert values_of(connection, f"kpi_{metric}") == pytest.approx(values, rel=1e-9), metric


@FEW_EXAMPLES
@given(st.lists(VISITS, max_size=25))
def test_each_payment_counts_once_for_the_newest_visit_of_its_week(models: dict[str, str], visits: list[Visit]) -> None:
    """Also where a visitor comes twice on one day: for the first country by name."""
    connection = connect(visits, [])
    Engine(connection, models).run()
    by_hand = """
        with credited as (
            select paid.visitor_id, (
                select max(visit.visit_date) from visits as visit
                where visit.visitor_id = paid.visitor_id and visit.visit_date <= paid.paid_date
                and date_diff('day', visit.visit_date, paid.paid_date) < 7
            ) as day
            from visits as paid where paid.paid_date is not null
        )
        select date_trunc('month', day)::date, {member}, count(*)::double
        from (select day, (
            select min(country) from visits as visit where visit.visitor_id = c.visitor_id and visit.visit_date = day
        ) as country from credited as c where day is not null)
        group by all"""
    for segment, member in (("_T", "'_T'"), ("country", "coalesce(country, '_U')")):
        ours = f"""select period_start, member, numerator from kpi_paid_rate
            where freq = 'M' and segment = '{segment}' and numerator > 0"""
        assert set(connection.sql(ours).fetchall()) == set(connection.sql(by_hand.format(member=member)).fetchall())


def test_a_conversion_metric_s_filter_holds(layer: SemanticLayer) -> None:
    """MetricFlow has no query for it."""
    monday, sunday = date(2025, 3, 3), date(2025, 3, 9)
    sold, unsold = [(visitor, "a", None, monday, None, False, 1) for visitor in (1, 2)]
    sales: list[Visit] = [(visitor, "a", None, sunday, None, True, 1) for visitor in (1, None)]
    connection = connect([sold, unsold, *sales], [])
    Engine(connection, models_of([kpi_over("sold")], layer)).run()
    assert values_of(connection, "kpi_sold")["W", monday, "_T", "_T"] == 1


@FEW_EXAMPLES
@given(visits=st.lists(VISITS, max_size=12), visitors=VISITORS, changes=CHANGES)
def test_incremental_runs_equal_a_rebuild(
    layer: SemanticLayer, models: dict[str, str], visits: list[Visit], visitors: list[Any], changes: list[Any]
) -> None:
    connection = connect(visits, visitors)
    engine = Engine(connection, models)
    add_loaded_at(connection)
    engine.run()
    for number, fact_change in enumerate(changes, 1):
        change(connection, fact_change, number)
        engine.run()
    assert_equals_rebuild(connection, models, [kpi_over(name) for name in METRICS])


def _visited_daily(layer: SemanticLayer) -> tuple[duckdb.DuckDBPyConnection, Engine]:
    """A visit of visitor 1 on every day of half a year, none of them paid for."""
    days = [date(2025, 1, 1) + timedelta(days=number) for number in range(181)]
    connection = connect([(1, "a", "b", day, None, True, 1) for day in days], [])
    engine = Engine(connection, models_of([kpi_over("paid_rate", segments=["country"])], layer))
    engine.run()
    for table in ("rollup_paid_rate_cohorts_attributed", "rollup_paid_rate_cohorts_daily"):
        connection.execute(f"alter table {table} add column unchanged boolean")
        connection.execute(f"update {table} set unchanged = true")
    return connection, engine


def _recomputed_days(connection: duckdb.DuckDBPyConnection, table: str) -> list[date]:
    query = f"select distinct day from rollup_paid_rate_cohorts_{table} where unchanged is null order by day"
    return [day for (day,) in connection.sql(query).fetchall()]


def test_a_late_conversion_reopens_the_days_whose_windows_reach_it(layer: SemanticLayer) -> None:
    connection, engine = _visited_daily(layer)
    insert(connection, [(1, "a", "b", None, date(2025, 4, 3), None, None)], first=9999)
    engine.run()
    # Those from which a payment on 3 April is within the week; of them only the newest has another value now.
    assert _recomputed_days(connection, "attributed") == [date(2025, 3, 28) + timedelta(days=day) for day in range(7)]
    assert _recomputed_days(connection, "daily") == [date(2025, 4, 3)]
    months = "select period_start, numerator from kpi_paid_rate where freq = 'M' and segment = '_T' and numerator > 0"
    assert connection.sql(months).fetchall() == [(date(2025, 4, 1), 1)]


def test_a_late_conversion_changes_the_period_of_its_visit(layer: SemanticLayer) -> None:
    connection = connect([(1, "a", "b", date(2025, 3, 30), None, True, 1)], [])
    engine = Engine(connection, models_of([kpi_over("paid_rate", segments=["country"])], layer))
    engine.run()
    assert set(values_of(connection, "kpi_paid_rate").values()) == {0}
    insert(connection, [(1, None, None, None, date(2025, 4, 5), None, None)], first=2)
    engine.run()
    assert values_of(connection, "kpi_paid_rate")["M", date(2025, 3, 1), "country", "a"] == 1
    insert(connection, [(1, "b", None, date(2025, 4, 1), None, None, None)], first=3)
    engine.run()
    values = values_of(connection, "kpi_paid_rate")
    assert values["M", date(2025, 3, 1), "country", "a"] == 0
    assert values["M", date(2025, 4, 1), "country", "b"] == 1


def test_a_rate_to_date_is_all_conversions_of_the_span_over_all_its_events(models: dict[str, str]) -> None:
    visits = [
        (1, "a", None, date(2025, 1, 5), date(2025, 1, 6), None, None),
        (2, "a", None, date(2025, 2, 5), None, None, None),
    ]
    connection = connect([*visits, (3, "a", None, date(2025, 2, 6), None, None, None)], [])
    Engine(connection, models).run()
    query = (
        "select obs_value, year_to_date from kpi_paid_rate where freq = 'M' and segment = '_T' order by period_start"
    )
    assert connection.sql(query).fetchall()[:2] == [(1, 1), (0, pytest.approx(1 / 3))]


def test_the_plan_of_a_rate_divides_the_conversions_by_the_base_metric(layer: SemanticLayer) -> None:
    planned = plan(kpi_over("paid_rate"), layer)
    assert planned.is_ratio and planned.to_date
    assert (planned.numerator.name, planned.denominator_metric) == ("paid_rate__conversions", "visits")
    assert planned.measures == ("paid_rate__conversions", "visits")
