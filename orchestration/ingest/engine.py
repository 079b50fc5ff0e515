"""The in-memory DuckDB that helps Arrow out: JSON, and the parsing that Arrow hasn't. It holds no data."""

from __future__ import annotations

from functools import cache

import duckdb


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    # Timestamps with an offset are turned into UTC, and those without one are left as they are.
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def engine() -> duckdb.DuckDBPyConnection:
    """A cursor of its own, so that registered tables of one caller aren't seen by another."""
    return _connection().cursor()
