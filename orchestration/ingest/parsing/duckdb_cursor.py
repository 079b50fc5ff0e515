"""An in-memory DuckDB for what Arrow can't do: JSON, and some parsing of values. It stores no data."""

from __future__ import annotations

from functools import cache

import duckdb


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    # Timestamps with an offset are converted to UTC; those without one stay as they are.
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def duckdb_cursor() -> duckdb.DuckDBPyConnection:
    """A new cursor. Tables that one caller registers are not visible to another."""
    return _connection().cursor()
