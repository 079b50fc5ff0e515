"""The engine's small project (`engine_project/`): KPIs over its metrics, their models, and generated rows for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import Phase, settings
from hypothesis import strategies as st

from benchmarks.engine import Engine
from metrics.compiler.plan import plan, rollups
from metrics.compiler.semantic_layer import SemanticLayer
from metrics.compiler.sql.kpi_sql import kpi_sql
from metrics.compiler.sql.rollups import day_fingerprint_sql, rollup_models
from metrics.core.periods import Freq
from metrics.definitions.kpis.adoption import Adoption, Target
from metrics.definitions.kpis.kpi import Definition, Kpi

PROJECT = Path(__file__).parent / "engine_project"
FREQS: tuple[Freq, ...] = ("W", "M", "Q", "A")
SEGMENTS = ("country", "device", "visitor__tier")
COMBINATIONS = ("country:device", "country:visitor__tier")  # the second one needs a join
FACT_COLUMNS = {"visit_id", "visitor_id", "country", "device", "visit_date", "paid_date", "is_sale", "amount"}
# An example runs every model, so that shrinking one would take minutes.
FEW_EXAMPLES = settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
TABLES = """
create table visits (visit_id integer, visitor_id integer, country varchar, device varchar, visit_date date,
    paid_date date, is_sale boolean, amount decimal(9, 2));
create table visitors (visitor_id integer, tier varchar);
create view fct_visits as from visits;
create view dim_visitors as from visitors;
create table dim_dates as
    select unnest(generate_series(date '2019-12-30', date '2027-12-31', interval 1 day))::date as date_day;
"""


def kpi_over(
    metric: str,
    *,
    segments: Sequence[str] = SEGMENTS,
    freqs: Sequence[Freq] = FREQS,
    n_obs: str = "visits",
    freq_dimension: str | None = None,
) -> Kpi:
    definition = Definition(
        kpi=metric, name=metric, description="", perspective="process", kind="ratio", unit="count", direction="none",
        type="lagging", metric=metric, n_obs=n_obs, freqs=tuple(freqs), segments=tuple(segments), standard="none",
        definition_version=1, freq_dimension=freq_dimension,
    )  # fmt: skip
    adoption = Adoption(
        kpi=metric, owner="owner", level="key", objective="any", target=Target(none="none"), review="monthly",
        freqs=tuple(freqs), segments=tuple(segments),
    )  # fmt: skip
    return Kpi("domain", definition, adoption, Path("definition.yml"), Path("adoption.yml"))


def models_of(kpis: Sequence[Kpi], layer: SemanticLayer, change_detection: str = "content") -> dict[str, str]:
    """The models of those KPIs and their rollups.

    `change_detection` is "content" or "_loaded_at": what identifies changed rows of the fact.
    """
    columns = FACT_COLUMNS | {change_detection}
    plans = [plan(kpi, layer) for kpi in kpis]
    shared = rollups(plans, layer)
    models = {
        name: sql
        for rollup in shared
        for name, sql in rollup_models(rollup, day_fingerprint_sql(rollup, columns, "code")).items()
    }
    return models | {kpi_plan.kpi.model: kpi_sql(kpi_plan, shared, "hash") for kpi_plan in plans}


Visit = tuple[Any, ...]
_COLUMNS = "visit_id, visitor_id, country, device, visit_date, paid_date, is_sale, amount"
_FEW = st.sampled_from([None, "a", "b"])
# Days with much between them, so that months and weeks are empty: leap days, week 53, and days after today.
_RARE_DAYS = st.sampled_from(
    [
        *(date(2020, 12, day) for day in (27, 28, 31)),
        *(date(2021, 1, day) for day in (1, 3, 4)),
        *(date(2024, 2, day) for day in (28, 29)),
        date(2024, 3, 1),
        *(date(2026, 12, day) for day in (28, 31)),
        *(date(2027, 1, day) for day in (1, 3, 4)),
    ]
)
DAYS = st.one_of(st.dates(date(2024, 11, 20), date(2026, 2, 10)), _RARE_DAYS)
VISITS = st.tuples(
    st.one_of(st.none(), st.integers(1, 4)),
    _FEW,
    _FEW,
    st.one_of(st.none(), DAYS),
    st.one_of(st.none(), DAYS),
    st.sampled_from([None, True, False]),
    st.one_of(st.none(), st.sampled_from([0, 1, 2.5, -3, 10])),
)
# A visitor may be missing, have no tier, or be there twice.
VISITORS = st.lists(st.tuples(st.integers(1, 4), st.sampled_from([None, "gold", "basic"])), max_size=5)


def connect(visits: Sequence[Visit], visitors: Sequence[tuple[Any, ...]]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(TABLES)
    insert(connection, visits)
    if visitors:
        connection.executemany("insert into visitors values (?, ?)", visitors)
    return connection


def add_loaded_at(connection: duckdb.DuckDBPyConnection) -> None:
    """Adds to the visits the column with the time when each was loaded."""
    connection.execute("alter table visits add column _loaded_at timestamptz default '2026-01-01 00:00:00+00'")
    connection.execute("create or replace view fct_visits as from visits")


def insert(connection: duckdb.DuckDBPyConnection, visits: Sequence[Visit], first: int = 1) -> None:
    if visits:
        rows = [(number, *visit) for number, visit in enumerate(visits, first)]
        connection.executemany(f"insert into visits ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def values_of(connection: duckdb.DuckDBPyConnection, model: str) -> dict[tuple[Any, ...], Any]:
    rows = connection.execute(
        f"select freq, period_start, segment, member, obs_value from {model} where obs_value is not null"
    ).fetchall()
    values = {row[:-1]: row[-1] for row in rows}
    assert len(values) == len(rows)
    return values


def metricflow_query(layer: SemanticLayer, metric: str, grain: str, segment: str) -> str:
    """The query of MetricFlow's non-null values of a metric: start of the period, member, value."""
    cut = [] if segment == "_T" else segment.split(":")
    time = f"metric_time__{grain}"
    sql = layer.query_sql([metric], [time, *cut]).replace('"memory"."main".', "")
    parts = ", ".join(f"coalesce({part}::varchar, '_U')" for part in cut)
    member = f"concat_ws(':', {parts})" if cut else "'_T'"
    return f"""select {time}::date, {member}, {metric}::double from ({sql})
        where {metric} is not null and {time} is not null"""


def assert_equals_rebuild(connection: duckdb.DuckDBPyConnection, models: dict[str, str], kpis: Sequence[Kpi]) -> None:
    """The KPIs after several runs equal those of a single run over the same rows."""
    rebuilt = duckdb.connect()
    for table in ("visits", "visitors", "dim_dates"):
        rebuilt.register("rows", connection.table(table).to_arrow_table())
        rebuilt.execute(f"create table {table} as from rows")
    rebuilt.execute("create view fct_visits as from visits; create view dim_visitors as from visitors")
    Engine(rebuilt, models).run()
    for kpi in kpis:
        query = f"select * exclude (batch_id) from {kpi.model} order by freq, period_start, segment, member"
        assert connection.sql(query).fetchall() == rebuilt.sql(query).fetchall(), kpi.id


# Changes of the fact between two runs: rows are added, delivered again with other content, or removed.
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(VISITS, min_size=1, max_size=4)),
        st.tuples(st.just("replace"), st.integers(0, 20), VISITS),
        st.tuples(st.just("remove"), st.integers(0, 20)),
    ),
    min_size=1,
    max_size=5,
)


def change(connection: duckdb.DuckDBPyConnection, fact_change: Any, number: int) -> None:
    """Makes one of CHANGES; `number` counts them and gives the time when its rows are loaded."""
    moment = f"2026-01-01 00:00:{number:02d}+00"
    kind, *arguments = fact_change
    visit_ids = [visit_id for (visit_id,) in connection.sql("select visit_id from visits order by 1").fetchall()]
    if kind == "add":
        insert(connection, arguments[0], first=1000 * number)
        connection.execute("update visits set _loaded_at = ? where visit_id >= ?", [moment, 1000 * number])
    elif visit_ids:
        visit_id = visit_ids[arguments[0] % len(visit_ids)]
        connection.execute("delete from visits where visit_id = ?", [visit_id])
        if kind == "replace":
            insert(connection, [arguments[1]], first=visit_id)
            connection.execute("update visits set _loaded_at = ? where visit_id = ?", [moment, visit_id])
