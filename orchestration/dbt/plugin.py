"""A plugin of dbt-duckdb, named in `profiles.yml`: removes values of rows from the errors of failed models, and notes
which tables were intact when dbt opened the warehouse.

dbt prints, logs and stores the text of every error, and Dagster keeps it. DuckDB's text quotes the cell that it can't
convert.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError

from data_quality import intact
from data_quality.intact import Relation
from metrics.core import deployment
from metrics.core.errors import without_values


def described(error: duckdb.Error, sql: str) -> str:
    """The text of the error without values, with the line of the model's SQL where DuckDB stopped, if it is known."""
    text = without_values(error, own_sql=True)
    if isinstance(error, duckdb.OutOfMemoryException):
        text += f"; the model may use {deployment.memory_limit()}: set NYCKELTAL_MEMORY_LIMIT to more"
    line, _, excerpt = str(error).rpartition("\nLINE ")[2].partition(": ")
    excerpt = excerpt.splitlines()[0].strip().strip(".") if excerpt else ""
    # "LINE 1: …" may also be part of a quoted value, so the excerpt counts only if it is in the model's SQL.
    if line.isdigit() and excerpt and excerpt in sql:
        text += f", in line {line} of the SQL that ran: {excerpt}"
    if text.startswith(type(error).__name__ + ":"):
        return text
    return f"{text} (its text may quote a value and is not shown: run the model's SQL in the warehouse to see it)"


@contextmanager
def _exception_handler(manager: Any, sql: str, connection_name: str = "master") -> Iterator[None]:
    """Replaces the adapter's handler: rolls back and raises dbt's error as it does, but with a text without values."""
    try:
        yield
        return
    except duckdb.Error as error:
        problem = described(error, sql)
    manager.rollback_if_open()
    raise DbtRuntimeError(problem) from None


class Plugin(BasePlugin):  # type: ignore[misc]  # dbt-duckdb has no types
    """dbt-duckdb creates the plugin before it sends the first statement.

    `intact_tables` are the intact tables when the newest build opened the warehouse; None if it didn't open it.
    """

    intact_tables: ClassVar[set[Relation] | None] = None

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Replaces the adapter's exception handler, because dbt-duckdb has no setting for it."""
        DuckDBConnectionManager.exception_handler = _exception_handler

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """dbt-duckdb calls it when it has opened the warehouse: from then on nobody else can write to it."""
        tables = intact.known(deployment.warehouse_path())
        Plugin.intact_tables = tables if Plugin.intact_tables is None else tables & Plugin.intact_tables
