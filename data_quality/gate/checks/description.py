"""What checks know of the planned keys, their KPIs and feeds, from the catalogue: temporary tables for their SQL.

They are planned, rules, kpi_feeds, kpi_inputs, kpi_joins, kpi_covers, kpi_segments, identity_terms, ended_feeds, feeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa

from data_quality.gate.keys import Planned
from data_quality.warehouse import has_table
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
    """Put the plan, what the catalogue says of its KPIs, and the state of the feeds into temporary tables.

    `unreadable` are KPIs whose candidates can't be read, with the reason.
    """
    keys = [
        {
            "key_no": number,
            "kpi_id": item.kpi.kpi_id,
            "freq": item.period.freq,
            "time_period": item.period.code,
            "period_start": item.period.start,
            "period_end": item.period.end,
            "reaches_to": item.kpi.reaches_to(item.period),
            "is_over": item.is_over,
        }
        for number, item in enumerate(planned)
    ]
    kpis = {item.kpi.kpi_id: item for item in planned}
    rules = [
        {
            "kpi_id": item.kpi.kpi_id,
            "definition_version": item.kpi.definition_version,
            "definition_hash": item.kpi.definition_hash,
            "unit": item.kpi.unit,
            "kind": item.kpi.kind,
            "lower_bound": item.kpi.lower_bound,
            "upper_bound": item.kpi.upper_bound,
            "additive": item.kpi.additive_segments,
            "null_rule": _null_rule(item.kpi),
            "lookback": item.kpi.lookback,
            "observable_from": item.kpi.observable_from,
            "protected": item.kpi.protected,
            "unreadable": unreadable.get(item.kpi.kpi_id),
        }
        for item in kpis.values()
    ]
    tables: dict[str, tuple[list[dict[str, Any]], pa.Schema]] = {
        "planned": (keys, _PLANNED),
        "rules": (rules, _RULES),
        "kpi_feeds": ([{"kpi_id": i, "feed": f} for i, item in kpis.items() for f in item.kpi.feeds], _FEEDS),
        "kpi_inputs": (
            [{"kpi_id": i, "feed": f, "column_name": c} for i, item in kpis.items() for f, c in item.kpi.input_columns],
            _INPUTS,
        ),
        "kpi_joins": ([_join(i, join) for i, item in kpis.items() for join in item.kpi.joins], _JOINS),
        "kpi_covers": (
            [{"kpi_id": i, "covered": c} for i, item in kpis.items() for c in (i, *item.kpi.covers)],
            _COVERS,
        ),
        "kpi_segments": (
            [{"kpi_id": i, "segment": s} for i, item in kpis.items() for s in item.kpi.segments],
            _SEGMENTS,
        ),
        "identity_terms": ([row for one in catalog.identities for row in _terms(one)], _TERMS),
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
    """Put rows into a temporary table, in place of what it had."""
    connection.register("described", pa.Table.from_pylist(list(rows), schema=schema))
    connection.execute(f"create or replace temp table {table} as from described")
    connection.unregister("described")


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
    facts = {"identity": identity.name, "holds": identity.holds, "relation": identity.relation, "n_terms": len(sides)}
    return [facts | {"is_left": is_left} | term.model_dump() for is_left, term in sides]


def _null_rule(kpi: CatalogKpi) -> str:
    """When a total or a member may lack a value: "no denominator", "no rows" or "never".

    Where the denominator isn't known, members may, but the total only without rows: "no rows or member".
    """
    if kpi.metric_type == "ratio":
        return "no denominator"
    if kpi.kind == "ratio":
        return "no rows or member"
    return "no rows" if kpi.kind == "quantile" else "never"


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
_INPUTS = pa.schema([("kpi_id", _TEXT), ("feed", _TEXT), ("column_name", _TEXT)])
_JOINS = pa.schema([(name, _TEXT) for name in ("kpi_id", "feed", "column_name", "other", "other_column")])
_COVERS = pa.schema([("kpi_id", _TEXT), ("covered", _TEXT)])
_SEGMENTS = pa.schema([("kpi_id", _TEXT), ("segment", _TEXT)])
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
