"""Rows for the published file: rows of the ledger in the form of its tables, and Python rows as a table's content."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow as pa

from data_quality.ledger.schemas import RELEASES
from data_quality.ledger.store import Ledger
from metrics.core.periods import parse
from metrics.definitions.roles import same_person


def releases(ledger: Ledger) -> pa.Table:
    """The release rows; `catalog`, `manifest` and `company` are NULL."""
    return pa.Table.from_pylist(ledger.releases, schema=pa.schema([field.with_nullable(True) for field in RELEASES]))


def decisions(ledger: Ledger) -> pa.Table:
    """The decisions that a release covers. `person` is the same for all spellings of a name."""
    rows = ledger.sealed_decisions()
    persons = [same_person(name) for name in rows.column("decided_by").to_pylist()]
    return rows.append_column("person", pa.array(persons, pa.string()))


FEEDS = pa.schema(
    [
        *((name, pa.string()) for name in ("feed", "system", "cadence")),
        *((name, pa.date32()) for name in ("history_from", "complete_through", "newest_event")),
        ("newest_delivery", pa.timestamp("us", tz="UTC")),
        *((name, pa.int64()) for name in ("rows_total", "rows_rejected")),
        ("outstanding", pa.bool_()),
    ]
)


def feeds(ledger: Ledger) -> list[dict[str, Any]]:
    """The feeds as the newest release recorded them, with the columns of FEEDS; none where an older version made it."""
    read = {pa.date32(): date.fromisoformat, FEEDS.field("newest_delivery").type: datetime.fromisoformat}
    return [
        {
            field.name: read[field.type](feed[field.name])
            if feed[field.name] is not None and field.type in read
            else feed[field.name]
            for field in FEEDS
        }
        for feed in _company(ledger).get("feeds", [])
    ]


def deciders(ledger: Ledger) -> dict[str, str]:
    """By domain the persons who may decide on its held values, separated by commas, as the newest release recorded."""
    return {domain: ", ".join(names) for domain, names in _company(ledger).get("deciders", {}).items()}


def _company(ledger: Ledger) -> dict[str, Any]:
    """The record of `release/company_record.py`; empty where an older version made the newest release."""
    record: dict[str, Any] = json.loads((ledger.newest or {}).get("company") or "{}")
    return record


def with_days(verdicts: pa.Table) -> pa.Table:
    """The verdicts with the columns `period_start` and `period_end`, the first and last day of their period."""
    codes = verdicts.column("time_period").combine_chunks().dictionary_encode()
    periods = [parse(code) for code in codes.dictionary.to_pylist()]
    starts, ends = (
        pa.array([getattr(period, name) for period in periods], pa.date32()).take(codes.indices)
        for name in ("start", "end")
    )
    return verdicts.append_column("period_start", starts).append_column("period_end", ends)


def fill(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[dict[str, Any]], schema: pa.Schema) -> None:
    """Replace the rows of the table in `kpi`; make it where it doesn't exist."""
    connection.register("new_rows", pa.Table.from_pylist(rows, schema=schema))
    connection.execute(f"create table if not exists kpi.{table} as from new_rows limit 0")
    connection.execute(f"delete from kpi.{table}")
    connection.execute(f"insert into kpi.{table} from new_rows")
    connection.unregister("new_rows")
