"""The compiled rollups and KPIs on generated rows: equal to MetricFlow's own queries, and incremental to a rebuild."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment
from sqlglot import ErrorLevel, parse_one

from benchmarks.engine import Engine
from metrics.compiler.plan import plan, rollups
from metrics.compiler.semantic_layer import GRAINS, SemanticLayer
from metrics.compiler.sql.rollups import rollup_models
from metrics.compiler.support import unsupported
from metrics.core.periods import Freq
from metrics.core.segments import member_words, part_sql
from metrics.definitions.kpis.kpi import Kpi
from tests.engine_factory import (
    CHANGES,
    COMBINATIONS,
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


@pytest.fixture(scope="module")
def layer(engine_manifest: Path) -> SemanticLayer:
    return SemanticLayer.read(engine_manifest)


@pytest.fixture(scope="module")
def metrics(layer: SemanticLayer) -> list[str]:
    """All metrics except cumulative and conversion metrics and those computed from them, which have their own tests."""
    simple = {name for name, metric in layer.metrics.items() if metric.type.value == "simple"}
    return sorted(name for name in layer.metrics if simple.issuperset(plan(kpi_over(name), layer).measures))


@pytest.fixture(scope="module")
def kpis(metrics: list[str], layer: SemanticLayer) -> list[Kpi]:
    """One KPI for each metric, at the frequencies at which it can be compiled."""
    segments = (*SEGMENTS, *COMBINATIONS)
    return [kpi_over(name, segments=segments, freqs=_freqs(name, layer)) for name in metrics]


@pytest.fixture(scope="module")
def models(kpis: list[Kpi], layer: SemanticLayer) -> dict[str, str]:
    return models_of(kpis, layer)


@pytest.fixture(scope="module")
def metricflow(layer: SemanticLayer, metrics: list[str]) -> list[tuple[str, str, str, str]]:
    """(metric, freq, segment, query over its values) for every metric, frequency and segment."""
    return [
        (metric, freq, segment, metricflow_query(layer, metric, GRAINS[freq], segment))
        for metric in metrics
        for freq in _freqs(metric, layer)
        for segment in ("_T", *SEGMENTS, *COMBINATIONS)
    ]


def _freqs(metric: str, layer: SemanticLayer) -> list[Freq]:
    return [freq for freq in FREQS if unsupported(metric, layer, [freq]) is None]


@FEW_EXAMPLES
@given(st.lists(VISITS, max_size=25), VISITORS)
def test_every_metric_equals_metricflow(
    metricflow: list[tuple[str, str, str, str]], models: dict[str, str], visits: list[Visit], visitors: list[Any]
) -> None:
    connection = connect(visits, visitors)
    Engine(connection, models).run()
    theirs: dict[str, dict[tuple[Any, ...], float]] = {}
    for metric, freq, segment, query in metricflow:
        theirs.setdefault(metric, {}).update(
            {(freq, start, segment, member): value for start, member, value in connection.sql(query).fetchall()}
        )
    for metric, values in theirs.items():
        assert values_of(connection, f"kpi_{metric}") == pytest.approx(values, rel=1e-9, abs=1e-9), metric


@pytest.mark.parametrize("change_detection", ["content", "_loaded_at"])
@FEW_EXAMPLES
@given(visits=st.lists(VISITS, max_size=12), visitors=VISITORS, changes=CHANGES)
def test_incremental_runs_equal_a_rebuild(
    layer: SemanticLayer, change_detection: str, visits: list[Visit], visitors: list[Any], changes: list[Any]
) -> None:
    kpis = [
        kpi_over(name) for name in ("gold_share", "median_amount", "buying_amount", "spent_per_buyer", "sales_share")
    ]
    models = models_of(kpis, layer, change_detection)
    connection = connect(visits, visitors)
    add_loaded_at(connection)
    engine = Engine(connection, models)
    engine.run()
    for number, fact_change in enumerate(changes, 1):
        change(connection, fact_change, number)
        engine.run()
    assert_equals_rebuild(connection, models, kpis)


@pytest.mark.parametrize("change_detection", ["content", "_loaded_at"])
def test_a_member_that_vanishes_from_a_day_changes_the_day(layer: SemanticLayer, change_detection: str) -> None:
    """The remaining rows of the day are exactly those that the other member's row was computed from."""
    models = models_of([kpi_over("spent")], layer, change_detection)
    day = date(2025, 7, 3)
    connection = connect([(1, "a", "x", day, None, True, 1), (2, "b", "x", day, None, True, 10)], [])
    add_loaded_at(connection)
    engine = Engine(connection, models)
    engine.run()
    connection.execute("delete from visits where country = 'b'")
    engine.run()
    total = "select obs_value from kpi_spent where freq = 'M' and segment = '_T'"
    assert connection.sql(total).fetchall() == [(1.0,)]


def test_a_mean_and_a_ratio_are_of_all_rows_and_no_mean_of_days(models: dict[str, str]) -> None:
    first, second = date(2025, 7, 3), date(2025, 7, 4)
    visits = [(1, "a", "x", first, None, True, 1), (2, "a", "x", first, None, False, 1)]
    connection = connect([*visits, (3, "a", "x", second, None, True, 10)], [])
    Engine(connection, models).run()
    total = "select obs_value from {} where freq = 'M' and segment = '_T'"
    assert connection.sql(total.format("kpi_mean_amount")).fetchall() == [(4.0,)]
    assert connection.sql(total.format("kpi_sales_share")).fetchall() == [(pytest.approx(2 / 3),)]


def test_a_combination_is_written_so_that_its_parts_can_be_read(layer: SemanticLayer) -> None:
    day = date(2025, 7, 3)
    visits = [
        (1, "a:b", "5%", day, None, True, 1),
        (2, "a", None, day, None, True, 2),
        (3, "a", "b", day, None, True, 4),
    ]
    connection = connect(visits, [])
    Engine(connection, models_of([kpi_over("spent", segments=["country:device"])], layer)).run()
    rows = connection.sql(
        f"""select {part_sql("member", 1)}, {part_sql("member", 2)}, member, obs_value from kpi_spent
        where freq = 'M' and segment = 'country:device' order by obs_value"""
    ).fetchall()
    assert rows == [("a:b", "5%", "a%3Ab:5%25", 1.0), ("a", "_U", "a:_U", 2.0), ("a", "b", "a:b", 4.0)]
    assert member_words("country:device", rows[0][2]) == "a:b × 5%"
    assert (
        member_words("country:device", rows[0][2], {"device": {"5%": "five"}, "country": {"5%": "no"}}) == "a:b × five"
    )


def test_nothing_to_divide_by_gives_no_value(models: dict[str, str]) -> None:
    day = date(2025, 7, 3)
    connection = connect([(1, "a", "x", day, None, True, 5), (2, "a", "x", day, None, True, -5)], [(1, "gold")])
    Engine(connection, models).run()
    total = "select obs_value, numerator, denominator from kpi_gold_share where freq = 'M' and segment = '_T'"
    assert connection.sql(total).fetchall() == [(None, 5.0, 0.0)]


def test_only_periods_whose_inputs_changed_are_computed_again(layer: SemanticLayer) -> None:
    days = [date(2025, 1, 1) + timedelta(days=number) for number in range(400)]
    connection = connect([(1, "a", "b", day, day, True, 1) for day in days], [])
    models = models_of([kpi_over("spent_per_buyer", segments=["country"])], layer)
    engine = Engine(connection, models)
    engine.run()
    for table in ("rollup_visits_daily", "rollup_visits"):
        connection.execute(f"alter table {table} add column unchanged boolean")
        connection.execute(f"update {table} set unchanged = true")
    insert(connection, [(2, "a", "b", date(2025, 11, 5), None, True, 5)], first=9999)
    engine.run()
    recomputed = "select distinct day from rollup_visits_daily where unchanged is null"
    assert connection.sql(recomputed).fetchall() == [(date(2025, 11, 5),)]
    periods = "select distinct freq, span, period_start from rollup_visits where unchanged is null order by all"
    assert connection.sql(periods).fetchall() == [
        ("A", "period", date(2025, 1, 1)),
        ("M", "period", date(2025, 11, 1)),
        *(("M", "rolling_12_months", month) for month in _months(date(2025, 11, 1), date(2026, 3, 1))),
        *(("M", "year_to_date", month) for month in _months(date(2025, 11, 1), date(2025, 12, 1))),
        ("Q", "period", date(2025, 10, 1)),
        ("W", "period", date(2025, 11, 3)),
    ]


def _months(first: date, last: date) -> list[date]:
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [day for day in days if day.day == 1]


# By hand: each metric over the rows of a span of days.
_BY_HAND = {
    "spent": "sum(amount)",
    "least": "min(amount)",
    "visitors": "count(distinct visitor_id)",
    "days_open": "count(distinct visit_date)",
    "median_amount": "quantile_cont(amount, 0.5)",
    "mean_amount": "avg(amount)",
    "sales_share": "count(*) filter (is_sale) / count(*)",
    "spent_per_buyer": "coalesce(sum(amount), 0) / nullif(count(distinct visitor_id) filter (is_sale), 0)",
}


def test_distinct_counts_of_more_members_than_a_word_has_bits(layer: SemanticLayer) -> None:
    days = [date(2025, 1, 1) + timedelta(days=number) for number in range(90)]
    visits = [
        (number * 7 % 11, f"c{number * 13 % 150}", f"d{number % 90}", days[number * 5 % 90], None, number % 3 == 0, 1)
        for number in range(2000)
    ]
    connection = connect(visits, [])
    models = models_of([kpi_over("visitors", segments=["country", "device"])], layer)
    Engine(connection, models).run()
    different, compared = connection.sql(
        """with cuts as (
            select visitor_id, visit_date, unnest(['_T', 'country', 'device']) as segment,
                unnest(['_T', country, device]) as member
            from visits
        ), by_hand as (
            select case unit when 'week' then 'W' when 'month' then 'M' else 'Q' end as freq,
                date_trunc(unit, visit_date)::date as period_start, segment, member,
                count(distinct visitor_id) as visitors
            from cuts, (values ('week'), ('month'), ('quarter')) as units (unit) group by all
        )
        select count(*) filter (visitors is distinct from obs_value), count(*)
        from by_hand
        full join (from kpi_visitors where freq <> 'A') using (freq, period_start, segment, member)"""
    ).fetchall()[0]
    assert different == 0
    assert compared > 1_000


@FEW_EXAMPLES
@given(st.lists(VISITS, min_size=1, max_size=25))
def test_values_to_date_are_those_of_all_rows_of_the_span(
    layer: SemanticLayer, models: dict[str, str], visits: list[Visit]
) -> None:
    connection = connect(visits, [])
    Engine(connection, models).run()
    for metric, by_hand in _BY_HAND.items():
        rows = connection.sql(
            f"""select k.freq, k.period_start, k.member, k.year_to_date, k.rolling_12_months,
                (select {by_hand} from visits where {{place}} and visit_date >= date_trunc('year', last_day)),
                (select {by_hand} from visits
                 where {{place}} and visit_date >= date_trunc('month', last_day) - interval 11 month)
            from (select *, period_start + case freq when 'M' then interval 1 month when 'Q' then interval 3 month end
                  - interval 1 day as last_day from kpi_{metric} where freq in ('M', 'Q')) k
            where segment in ('_T', 'country')""".format(
                place="visit_date <= last_day and (k.segment = '_T' or coalesce(country, '_U') = k.member)"
            )
        ).fetchall()
        for freq, start, member, to_date, rolling, to_date_by_hand, rolling_by_hand in rows:
            for ours, by_hand_value in ((to_date, to_date_by_hand), (rolling, rolling_by_hand)):
                expected = None if by_hand_value is None else pytest.approx(float(by_hand_value), rel=1e-9, abs=1e-9)
                assert ours == expected, (metric, freq, start, member)


def test_a_stock_and_a_week_have_no_value_to_date(models: dict[str, str]) -> None:
    connection = connect([(1, "a", "b", date(2025, 1, 1), None, True, 1)], [])
    Engine(connection, models).run()
    dated = "select count(*) from {} where coalesce(year_to_date, rolling_12_months) is not null"
    assert connection.sql(dated.format("kpi_present")).fetchone() == (0,)
    assert connection.sql(dated.format("kpi_visits") + " and freq not in ('M', 'Q')").fetchone() == (0,)
    assert connection.sql(dated.format("kpi_visits").replace("where", "where freq = 'M' and")).fetchone() == (6,)


def test_spark_s_sql_has_the_same_measures_and_no_approximation(layer: SemanticLayer, engine_manifest: Path) -> None:
    spark = SemanticLayer.read(engine_manifest, "spark")
    # MetricFlow writes no discrete percentile for Spark.
    kpis = [kpi_over(name) for name in sorted(layer.metrics) if name != "low_amount"]
    ours = rollups([plan(kpi, layer) for kpi in kpis], layer)
    theirs = rollups([plan(kpi, spark) for kpi in kpis], spark)
    assert [[measure.metric for measure in rollup.measures] for rollup in ours] == [
        [measure.metric for measure in rollup.measures] for rollup in theirs
    ]
    for rollup in theirs:
        for sql in rollup_models(rollup).values():
            assert "APPROX" not in sql
            names = ("period_days", "window_days", "window_periods")
            macros = {"ref": lambda model: model} | dict.fromkeys(names, lambda *_, **__: "SELECT * FROM period_days")
            parse_one(Environment().from_string(sql).render(macros), dialect="spark", error_level=ErrorLevel.RAISE)
