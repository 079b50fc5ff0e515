"""Which tables of the warehouse are known to have the rows that ingest and dbt wrote: they needn't be read again.

A file beside the warehouse has their names, and the state of the warehouse's file (size, times, inode) when this
project closed it. The names count as long as the warehouse's file has that state. Whoever else writes to the warehouse
changes it, and so does a run that is killed: all tables are then read again. While a connection is open, the names are
in its temporary table `intact_tables`; a connection without that table knows none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import duckdb

from metrics.core.private_files import private_files

Relation = tuple[str, str]  # schema and table

_NAMES = "temp.intact_tables"


def known(warehouse: Path) -> set[Relation]:
    """The intact tables; none when anyone else wrote to the warehouse. Call it while the warehouse is open."""
    try:
        content = json.loads(_names_file(warehouse).read_text(encoding="utf-8"))
        is_unchanged = content["state"] == _state(warehouse)
        return {(schema, table) for schema, table in content["tables"]} if is_unchanged else set()
    except (OSError, ValueError, KeyError, TypeError):  # there is no file, or it is damaged
        return set()


def keep(warehouse: Path, relations: Iterable[Relation]) -> None:
    """Writes the names of the intact tables. Call it right after the warehouse was closed."""
    file = _names_file(warehouse)
    draft = file.with_name(f"{file.name}.new")
    with suppress(OSError), private_files():  # on a full or read-only disk the next run reads the tables again
        try:
            draft.write_text(json.dumps({"state": _state(warehouse), "tables": sorted(relations)}), encoding="utf-8")
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)


def open_with(connection: duckdb.DuckDBPyConnection, relations: Iterable[Relation]) -> None:
    """Tells a connection that was just opened which tables are intact."""
    connection.execute("create temp table intact_tables (schema_name varchar, table_name varchar)")
    add(connection, relations)


def of(connection: duckdb.DuckDBPyConnection) -> set[Relation]:
    """The intact tables that the connection knows."""
    try:
        return set(connection.execute(f"from {_NAMES}").fetchall())
    except duckdb.CatalogException:  # it wasn't opened with names
        return set()


def add(connection: duckdb.DuckDBPyConnection, relations: Iterable[Relation]) -> None:
    """Record that these tables have the rows that ingest or dbt wrote: they were just read or written."""
    _execute(connection, f"insert into {_NAMES} select unnest($schemas), unnest($tables)", relations)


def remove(connection: duckdb.DuckDBPyConnection, relations: Iterable[Relation]) -> None:
    """Forgets tables that are about to be written to."""
    rows = "(select unnest($schemas), unnest($tables))"
    _execute(connection, f"delete from {_NAMES} where (schema_name, table_name) in {rows}", relations)


def _execute(connection: duckdb.DuckDBPyConnection, statement: str, relations: Iterable[Relation]) -> None:
    names = list(relations)
    if names:
        schemas, tables = zip(*names, strict=True)
        with suppress(duckdb.CatalogException):  # it wasn't opened with names
            connection.execute(statement, {"schemas": list(schemas), "tables": list(tables)})


def _names_file(warehouse: Path) -> Path:
    return warehouse.with_suffix(".intact")


def _state(warehouse: Path) -> list[list[int] | None]:
    """What the file system says of the warehouse's file and of its write-ahead log (None: there is none)."""
    states: list[list[int] | None] = []
    for file in (warehouse, warehouse.with_name(warehouse.name + ".wal")):
        stat = file.stat() if file.exists() else None
        states.append(stat and [stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns])
    return states
