"""Opening the warehouse, for the gate and the release. What they read from it stands in `candidates.py`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import duckdb

from metrics import company
from metrics.errors import NyckeltalError, disk_faults_told
from metrics.private_files import private_files


@contextmanager
def connect(*, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, open for reading and writing unless `read_only`, its times in UTC; closed at the end.

    Whoever calls it holds the run's or the release's lock: even a reader keeps a run from opening the warehouse.

    Raises NyckeltalError when there is none yet, another process has it open, it is damaged, or the disk is full.
    """
    path = company.warehouse_path()
    if not path.exists():
        raise NyckeltalError("there is no warehouse yet; run `kpi run`", file=path)
    with private_files():  # DuckDB makes its write-ahead log anew by itself
        try:
            connection = duckdb.connect(str(path), read_only=read_only)
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
