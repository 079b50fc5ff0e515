"""A metric of each kind that MetricFlow's own tests have: equal to MetricFlow, different as stated, or refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest

from benchmarks.engine import Engine
from metrics.compiler.measures import MeasureClass
from metrics.compiler.plan import plan, rollups
from metrics.compiler.semantic_layer import SemanticLayer
from metrics.compiler.sql.kpi_sql import kpi_sql
from metrics.compiler.sql.rollups import day_fingerprint_sql, rollup_models
from metrics.compiler.support import unsupported
from metrics.core.deployment import PROJECT
from metrics.core.errors import NyckeltalError
from metrics.core.periods import FREQS, Period
from metrics.definitions.kpis.kpi import Kpi
from metrics.lint.rules import freq_dimension_of_facts, metric_exists
from orchestration.cli.reports.plan import PERIOD_VALUES
from tests.engine_factory import kpi_over, values_of
from tests.kinds_factory import FIRST, KINDS, OF_OPENINGS, TODAY, Kind, Values, connect, metricflow_values, page

PAGE = PROJECT / "docs" / "reference" / "metric_kinds.md"


@pytest.fixture(scope="module")
def layer(kinds_manifest: Path) -> SemanticLayer:
    return SemanticLayer.read(kinds_manifest)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_NOW", f"{TODAY}T06:00:00+00:00")


def _built(kpis: list[Kpi], layer: SemanticLayer, connection: duckdb.DuckDBPyConnection | None = None) -> Any:
    """The connection with the KPIs' models, built and then built again from the same rows."""
    connection = connection or connect()
    engine = Engine(connection, _models(kpis, layer, set()))
    engine.run()
    engine.run()
    return connection


def _models(kpis: list[Kpi], layer: SemanticLayer, fact_columns: set[str]) -> dict[str, str]:
    plans = [plan(kpi, layer) for kpi in kpis]
    shared = rollups(plans, layer)
    models = {
        name: sql
        for rollup in shared
        for name, sql in rollup_models(rollup, day_fingerprint_sql(rollup, fact_columns, "code")).items()
    }
    return models | {kpi_plan.kpi.model: kpi_sql(kpi_plan, shared, "hash") for kpi_plan in plans}


def _kpi(metric: str, kind: Kind) -> Kpi:
    dimension = "opening__period_freq" if metric in OF_OPENINGS else None
    freqs: Any = kind.freqs
    return kpi_over(metric, segments=kind.segments, freqs=freqs, n_obs=metric, freq_dimension=dimension)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.freqs], ids=lambda kind: kind.name)
def test_a_kind_that_compiles_has_metricflow_s_values(layer: SemanticLayer, kind: Kind) -> None:
    connection = _built([_kpi(metric, kind) for metric in kind.metrics], layer)
    for metric in kind.metrics:
        ours = {key: value for key, value in values_of(connection, f"kpi_{metric}").items() if key[1] <= TODAY}
        theirs = metricflow_values(connection, layer, metric, kind.freqs, kind.segments)
        if kind.differs == "open":
            ours, theirs = _closed(ours), _closed(theirs)
        if kind.differs == "empty":
            theirs = {key: value for key, value in theirs.items() if key in ours or value != 0}
        if kind.differs in ("mean", "days", "itself"):
            assert ours.keys() == theirs.keys()
            assert ours != pytest.approx(theirs, rel=1e-9)
        else:
            assert len(theirs) > 0, metric
            assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-9), metric


def _closed(values: Values) -> Values:
    """Those of periods that are over and whose days all have rows."""
    return {key: value for key, value in values.items() if key[1] >= FIRST and Period(key[0], key[1]).end < TODAY}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_compiles_at_its_frequencies_and_is_refused_at_others(layer: SemanticLayer, kind: Kind) -> None:
    for metric in kind.metrics:
        if metric in OF_OPENINGS:
            continue  # the KPI leaves W out
        reasons = {freq: unsupported(metric, layer, [freq]) for freq in FREQS}
        assert tuple(freq for freq in FREQS if reasons[freq] is None) == kind.freqs, (metric, reasons)
        assert all("metric '" in reason for reason in reasons.values() if reason)


def test_a_refusal_names_metric_file_and_line(layer: SemanticLayer, tmp_path: Path) -> None:
    file = tmp_path / "orders_lag.yml"
    file.write_text("kpi: orders_lag\nname: Orders\nmetric: orders_5_days_ago\n", encoding="utf-8")
    kpi = replace(kpi_over("orders_5_days_ago", freqs=["W", "M"], n_obs="orders"), definition_file=file)
    (finding,) = metric_exists.findings(kpi, layer)
    assert (finding.file, finding.line, finding.field) == (file, 3, "metric")
    assert finding.problem == (
        "metric 'orders_5_days_ago' takes 'orders' 5 days earlier: no whole number of weekly or monthly periods;"
        " write whole weeks, months, quarters or years"
    )


def test_the_page_of_kinds_is_as_the_compiler_does(layer: SemanticLayer) -> None:
    text = page(layer)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("segment", ["customer__joined_date", "order__order_date"])
def test_a_segment_that_is_a_time_dimension_is_refused(layer: SemanticLayer, segment: str) -> None:
    with pytest.raises(NyckeltalError, match=f"can't be cut by the segment '{segment}', which is a time dim"):
        rollups([plan(kpi_over("spent", segments=[segment], n_obs="orders"), layer)], layer)


def test_the_time_spine_is_that_of_days(layer: SemanticLayer) -> None:
    assert layer.time_spine == "dim_dates"


def test_a_filter_s_copy_of_a_metric_is_no_metric_to_name(layer: SemanticLayer) -> None:
    assert "web_share_numerator" in layer.metrics
    assert "web_share_numerator" not in layer.declared


def test_an_averaged_metric_of_a_month_ago_is_that_month_s_mean(layer: SemanticLayer) -> None:
    kpis = [kpi_over(name, segments=(), freqs=["M"], n_obs=name) for name in ("spent_2_months_mean", "mean_month_ago")]
    connection = _built(kpis, layer)
    means, earlier = (values_of(connection, kpi.model) for kpi in kpis)
    expected = {
        (freq, Period(freq, start).next().start, *cut): value
        for (freq, start, *cut), value in means.items()
        if start < date(2021, 1, 1)
    }
    assert earlier == pytest.approx(expected)


def _offset_of_offset_by_hand(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[date, float]]:
    query = """
        with months as (
            select date_trunc('month', order_date)::date as month, sum(amount)::double as spent
            from fct_orders group by 1
        ), growth as (
            select now.month, (now.spent - before.spent) / before.spent as growth
            from months as now inner join months as before on before.month + interval 1 month = now.month
        )
        select now.month, now.growth - before.growth
        from growth as now inner join growth as before on before.month + interval 1 year = now.month
        where now.month <= ?"""
    yield from connection.execute(query, [TODAY]).fetchall()


def test_an_offset_of_an_offset_goes_back_by_both(layer: SemanticLayer) -> None:
    connection = _built([kpi_over("change_of_growth", segments=(), freqs=["M"], n_obs="orders")], layer)
    by_hand = dict(_offset_of_offset_by_hand(connection))
    ours = {key[1]: value for key, value in values_of(connection, "kpi_change_of_growth").items() if key[1] <= TODAY}
    assert set(ours) == {date(2020, 12, 1), date(2021, 1, 1)}
    assert ours == pytest.approx(by_hand)


_BY_HAND = {
    "spent_3_months_ago": """
        select (date_trunc('quarter', order_date) + interval 3 month)::date as start, sum(amount)::double
        from fct_orders group by 1""",
    "loyal_share": """
        with loyal as (
            select customer_id from fct_orders where customer_id is not null
            group by 1 having sum(amount) / count(order_id) > 50
        )
        select date_trunc('quarter', order_date)::date as start,
            sum(amount) filter (customer_id in (from loyal))::double / sum(amount)::double
        from fct_orders group by 1""",
}


@pytest.mark.parametrize("metric", _BY_HAND)
def test_where_metricflow_is_wrong_the_value_is_that_by_hand(layer: SemanticLayer, metric: str) -> None:
    connection = _built([kpi_over(metric, segments=(), freqs=["Q"], n_obs="orders")], layer)
    by_hand = dict(connection.execute(_BY_HAND[metric]).fetchall())
    ours = {key[1]: value for key, value in values_of(connection, f"kpi_{metric}").items() if key[1] <= TODAY}
    assert len(ours) >= 5
    assert ours == pytest.approx({start: by_hand[start] for start in ours})


def test_no_year_to_date_of_a_month_ago(layer: SemanticLayer) -> None:
    """It would be that of all of last year in January, less the year to date."""
    assert not plan(kpi_over("growth_month", segments=(), freqs=["M"], n_obs="orders"), layer).to_date
    assert plan(kpi_over("growth_year", segments=(), freqs=["M"], n_obs="orders"), layer).to_date


def test_kpi_plan_has_words_for_every_class_of_measure() -> None:
    assert set(PERIOD_VALUES) == set(get_args(MeasureClass))


def test_members_that_vanished_have_a_value_where_the_metric_fills_it(layer: SemanticLayer) -> None:
    """So that members add up: a has orders in February only, b in January only, and March has none."""
    connection = connect()
    connection.execute("delete from fct_orders where order_date >= '2020-03-01' or order_date < '2020-01-01'")
    connection.execute("delete from fct_orders where (country = 'b') <> (order_date < '2020-02-01')")
    _built([kpi_over("filled_change", segments=["order__country"], freqs=["M"], n_obs="orders")], layer, connection)
    values = {key[1:]: value for key, value in values_of(connection, "kpi_filled_change").items()}
    january, february, march = (date(2020, month, 1) for month in (1, 2, 3))
    assert values[january, "order__country", "b"] == values[january, "_T", "_T"] == 93
    assert values[february, "order__country", "a"] == 87
    assert values[february, "order__country", "b"] == -93
    assert values[february, "_T", "_T"] == 87 - 93
    assert values[march, "order__country", "a"] == values[march, "_T", "_T"] == -87
    assert max(start for start, *_ in values) == march


_CHANGES = """
delete from fct_orders where customer_id = 2 and month(order_date) = 5;
update fct_orders set _loaded_at = now() where customer_id = 2;
delete from fct_balances where balance_date between '2020-03-20' and '2020-03-31' and customer_id < 3;
update fct_balances set customer_id = 4 where balance_date = '2020-07-30' and customer_id = 5;
update fct_budgets set amount = amount + 1 where budget_month = '2020-02-01';
update dim_customers set tier = 'basic', age_group = null where customer_id = 1;
"""


@pytest.mark.parametrize("fact_columns", [set(), {"_loaded_at"}], ids=["content", "_loaded_at"])
def test_incremental_runs_equal_a_rebuild(layer: SemanticLayer, fact_columns: set[str]) -> None:
    """The rows that another customer's orders let through or keep out are older than the change."""
    segments = {
        "frequent_spent": ("order__country",),
        "spent": ("customer__tier", "customer__age_group", "order__country"),
        "median_amount": ("customer__tier", "customer__age_group"),
        "balance_by_customer": ("balance__country",),
        "budget": ("budget__country",),
    }
    kpis = [kpi_over(name, segments=cut, freqs=["M", "Q", "A"], n_obs=name) for name, cut in segments.items()]
    connection = connect()
    for fact in ("fct_orders", "fct_balances", "fct_budgets"):
        connection.execute(f"alter table {fact} add column _loaded_at timestamptz default '2021-01-01 00:00:00+00'")
    models = _models(kpis, layer, fact_columns)
    Engine(connection, models).run()
    before = {kpi.id: values_of(connection, kpi.model) for kpi in kpis}
    connection.execute(_CHANGES)
    if fact_columns:
        connection.execute("update fct_balances set _loaded_at = now(); update fct_budgets set _loaded_at = now()")
    Engine(connection, models).run()
    after = {kpi.id: values_of(connection, kpi.model) for kpi in kpis}
    for name in models:
        connection.execute(f"drop table {name}")
    Engine(connection, models).run()
    for kpi in kpis:
        assert after[kpi.id] != before[kpi.id], kpi.id
        assert after[kpi.id] == pytest.approx(values_of(connection, kpi.model)), kpi.id


_CHURN_BY_HAND = """
select period_freq, opening_date, '_T', '_T', count(distinct customer_id) filter (is_lost) / count(distinct customer_id)
from fct_openings where opening_date <= ? group by all
union all
select period_freq, opening_date, 'opening__country', country,
    count(distinct customer_id) filter (is_lost) / count(distinct customer_id)
from fct_openings where opening_date <= ? group by all
"""


def _churn(**changes: Any) -> Kpi:
    dimension = changes.pop("freq_dimension", "opening__period_freq")
    fields = {"freqs": ["M", "Q", "A"], "segments": ["opening__country"], "n_obs": "opening_customers"} | changes
    return kpi_over("churn_rate", freq_dimension=dimension, **fields)


def test_opening_cohorts_are_one_kpi_for_months_quarters_and_years(layer: SemanticLayer) -> None:
    """In January 2020 only the quarter has a row of c."""
    connection = connect()
    connection.execute("insert into fct_openings values (0, 9, 'Q', 'c', '2020-01-01', true)")
    _built([_churn()], layer, connection)
    by_hand = connection.execute(_CHURN_BY_HAND, [TODAY, TODAY]).fetchall()
    ours = {key: value for key, value in values_of(connection, "kpi_churn_rate").items() if key[1] <= TODAY}
    assert ours == pytest.approx({tuple(key): value for *key, value in by_hand})
    rows = "select freq, n_obs, year_to_date from kpi_churn_rate where member = 'c'"
    assert connection.sql(rows).fetchall() == [("Q", 1, None)]


def test_a_freq_dimension_is_not_for_weeks() -> None:
    with pytest.raises(ValueError, match="freq_dimension is for M, Q and A"):
        _churn(freqs=["W", "M"])


@pytest.mark.parametrize("changes", [{"freq_dimension": "opening__country_code"}, {"n_obs": "spent_so_far"}])
def test_a_freq_dimension_is_one_of_all_facts(layer: SemanticLayer, tmp_path: Path, changes: dict[str, Any]) -> None:
    file = tmp_path / "churn_rate.yml"
    file.write_text("kpi: churn_rate\nfreq_dimension: opening__country_code\n", encoding="utf-8")
    problems = list(freq_dimension_of_facts.findings(replace(_churn(**changes), definition_file=file), layer))
    assert problems and all((finding.field, finding.line) == ("freq_dimension", 2) for finding in problems)
    assert not list(freq_dimension_of_facts.findings(_churn(), layer))
