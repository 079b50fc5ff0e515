"""A plugin of dbt-duckdb, named in `profiles.yml`: what DuckDB says of a failed model, without the values that it read.

dbt prints, logs and stores the text of every error, and Dagster keeps it; DuckDB quotes the cell that it can't convert.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError

from metrics.core.errors import without_values


def described(error: duckdb.Error, sql: str) -> str:
    """The error without values, and the line of the model's SQL at which DuckDB stopped, where it says so."""
    text = without_values(error, own_sql=True)
    line, _, excerpt = str(error).rpartition("\nLINE ")[2].partition(": ")
    excerpt = excerpt.splitlines()[0].strip().strip(".") if excerpt else ""
    # What follows such a mark may also be a part of a value that imitates it.
    if line.isdigit() and excerpt and excerpt in sql:
        text += f", in line {line} of the SQL that ran: {excerpt}"
    if text.startswith(type(error).__name__ + ":"):
        return text
    return f"{text} (its text may quote a value and is not shown: run the model's SQL in the warehouse to see it)"


@contextmanager
def _exception_handler(manager: Any, sql: str, connection_name: str = "master") -> Iterator[None]:
    """In place of the adapter's: the same, for errors whose text may hold a value."""
    try:
        yield
        return
    except duckdb.Error as error:
        problem = described(error, sql)
    manager.rollback_if_open()
    raise DbtRuntimeError(problem) from None


class Plugin(BasePlugin):  # type: ignore[misc]  # dbt-duckdb has no types
    """Made before the first statement is sent."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """dbt-duckdb offers no place for this but the method that it calls on an error."""
        DuckDBConnectionManager.exception_handler = _exception_handler
