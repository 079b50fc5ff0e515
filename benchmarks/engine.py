"""The compiled models run on a DuckDB connection alone: what dbt would execute, without the time that dbt adds."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any

import duckdb
from jinja2 import Environment

from metrics.core.clock import now
from orchestration.dbt.project import DBT_PROJECT

_MACROS = ("period_days", "periods", "quantiles", "parts_of_weeks", "to_reporting_currency", "today", "window_days")


@dataclass
class Engine:
    """Compiled models by name, in any order. A reference that is no model of these is a table of the connection."""

    connection: duckdb.DuckDBPyConnection
    models: dict[str, str]
    order: list[str] = field(init=False)

    def __post_init__(self) -> None:
        environment = Environment()
        environment.globals.update(env_var=os.environ.get, run_started_at=now())
        sources = [(DBT_PROJECT / "macros" / f"{name}.sql").read_text(encoding="utf-8") for name in _MACROS]
        self._macros = vars(environment.from_string("\n".join(sources)).module)
        self._templates = {name: environment.from_string(sql) for name, sql in self.models.items()}
        self.order = _ordered(self.models)

    def run(self) -> None:
        """Builds every model: a table anew, an incremental one by replacing the keys that its select brings.

        In one transaction: a commit to the disk for each of many small tables would be most of a short run.
        """
        self.connection.execute("begin")
        for name in self.order:
            self._build(name)
        self.connection.execute("commit")

    def _build(self, name: str) -> None:
        config: dict[str, Any] = {}
        exists = bool(self.connection.execute("select 1 from duckdb_tables() where table_name = ?", [name]).fetchone())

        def configure(**given: Any) -> str:
            config.update(given)
            return ""

        sql = self._templates[name].render(
            **{key: macro for key, macro in self._macros.items() if not key.startswith("_")},
            ref=lambda model: f'"{model}"',
            this=f'"{name}"',
            config=configure,
            is_incremental=lambda: exists,
            invocation_id="without dbt",
        )
        keys = config.get("unique_key") if exists and config.get("materialized") == "incremental" else None
        materialize(self.connection, f'"{name}"', sql, keys)


def materialize(connection: duckdb.DuckDBPyConnection, table: str, sql: str, keys: str | list[str] | None) -> None:
    """Makes a table of a select anew, or with `keys` replaces the rows of a table whose keys the select brings."""
    if keys is None:
        connection.execute(f"create or replace table {table} as {sql}")
        return
    key = ", ".join([keys] if isinstance(keys, str) else keys)
    connection.execute(f"create or replace temp table _new as {sql}")
    connection.execute(f"delete from {table} where ({key}) in (select ({key}) from _new)")
    connection.execute(f"insert into {table} by name from _new")
    connection.execute("drop table _new")


def _ordered(models: dict[str, str]) -> list[str]:
    order: list[str] = []

    def visit(name: str) -> None:
        for parent in re.findall(r"ref\('(\w+)'\)", models[name]):
            if parent in models and parent not in order:
                visit(parent)
        if name not in order:
            order.append(name)

    for name in sorted(models):
        visit(name)
    return order
