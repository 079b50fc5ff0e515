"""Opening the warehouse, for the gate and the release. Reading candidates from it: `gate/candidates.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import duckdb

from data_quality import intact
from metrics.core import deployment
from metrics.core.errors import NyckeltalError, disk_fault, disk_faults_reported
from metrics.core.private_files import private_files
from metrics.core.quoting import identifier

REPAIR = "move it and its .wal away; `kpi run --history` rebuilds it from the sources (docs/how-to/recovery.md)"

_BUSY = ("Could not set lock on file", "different configuration")


@contextmanager
def connect(*, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, open for writing unless `read_only`, its times in UTC; closed at the end.

    The caller must hold the run lock or the release lock: even a reader keeps a run from opening the warehouse.

    Raises NyckeltalError when there is none yet, another process has it open, it is damaged, or the disk is full.
    """
    path = deployment.warehouse_path()
    if not path.exists():
        raise NyckeltalError("there is no warehouse yet; run `kpi run`", file=path)
    with opened(read_only=read_only) as connection:
        yield connection


@contextmanager
def kept_open() -> Iterator[None]:
    """Keeps the warehouse open until the block ends, where there is one.

    Opening it reads what tables there are, and closing it writes: within the block, `connect` does neither. dbt can't
    open it within the block.
    """
    path = deployment.warehouse_path()
    if not path.exists():
        yield
        return
    with _open():
        yield
        intact_tables = intact.known(path)  # as the last connection within the block left them
    intact.keep(path, intact_tables)


@contextmanager
def opened(*, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """As `connect`, but makes the warehouse where there is none."""
    path = deployment.warehouse_path()
    with _open(read_only=read_only) as connection:
        intact.open_with(connection, intact.known(path))
        yield connection
        intact_tables = intact.of(connection)
    intact.keep(path, intact_tables)


@contextmanager
def _open(*, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the warehouse, with times in UTC. Raises NyckeltalError if another process has it open."""
    path = deployment.warehouse_path()
    with private_files():  # also for the write-ahead log, which DuckDB makes by itself
        with disk_faults_reported("the warehouse can't be used", path, repair=REPAIR):
            try:
                connection = duckdb.connect(str(path), read_only=read_only)
            except (duckdb.IOException, duckdb.ConnectionException) as error:
                if disk_fault(error):
                    raise
                busy = any(words in str(error) for words in _BUSY)
                problem = "another run is writing to the warehouse, or a tool has it open; try again when it has ended"
                raise NyckeltalError(problem if busy else "the warehouse can't be opened", file=path) from None
        with disk_faults_reported("the warehouse can't be used", path, repair=REPAIR), closing(connection):
            connection.execute("set TimeZone = 'UTC'")
            yield connection


def has_table(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    """Whether the warehouse has the table or view."""
    try:  # not by selecting from it: where there is none, DuckDB looks for a file or a Python variable of that name
        name = f"{identifier(schema)}.{identifier(table)}"
        return connection.execute("select 1 from pragma_table_info(?) limit 1", [name]).fetchone() is not None
    except duckdb.Error:  # there is none, or it is a view that no longer works, or its name has a quotation mark
        pass
    # DuckDB's list takes ten times as long: it looks at every table.
    row = connection.execute(
        "select count(*) from information_schema.tables"
        " where table_catalog = current_database() and table_schema = ? and table_name = ?",
        [schema, table],
    ).fetchone()
    return row is not None and row[0] > 0


def put(connection: duckdb.DuckDBPyConnection, table: str, columns: str, rows: Sequence[Sequence[Any]]) -> None:
    """Create or replace a temporary table with those columns (names and types in SQL) and rows."""
    import pyarrow as pa  # takes half a second, and commands that look something up don't need it

    connection.execute(f"create or replace temp table {table} ({columns})")
    if rows:
        values = {str(number): list(column) for number, column in enumerate(zip(*rows, strict=True))}
        connection.register("rows_to_put", pa.table(values))
        connection.execute(f"insert into {table} from rows_to_put")
        connection.unregister("rows_to_put")
