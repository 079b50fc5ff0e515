"""Quantiles by counting values in bins: equal to MetricFlow's query in every digit, for any values."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.engine import Engine
from metrics.compiler.semantic_layer import GRAINS, SemanticLayer
from tests.engine_factory import (
    FEW_EXAMPLES,
    FREQS,
    SEGMENTS,
    add_loaded_at,
    assert_equals_rebuild,
    connect,
    insert,
    kpi_over,
    metricflow_query,
    models_of,
    values_of,
)

METRICS = ("median_amount", "high_amount", "low_amount")
TYPES = ("double", "integer", "bigint", "decimal(9, 2)", "decimal(38, 6)")


@pytest.fixture(scope="module")
def layer(engine_manifest: Path) -> SemanticLayer:
    return SemanticLayer.read(engine_manifest)


@pytest.fixture(scope="module")
def models(layer: SemanticLayer) -> dict[str, str]:
    return models_of([kpi_over(metric) for metric in METRICS], layer)


@pytest.fixture(scope="module")
def metricflow(layer: SemanticLayer) -> list[tuple[str, str, str, str]]:
    """(metric, freq, segment, query over its values)"""
    return [
        (metric, freq, segment, metricflow_query(layer, metric, GRAINS[freq], segment))
        for metric in METRICS
        for freq in FREQS
        for segment in ("_T", *SEGMENTS)
    ]


def _assert_equal(
    connection: duckdb.DuckDBPyConnection, models: dict[str, str], metricflow: list[tuple[str, str, str, str]]
) -> int:
    """Asserts that every value equals MetricFlow's in every digit; returns the number of values."""
    Engine(connection, models).run()
    theirs: dict[str, dict[tuple[Any, ...], float]] = {metric: {} for metric in METRICS}
    for metric, freq, segment, query in metricflow:
        theirs[metric] |= {
            (freq, start, segment, member): value for start, member, value in connection.sql(query).fetchall()
        }
    for metric, values in theirs.items():
        assert values_of(connection, f"kpi_{metric}") == values, metric
    return sum(map(len, theirs.values()))


def _visits(amounts: Iterable[Any], sql_type: str) -> duckdb.DuckDBPyConnection:
    """Visits with those amounts, spread over days and members in turn."""
    connection = connect([], [(1, "gold"), (2, None)])
    connection.execute(f"alter table visits alter amount set data type {sql_type}")
    connection.execute("create or replace view fct_visits as from visits")
    start = date(2025, 6, 16)
    insert(
        connection,
        [
            (n % 3, "ab"[n % 2], f"d{n % 7}" if n % 5 else None, start + timedelta(days=n % 40), None, True, amount)
            for n, amount in enumerate(amounts)
        ],
    )
    return connection


_AMOUNTS = {
    "double": st.floats(allow_nan=False, allow_infinity=False, width=32)
    | st.sampled_from([0.0, -0.0, 1.5, -1.5, 1e300, -1e-300, 5e-324]),
    "integer": st.integers(-(2**30), 2**30) | st.integers(-2, 2),
    "bigint": st.integers(-(2**62), 2**62) | st.integers(2**60, 2**60 + 3),
    "decimal(9, 2)": st.decimals(-9999999, 9999998, places=2) | st.decimals(-1, 1, places=2),
    "decimal(38, 6)": st.decimals(-1000, 1000, places=6) | st.sampled_from([0, 10**9]),
}


@pytest.mark.parametrize("sql_type", TYPES)
@settings(FEW_EXAMPLES, max_examples=4)
@given(data=st.data())
def test_quantiles_of_any_values(
    models: dict[str, str], metricflow: list[tuple[str, str, str, str]], sql_type: str, data: st.DataObject
) -> None:
    amounts = data.draw(st.lists(st.none() | _AMOUNTS[sql_type], max_size=80))
    _assert_equal(_visits(amounts, sql_type), models, metricflow)


@pytest.mark.parametrize(
    "amounts",
    [
        pytest.param([number % 7 for number in range(5000)], id="few values"),
        pytest.param([0 if number % 3 else number for number in range(5000)], id="one value of most rows"),
        pytest.param([1_000_000 + number * 37 % 101 / 100 for number in range(5000)], id="all in one bin"),
        pytest.param([(number * 61 % 997) ** 3 / 100 for number in range(5000)], id="skewed"),
        pytest.param([(number * 61 % 997) - 498 for number in range(5000)], id="about zero"),
        pytest.param([5], id="one row"),
        pytest.param([None, None], id="nothing"),
    ],
)
def test_quantiles_of_many_values(
    models: dict[str, str], metricflow: list[tuple[str, str, str, str]], amounts: list[Any]
) -> None:
    compared = _assert_equal(_visits(amounts, "double"), models, metricflow)
    assert compared > 200 or len(amounts) < 10


def test_a_period_whose_values_are_withdrawn_has_none(layer: SemanticLayer) -> None:
    """Its rows are still there, so that only the missing values show that it has no quantile."""
    kpi = kpi_over("median_amount")
    models = models_of([kpi], layer, "_loaded_at")
    connection = _visits([1, 2, 3], "decimal(9, 2)")
    add_loaded_at(connection)
    engine = Engine(connection, models)
    engine.run()
    assert values_of(connection, "kpi_median_amount")
    connection.execute("update visits set amount = null, _loaded_at = '2026-01-02 00:00:00+00'")
    engine.run()
    assert values_of(connection, "kpi_median_amount") == {}
    assert_equals_rebuild(connection, models, [kpi])
