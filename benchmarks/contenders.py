"""What is compared. Each contender computes the whole catalogue, and measures its values in one form.

A contender is a function from a connection to its times: it does what isn't timed, times the rest, and makes the table
`result` (kpi_id, freq, period_start, segment, member, value).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks import hand
from benchmarks.catalogue import FREQS, compiled, semantic_layer
from benchmarks.engine import Engine
from benchmarks.facts import LAST_MONTH, SEGMENTS, add_month
from benchmarks.results_file import Stopwatch, Timing
from metrics.compiler.semantic_layer import GRAINS, SemanticLayer


@dataclass(frozen=True)
class Size:
    """The history: rows over months, evenly; a new month is as large as one of them."""

    rows: int
    months: int
    seed: int


Contender = Callable[[duckdb.DuckDBPyConnection, Path, Size], Timing]
_TOUCHED = " or ".join(
    f"freq = '{freq}' and period_start >= date_trunc('{unit}', date '{LAST_MONTH}')"
    for freq, unit in hand.UNITS.items()
)


def hand_full(connection: duckdb.DuckDBPyConnection, _: Path, __: Size) -> Timing:
    """By hand, everything from the mart."""
    watch = Stopwatch()
    hand.compute(connection)
    return watch.stop()


def hand_month(connection: duckdb.DuckDBPyConnection, _: Path, size: Size) -> Timing:
    """By hand, the week, month, quarter and year that a new month touches."""
    add_month(connection, size.rows // size.months, size.rows, size.seed)
    watch = Stopwatch()
    hand.compute(connection, only_last_month=True)
    return watch.stop()


def engine_full(connection: duckdb.DuckDBPyConnection, work: Path, _: Size) -> Timing:
    """The compiled models, everything from the mart."""
    models = compiled(semantic_layer(work))
    engine = Engine(connection, models)
    watch = Stopwatch()
    engine.run()
    timing = watch.stop()
    _united(connection, models, "true")
    return timing


def engine_month(connection: duckdb.DuckDBPyConnection, work: Path, size: Size) -> Timing:
    """The compiled models, a new month on top of a history that was computed before."""
    models = compiled(semantic_layer(work))
    engine = Engine(connection, models)
    engine.run()
    add_month(connection, size.rows // size.months, size.rows, size.seed)
    connection.execute("checkpoint")
    watch = Stopwatch()
    engine.run()
    timing = watch.stop()
    _united(connection, models, _TOUCHED)
    return timing


def metricflow_per_kpi(connection: duckdb.DuckDBPyConnection, work: Path, _: Size) -> Timing:
    """A MetricFlow query for each KPI, frequency and segment."""
    layer = semantic_layer(work)
    return _metricflow(connection, layer, [[name] for name in sorted(layer.metrics)])


def metricflow_joint(connection: duckdb.DuckDBPyConnection, work: Path, _: Size) -> Timing:
    """A MetricFlow query for each frequency and segment, with all KPIs."""
    layer = semantic_layer(work)
    return _metricflow(connection, layer, [sorted(layer.metrics)])


CONTENDERS: dict[str, Contender] = {
    "hand": hand_full,
    "hand_month": hand_month,
    "engine_full": engine_full,
    "engine_month": engine_month,
    "metricflow_per_kpi": metricflow_per_kpi,
    "metricflow_joint": metricflow_joint,
}


def _metricflow(connection: duckdb.DuckDBPyConnection, layer: SemanticLayer, groups: list[list[str]]) -> Timing:
    connection.execute(_RESULT)
    watch = Stopwatch()
    for metrics in groups:
        for freq in FREQS:
            for segment in ("_T", *SEGMENTS):
                period = f"metric_time__{GRAINS[freq]}"
                sql = layer.query_sql(metrics, [period] if segment == "_T" else [period, segment])
                connection.execute("create or replace temp table answer as " + sql.replace('"memory"."main".', ""))
                member = "'_T'" if segment == "_T" else f"coalesce({segment}, '_U')"
                for metric in metrics:
                    connection.execute(
                        f"insert into result select '{metric}', '{freq}', {period}, '{segment}', {member}, {metric}"
                        " from answer"
                    )
    return watch.stop()


_RESULT = """create or replace table result (kpi_id text, freq text, period_start date, segment text, member text,
    value double)"""


def _united(connection: duckdb.DuckDBPyConnection, models: dict[str, str], condition: str) -> None:
    connection.execute(_RESULT)
    for name in models:
        if name.startswith("kpi_"):
            connection.execute(
                f"insert into result select kpi_id, freq, period_start, segment, member, obs_value from {name}"
                f" where {condition}"
            )
