"""Opening the warehouse, for the gate and the release. What they read from it stands in `candidates.py`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import duckdb

from metrics import company
from metrics.errors import NyckeltalError, disk_faults_told


@contextmanager
def connect() -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, open for reading and writing, its times in UTC; closed at the end.

    Raises NyckeltalError when there is none yet, another process has it open, it is damaged, or the disk is full.
    """
    path = company.warehouse_path()
    if not path.exists():
        raise NyckeltalError("there is no warehouse yet; run `kpi run`", file=path)
    try:
        connection = duckdb.connect(str(path))
    except duckdb.IOException as error:
        reason = "another process has it open" if "lock" in str(error).lower() else "it can't be opened"
        raise NyckeltalError(f"the warehouse isn't free: {reason}", file=path) from None
    with disk_faults_told("the warehouse can't be used", path), closing(connection):
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def has_table(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    """Whether the warehouse has that table or view."""
    found = connection.execute(
        "select count(*) from information_schema.tables"
        " where table_catalog = current_database() and table_schema = ? and table_name = ?",
        [schema, table],
    ).fetchone()
    return found is not None and found[0] > 0
