"""The compiled bases and KPIs on generated rows: equal to MetricFlow's own queries, and incremental to a rebuild."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from jinja2 import Environment
from sqlglot import ErrorLevel, parse_one

from benchmarks.engine import Engine
from metrics.bases import base_models, inputs_of
from metrics.compiler import kpi_sql
from metrics.planner import bases, plan
from metrics.registry import Adoption, Definition, Kpi, Target
from metrics.semantic import GRAINS, SemanticLayer

PROJECT = Path(__file__).parent / "engine_project"
FREQS = ("W", "M", "Q", "A")
SEGMENTS = ("country", "device", "visitor__tier")
FACT_COLUMNS = {"visit_id", "visitor_id", "country", "device", "visit_date", "paid_date", "is_sale", "amount"}
# An example runs every model, so that shrinking one would take minutes.
_FEW_EXAMPLES = settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
TABLES = """
create table visits (visit_id integer, visitor_id integer, country varchar, device varchar, visit_date date,
    paid_date date, is_sale boolean, amount decimal(9, 2));
create table visitors (visitor_id integer, tier varchar);
create view fct_visits as from visits;
create view dim_visitors as from visitors;
create table dim_dates as
    select unnest(generate_series(date '2023-01-01', date '2026-12-31', interval 1 day))::date as date_day;
"""


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> SemanticLayer:
    from dbt.cli.main import dbtRunner

    target = tmp_path_factory.mktemp("engine_project")
    folders = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(target)]
    result = dbtRunner().invoke(["--quiet", "--log-path", str(target), "parse", *folders])
    assert result.success, result.exception
    return SemanticLayer(target / "semantic_manifest.json")


@pytest.fixture(scope="module")
def kpis(layer: SemanticLayer) -> list[Kpi]:
    """One KPI for each metric of the project."""
    return [_kpi(name) for name in sorted(layer.metrics)]


def _kpi(metric: str, *, segments: Sequence[str] = SEGMENTS) -> Kpi:
    definition = Definition(
        kpi=metric, name=metric, description="", perspective="process", kind="ratio", unit="count", direction="none",
        type="lagging", metric=metric, n_obs="visits", freqs=FREQS, segments=SEGMENTS, standard="none",
        definition_version=1,
    )  # fmt: skip
    adoption = Adoption(
        kpi=metric, owner="owner", level="key", objective="any", target=Target(none="none"), review="monthly",
        freqs=FREQS, segments=tuple(segments),
    )  # fmt: skip
    return Kpi("domain", definition, adoption, Path("definition.yml"), Path("adoption.yml"))


def _models(kpis: Sequence[Kpi], layer: SemanticLayer, columns: set[str] = FACT_COLUMNS) -> dict[str, str]:
    plans = [plan(kpi, layer) for kpi in kpis]
    shared = bases(plans, layer)
    models = {name: sql for base in shared for name, sql in base_models(base, inputs_of(base, columns, "code")).items()}
    return models | {one.kpi.model: kpi_sql(one, shared, "hash") for one in plans}


@pytest.fixture(scope="module")
def models(kpis: list[Kpi], layer: SemanticLayer) -> dict[str, str]:
    return _models(kpis, layer)


Visit = tuple[Any, ...]
_COLUMNS = "visit_id, visitor_id, country, device, visit_date, paid_date, is_sale, amount"
_FEW = st.sampled_from([None, "a", "b"])
_DAYS = st.dates(date(2024, 11, 20), date(2026, 2, 10))
_VISITS = st.tuples(
    st.one_of(st.none(), st.integers(1, 4)),
    _FEW,
    _FEW,
    st.one_of(st.none(), _DAYS),
    st.one_of(st.none(), _DAYS),
    st.sampled_from([None, True, False]),
    st.one_of(st.none(), st.sampled_from([0, 1, 2.5, -3, 10])),
)
# A visitor may be unknown, without a tier, or stand there twice.
_VISITORS = st.lists(st.tuples(st.integers(1, 4), st.sampled_from([None, "gold", "basic"])), max_size=5)


def _connection(visits: Sequence[Visit], visitors: Sequence[tuple[Any, ...]]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(TABLES)
    _insert(connection, visits)
    if visitors:
        connection.executemany("insert into visitors values (?, ?)", visitors)
    return connection


def _insert(connection: duckdb.DuckDBPyConnection, visits: Sequence[Visit], first: int = 1) -> None:
    if visits:
        rows = [(number, *visit) for number, visit in enumerate(visits, first)]
        connection.executemany(f"insert into visits ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _values(connection: duckdb.DuckDBPyConnection, model: str) -> dict[tuple[Any, ...], Any]:
    rows = connection.execute(
        f"select freq, period_start, segment, member, obs_value from {model} where obs_value is not null"
    ).fetchall()
    values = {row[:-1]: row[-1] for row in rows}
    assert len(values) == len(rows)
    return values


@pytest.fixture(scope="module")
def metricflow(layer: SemanticLayer) -> list[tuple[str, str, str, str]]:
    """(metric, freq, segment, query over its values) for every metric, frequency and segment."""
    queries = []
    for metric in sorted(layer.metrics):
        for freq in FREQS:
            for segment in ("_T", *SEGMENTS):
                cut = [] if segment == "_T" else [segment]
                time = f"metric_time__{GRAINS[freq]}"
                sql = layer.query_sql([metric], [time, *cut]).replace('"memory"."main".', "")
                member = f"coalesce({segment}::varchar, '_U')" if cut else "'_T'"
                values = f"select {time}::date, {member}, {metric}::double from ({sql})"
                queries.append((metric, freq, segment, f"{values} where {metric} is not null and {time} is not null"))
    return queries


@_FEW_EXAMPLES
@given(st.lists(_VISITS, max_size=25), _VISITORS)
def test_every_metric_equals_metricflow(
    metricflow: list[tuple[str, str, str, str]], models: dict[str, str], visits: list[Visit], visitors: list[Any]
) -> None:
    connection = _connection(visits, visitors)
    Engine(connection, models).run()
    theirs: dict[str, dict[tuple[Any, ...], float]] = {}
    for metric, freq, segment, query in metricflow:
        found = theirs.setdefault(metric, {})
        found.update(
            {(freq, start, segment, member): value for start, member, value in connection.sql(query).fetchall()}
        )
    for metric, values in theirs.items():
        assert _values(connection, f"kpi_{metric}") == pytest.approx(values, rel=1e-9, abs=1e-9), metric


# What happens to the fact between two runs: rows come, rows are delivered again with another content, rows go.
_CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.lists(_VISITS, min_size=1, max_size=4)),
        st.tuples(st.just("again"), st.integers(0, 20), _VISITS),
        st.tuples(st.just("go"), st.integers(0, 20)),
    ),
    min_size=1,
    max_size=5,
)


@pytest.mark.parametrize("told_by", ["content", "_loaded_at"])
@_FEW_EXAMPLES
@given(visits=st.lists(_VISITS, max_size=12), visitors=_VISITORS, changes=_CHANGES)
def test_incremental_runs_equal_a_rebuild(
    layer: SemanticLayer, told_by: str, visits: list[Visit], visitors: list[Any], changes: list[Any]
) -> None:
    kpis = [_kpi(name) for name in ("gold_share", "median_amount", "buying_amount", "spent_per_buyer", "sales_share")]
    models = _models(kpis, layer, FACT_COLUMNS | ({"_loaded_at"} if told_by == "_loaded_at" else set()))
    connection = _connection(visits, visitors)
    connection.execute("alter table visits add column _loaded_at timestamptz default '2026-01-01 00:00:00+00'")
    connection.execute("create or replace view fct_visits as from visits")
    engine = Engine(connection, models)
    engine.run()
    for number, change in enumerate(changes, 1):
        _change(connection, change, number)
        engine.run()
    rebuilt = duckdb.connect()
    for table in ("visits", "visitors"):
        rebuilt.register("rows", connection.table(table).to_arrow_table())
        rebuilt.execute(f"create table {table} as from rows")
    rebuilt.execute("create view fct_visits as from visits; create view dim_visitors as from visitors")
    Engine(rebuilt, models).run()
    for kpi in kpis:
        query = f"select * exclude (batch_id) from {kpi.model} order by freq, period_start, segment, member"
        assert connection.sql(query).fetchall() == rebuilt.sql(query).fetchall(), kpi.id


@pytest.mark.parametrize("told_by", ["content", "_loaded_at"])
def test_a_member_that_vanishes_from_a_day_changes_the_day(layer: SemanticLayer, told_by: str) -> None:
    """What is left of the day is then just what the other member's row was computed from."""
    models = _models([_kpi("spent")], layer, FACT_COLUMNS | ({"_loaded_at"} if told_by == "_loaded_at" else set()))
    day = date(2025, 7, 3)
    connection = _connection([(1, "a", "x", day, None, True, 1), (2, "b", "x", day, None, True, 10)], [])
    connection.execute("alter table visits add column _loaded_at timestamptz default '2026-01-01 00:00:00+00'")
    connection.execute("create or replace view fct_visits as from visits")
    engine = Engine(connection, models)
    engine.run()
    connection.execute("delete from visits where country = 'b'")
    engine.run()
    total = "select obs_value from kpi_spent where freq = 'M' and segment = '_T'"
    assert connection.sql(total).fetchall() == [(1.0,)]


def _change(connection: duckdb.DuckDBPyConnection, change: Any, number: int) -> None:
    moment = f"2026-01-01 00:00:{number:02d}+00"
    kind, *rest = change
    ids = [found for (found,) in connection.sql("select visit_id from visits order by visit_id").fetchall()]
    if kind == "come":
        _insert(connection, rest[0], first=1000 * number)
        connection.execute("update visits set _loaded_at = ? where visit_id >= ?", [moment, 1000 * number])
    elif ids:
        chosen = ids[rest[0] % len(ids)]
        connection.execute("delete from visits where visit_id = ?", [chosen])
        if kind == "again":
            _insert(connection, [rest[1]], first=chosen)
            connection.execute("update visits set _loaded_at = ? where visit_id = ?", [moment, chosen])


def test_only_periods_whose_inputs_changed_are_computed_again(layer: SemanticLayer) -> None:
    days = [date(2025, 1, 1) + timedelta(days=number) for number in range(400)]
    connection = _connection([(1, "a", "b", day, day, True, 1) for day in days], [])
    models = _models([_kpi("spent_per_buyer", segments=["country"])], layer)
    engine = Engine(connection, models)
    engine.run()
    for table in ("base_visits_daily", "base_visits_recounted"):
        connection.execute(f"alter table {table} add column kept boolean")
        connection.execute(f"update {table} set kept = true")
    connection.execute(f"insert into visits ({_COLUMNS}) values (9999, 2, 'a', 'b', '2025-11-05', null, true, 5)")
    engine.run()
    again = "select distinct day from base_visits_daily where kept is null"
    assert connection.sql(again).fetchall() == [(date(2025, 11, 5),)]
    periods = "select distinct freq, span, period_start from base_visits_recounted where kept is null order by all"
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
    connection = _connection(visits, [])
    models = _models([_kpi("visitors", segments=["country", "device"])], layer)
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


@_FEW_EXAMPLES
@given(st.lists(_VISITS, min_size=1, max_size=25))
def test_values_to_date_are_those_of_all_rows_of_the_span(
    layer: SemanticLayer, models: dict[str, str], visits: list[Visit]
) -> None:
    connection = _connection(visits, [])
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
    connection = _connection([(1, "a", "b", date(2025, 1, 1), None, True, 1)], [])
    Engine(connection, models).run()
    dated = "select count(*) from {} where coalesce(year_to_date, rolling_12_months) is not null"
    assert connection.sql(dated.format("kpi_present")).fetchone() == (0,)
    assert connection.sql(dated.format("kpi_visits") + " and freq not in ('M', 'Q')").fetchone() == (0,)
    assert connection.sql(dated.format("kpi_visits").replace("where", "where freq = 'M' and")).fetchone() == (4,)


def test_spark_s_sql_has_the_same_leaves_and_no_approximation(
    layer: SemanticLayer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    manifest = next(tmp_path_factory.getbasetemp().glob("**/engine_project*/semantic_manifest.json"))
    spark = SemanticLayer(manifest, "spark")
    kpis = [_kpi(name) for name in sorted(layer.metrics)]
    ours = bases([plan(kpi, layer) for kpi in kpis], layer)
    theirs = bases([plan(kpi, spark) for kpi in kpis], spark)
    assert [[leaf.metric for leaf in base.leaves] for base in ours] == [
        [leaf.metric for leaf in base.leaves] for base in theirs
    ]
    for base in theirs:
        for sql in base_models(base).values():
            assert "APPROX" not in sql
            given = {"ref": lambda model: model, "period_days": lambda *_, **__: "SELECT * FROM period_days"}
            parse_one(Environment().from_string(sql).render(given), dialect="spark", error_level=ErrorLevel.RAISE)
