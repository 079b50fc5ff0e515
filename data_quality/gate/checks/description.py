"""Temporary tables that describe the planned keys, their KPIs and feeds to the SQL of the checks.

They come from the catalogue: planned, rules (one row per KPI), kpi_feeds, kpi_daily_rollups, kpi_inputs, kpi_joins,
kpi_covers, kpi_segments, kpi_combinations, identity_terms, ended_feeds and feeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa

from data_quality.gate.keys import Planned
from data_quality.warehouse import has_table
from metrics.core.segments import is_combination, parts_of
from metrics.definitions.catalog import Catalog, CatalogKpi, Join
from metrics.definitions.company import Company
from metrics.definitions.identities import Identity


def load(
    connection: duckdb.DuckDBPyConnection,
    company: Company,
    catalog: Catalog,
    planned: Sequence[Planned],
    unreadable: dict[str, str],
) -> None:
    """Create the temporary tables: the planned keys, what the catalogue says of their KPIs, and the state of the feeds.

    `unreadable` has the KPIs whose candidates can't be read, with the reason.
    """
    keys = [
        {
            "key_no": number,
            "kpi_id": planned_key.kpi.kpi_id,
            "freq": planned_key.period.freq,
            "time_period": planned_key.period.code,
            "period_start": planned_key.period.start,
            "period_end": planned_key.period.end,
            "reaches_to": planned_key.kpi.reaches_to(planned_key.period),
            "is_over": planned_key.is_over,
        }
        for number, planned_key in enumerate(planned)
    ]
    kpis = {planned_key.kpi.kpi_id: planned_key.kpi for planned_key in planned}
    rules = [
        {
            "kpi_id": kpi.kpi_id,
            "definition_version": kpi.definition_version,
            "definition_hash": kpi.definition_hash,
            "unit": kpi.unit,
            "kind": kpi.kind,
            "lower_bound": kpi.lower_bound,
            "upper_bound": kpi.upper_bound,
            "additive": kpi.additive_segments,
            "null_rule": _null_rule(kpi),
            "lookback": kpi.lookback,
            "observable_from": kpi.observable_from,
            "protected": kpi.protected,
            "unreadable": unreadable.get(kpi.kpi_id),
        }
        for kpi in kpis.values()
    ]
    tables: dict[str, tuple[list[dict[str, Any]], pa.Schema]] = {
        "planned": (keys, _PLANNED),
        "rules": (rules, _RULES),
        "kpi_feeds": ([{"kpi_id": kpi.kpi_id, "feed": feed} for kpi in kpis.values() for feed in kpi.feeds], _FEEDS),
        "kpi_daily_rollups": (
            [{"kpi_id": kpi.kpi_id, "daily_rollup": name} for kpi in kpis.values() for name in kpi.daily_rollups],
            _DAILY_ROLLUPS,
        ),
        "kpi_inputs": (
            [
                {"kpi_id": kpi.kpi_id, "feed": feed, "column_name": column}
                for kpi in kpis.values()
                for feed, column in kpi.input_columns
            ],
            _INPUTS,
        ),
        "kpi_joins": ([_join(kpi.kpi_id, join) for kpi in kpis.values() for join in kpi.joins], _JOINS),
        "kpi_covers": (
            [
                {"kpi_id": kpi.kpi_id, "covered": covered}
                for kpi in kpis.values()
                for covered in (kpi.kpi_id, *kpi.covers)
            ],
            _COVERS,
        ),
        "kpi_segments": (
            [
                {"kpi_id": kpi.kpi_id, "segment": segment, "is_combination": is_combination(segment)}
                for kpi in kpis.values()
                for segment in kpi.segments
            ],
            _SEGMENTS,
        ),
        "kpi_combinations": (
            [
                {"kpi_id": kpi.kpi_id, "segment": segment, "part": part, "number": number}
                for kpi in kpis.values()
                for segment in kpi.segments
                if is_combination(segment)
                for number, part in enumerate(parts_of(segment), 1)
                if part in kpi.segments
            ],
            _COMBINATIONS,
        ),
        "identity_terms": ([row for identity in catalog.identities for row in _terms(identity)], _TERMS),
        "ended_feeds": ([{"feed": name, "ended": feed.ended} for name, feed in company.feeds.items()], _ENDED),
    }
    for name, (rows, schema) in tables.items():
        put(connection, name, rows, schema)
    connection.execute(
        "create or replace temp table feeds"
        " (feed varchar, history_from date, grain varchar, watermark date, outstanding varchar,"
        " outstanding_from date, ended date)"
    )
    if has_table(connection, "raw", "_feeds"):
        connection.execute(
            "insert into feeds select feed, history_from, grain, watermark, outstanding, outstanding_from, ended"
            " from raw._feeds left join ended_feeds using (feed)"
        )


def put(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[dict[str, Any]], schema: pa.Schema) -> None:
    """Create or replace a temporary table with those rows."""
    connection.register("rows_to_put", pa.Table.from_pylist(list(rows), schema=schema))
    connection.execute(f"create or replace temp table {table} as from rows_to_put")
    connection.unregister("rows_to_put")


def _join(kpi_id: str, join: Join) -> dict[str, str]:
    return {
        "kpi_id": kpi_id,
        "feed": join.feed,
        "column_name": join.column,
        "other": join.other_feed,
        "other_column": join.other_column,
    }


def _terms(identity: Identity) -> list[dict[str, Any]]:
    sides = [(True, term) for term in identity.left] + [(False, term) for term in identity.right]
    of_identity = {
        "identity": identity.name,
        "holds": identity.holds,
        "relation": identity.relation,
        "n_terms": len(sides),
    }
    return [of_identity | {"is_left": is_left} | term.model_dump() for is_left, term in sides]


def _null_rule(kpi: CatalogKpi) -> str:
    """When a value may be missing.

    - "no denominator": of a ratio with a known denominator, where that is missing or zero.
    - "no rows or member": of a ratio whose denominator isn't known, such as growth. The value of a segment member may
      always be missing, the total only without rows.
    - "no rows": of a quantile, without rows.
    - "before its first": of a stock, in periods before its first value.
    - "never": of all others.
    """
    if kpi.metric_type == "ratio":
        return "no denominator"
    if kpi.kind == "ratio":
        return "no rows or member"
    if kpi.kind == "quantile":
        return "no rows"
    return "before its first" if kpi.without_rows is None else "never"


_TEXT, _DAY = pa.string(), pa.date32()
_PLANNED = pa.schema(
    [
        ("key_no", pa.int64()),
        ("kpi_id", _TEXT),
        ("freq", _TEXT),
        ("time_period", _TEXT),
        ("period_start", _DAY),
        ("period_end", _DAY),
        ("reaches_to", _DAY),
        ("is_over", pa.bool_()),
    ]
)
_RULES = pa.schema(
    [
        ("kpi_id", _TEXT),
        ("definition_version", pa.int64()),
        ("definition_hash", _TEXT),
        ("unit", _TEXT),
        ("kind", _TEXT),
        ("lower_bound", pa.float64()),
        ("upper_bound", pa.float64()),
        ("additive", pa.bool_()),
        ("null_rule", _TEXT),
        ("lookback", _TEXT),
        ("observable_from", _DAY),
        ("protected", pa.bool_()),
        ("unreadable", _TEXT),
    ]
)
_ENDED = pa.schema([("feed", _TEXT), ("ended", _DAY)])
_FEEDS = pa.schema([("kpi_id", _TEXT), ("feed", _TEXT)])
_DAILY_ROLLUPS = pa.schema([("kpi_id", _TEXT), ("daily_rollup", _TEXT)])
_INPUTS = pa.schema([("kpi_id", _TEXT), ("feed", _TEXT), ("column_name", _TEXT)])
_JOINS = pa.schema([(name, _TEXT) for name in ("kpi_id", "feed", "column_name", "other", "other_column")])
_COVERS = pa.schema([("kpi_id", _TEXT), ("covered", _TEXT)])
_SEGMENTS = pa.schema([("kpi_id", _TEXT), ("segment", _TEXT), ("is_combination", pa.bool_())])
_COMBINATIONS = pa.schema([("kpi_id", _TEXT), ("segment", _TEXT), ("part", _TEXT), ("number", pa.int64())])
_TERMS = pa.schema(
    [
        ("identity", _TEXT),
        ("holds", _TEXT),
        ("relation", _TEXT),
        ("n_terms", pa.int64()),
        ("is_left", pa.bool_()),
        ("kpi_id", _TEXT),
        ("number", _TEXT),
        ("sign", pa.int64()),
    ]
)
