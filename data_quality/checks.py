"""The checks of the gate, and their figures for a plan. What computes them: `check_queries.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from data_quality import check_queries as queries
from data_quality.plan import Planned
from data_quality.verdict import Severity
from data_quality.warehouse import has_table
from metrics.catalog import CatalogKpi


@dataclass(frozen=True)
class Check:
    """One check. `default_limit` holds unless the KPI's `gate` sets another under the check's name."""

    name: str
    description: str
    severity: Severity
    default_limit: float
    sql: str


CHECKS: tuple[Check, ...] = (
    Check(
        "candidates_exist",
        "The newest build has the period's rows, one of them the total, computed by the definition in force",
        "critical",
        0,
        queries.CANDIDATES_EXIST,
    ),
    Check("not_null", "No value is missing, unless there is nothing to divide by", "critical", 0, queries.NOT_NULL),
    Check(
        "within_bounds", "Every value is a number within the bounds of its KPI", "critical", 0, queries.WITHIN_BOUNDS
    ),
    Check(
        "plausible_change",
        "The total's change, on the period before or on a year ago, is no outlier among earlier changes",
        "critical",
        6,
        queries.PLAUSIBLE_CHANGE,
    ),
    Check("inputs_complete", "Every feed upstream covers the whole period", "critical", 0, queries.INPUTS_COMPLETE),
    Check(
        "segments_add_up", "The members of every segment add up to the total", "critical", 1e-9, queries.SEGMENTS_ADD_UP
    ),
)
SEVERITIES: dict[str, Severity] = {check.name: check.severity for check in CHECKS}


def limit_of(check: Check, kpi: CatalogKpi) -> float:
    """The KPI's limit for a check."""
    return kpi.gate.get(check.name, check.default_limit)


def figures(
    connection: duckdb.DuckDBPyConnection, planned: Sequence[Planned], unreadable: dict[str, str]
) -> pd.DataFrame:
    """One row per planned key in the plan's order (`key_no`), with figure, limit, applies and detail of every check.

    Columns: key_no, then for each check c: c, c__limit, c__applies, c__detail.
    """
    _describe(connection, planned, unreadable)
    ctes = ", ".join(f"{check.name} as ({check.sql})" for check in CHECKS)
    columns = ", ".join(
        f"{check.name}.figure::double as {check.name}, {check.name}.applies as {check.name}__applies,"
        f" {check.name}.detail as {check.name}__detail"
        for check in CHECKS
    )
    joins = " ".join(f"left join {check.name} on {check.name}.key_no = planned.key_no" for check in CHECKS)
    frame = connection.execute(
        f"with {ctes} select planned.key_no, {columns} from planned {joins} order by planned.key_no"
    ).df()
    for check in CHECKS:
        frame[f"{check.name}__limit"] = [limit_of(check, item.kpi) for item in planned]
        # A key that a query lost is one to which the check applies and that was not evaluated.
        frame[f"{check.name}__applies"] = frame[f"{check.name}__applies"].astype("boolean").fillna(True).astype(bool)
        frame[f"{check.name}__detail"] = frame[f"{check.name}__detail"].astype("object").fillna("")
    return frame


def _describe(connection: duckdb.DuckDBPyConnection, planned: Sequence[Planned], unreadable: dict[str, str]) -> None:
    """Put the plan and what the catalogue says of its KPIs into temporary tables."""
    keys = [
        {
            "key_no": number,
            "kpi_id": item.kpi.kpi_id,
            "freq": item.period.freq,
            "time_period": item.period.code,
            "period_start": item.period.start,
            "period_end": item.period.end,
        }
        for number, item in enumerate(planned)
    ]
    kpis = {item.kpi.kpi_id: item for item in planned}
    rules = [
        {
            "kpi_id": item.kpi.kpi_id,
            "definition_hash": item.kpi.definition_hash,
            "unit": item.kpi.unit,
            "lower_bound": item.kpi.lower_bound,
            "upper_bound": item.kpi.upper_bound,
            "additive": item.kpi.additive_segments,
            "null_rule": _null_rule(item.kpi),
            "lookback": item.kpi.lookback,
            "observable_from": item.observable_from,
            "plausible_limit": item.kpi.gate.get("plausible_change", 6),
            "protected": item.kpi.protected,
            "unreadable": unreadable.get(item.kpi.kpi_id),
        }
        for item in kpis.values()
    ]
    tables: dict[str, tuple[list[dict[str, Any]], pa.Schema]] = {
        "planned": (keys, _PLANNED),
        "rules": (rules, _RULES),
        "kpi_feeds": ([{"kpi_id": i, "feed": f} for i, item in kpis.items() for f in item.kpi.feeds], _FEEDS),
        "kpi_segments": (
            [{"kpi_id": i, "segment": s} for i, item in kpis.items() for s in item.kpi.segments],
            _SEGMENTS,
        ),
    }
    for name, (rows, schema) in tables.items():
        connection.register("described", pa.Table.from_pylist(rows, schema=schema))
        connection.execute(f"create or replace temp table {name} as from described")
        connection.unregister("described")
    connection.execute(
        "create or replace temp table feeds"
        " (feed varchar, history_from date, grain varchar, watermark date, outstanding varchar)"
    )
    if has_table(connection, "raw", "_feeds"):
        connection.execute("insert into feeds select feed, history_from, grain, watermark, outstanding from raw._feeds")


def _null_rule(kpi: CatalogKpi) -> str:
    """When a segment member may lack a value: "no denominator", "no rows" or "never"."""
    if kpi.kind == "ratio" or kpi.metric_type in ("ratio", "derived"):
        return "no denominator"
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
    ]
)
_RULES = pa.schema(
    [
        ("kpi_id", _TEXT),
        ("definition_hash", _TEXT),
        ("unit", _TEXT),
        ("lower_bound", pa.float64()),
        ("upper_bound", pa.float64()),
        ("additive", pa.bool_()),
        ("null_rule", _TEXT),
        ("lookback", _TEXT),
        ("observable_from", _DAY),
        ("plausible_limit", pa.float64()),
        ("protected", pa.bool_()),
        ("unreadable", _TEXT),
    ]
)
_FEEDS = pa.schema([("kpi_id", _TEXT), ("feed", _TEXT)])
_SEGMENTS = pa.schema([("kpi_id", _TEXT), ("segment", _TEXT)])
