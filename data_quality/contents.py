"""Content hashes: whether a table of the warehouse still has the rows that ingest or dbt wrote.

A value computed from edited rows isn't published. Ingest stores the content hash of each file's rows in `raw._files`,
and a build stores the hash of each table that it made in `kpi._contents`. A content hash doesn't depend on the order of
rows. It starts with the version of DuckDB, as another version may hash differently; hashes of different versions aren't
compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import duckdb

from data_quality import intact
from data_quality.intact import Relation
from data_quality.warehouse import has_table
from metrics.core.quoting import identifier, literal

_TABLE = "create table if not exists kpi._contents (relation varchar, content varchar)"
_TABLES = "select schema_name, table_name from duckdb_tables() where database_name = current_database()"
_CONTENT = f"concat_ws(' ', '{duckdb.__version__}', count(*), coalesce(sum(_hash), 0))"


def relation(node: Mapping[str, Any]) -> Relation | None:
    """The schema and table of a node of dbt's manifest; None for a node without a table."""
    schema = node.get("schema")
    return (
        (schema, node.get("alias") or node["name"]) if schema and node["resource_type"] in ("model", "seed") else None
    )


def of_files(
    connection: duckdb.DuckDBPyConnection, feed: str, files: Iterable[str] | None = None
) -> dict[str | None, str]:
    """The content hash of the feed's rows in raw, by source file; with `files` only of those."""
    relation = ("raw", feed)
    select = f"select _source_file, {_CONTENT} from {_with_hashes(connection, relation)}"
    if files is None:
        return dict(connection.execute(f"{select} group by all").fetchall())
    query = f"{select} where list_contains(?::varchar[], _source_file) group by all"
    return dict(connection.execute(query, [list(files)]).fetchall())


def of_feed(connection: duckdb.DuckDBPyConnection, feed: str) -> list[tuple[str, str]]:
    """What raw has of a feed: the content hash of each file's rows, and the columns; empty if the feed has no table."""
    if not has_table(connection, "raw", feed):
        return []
    columns = [("", ",".join(_columns(connection, ("raw", feed))))]
    ingested = _ingested(connection, feed) or {}
    present = ingested if ("raw", feed) in intact.of(connection) else _read_feed(connection, feed, ingested)
    return columns + sorted((file or "", content) for file, content in present.items() if content is not None)


def edited_files(connection: duckdb.DuckDBPyConnection, feed: str) -> list[str]:
    """The source files whose rows in raw differ from those that ingest wrote; `?` for rows of no known file."""
    if ("raw", feed) in intact.of(connection):
        return []
    ingested = _ingested(connection, feed)
    if ingested is None or not has_table(connection, "raw", feed):
        return []
    present = _read_feed(connection, feed, ingested)
    changed = {file or "?" for file, content in ingested.items() if _differs(content, present.get(file))}
    return sorted(changed | {file or "?" for file in present if file not in ingested})


def record(connection: duckdb.DuckDBPyConnection, relations: Iterable[Relation]) -> None:
    """Store the content hash of tables that a build has just made. Views are skipped."""
    connection.execute("create schema if not exists kpi")
    connection.execute(_TABLE)
    made = set(relations)
    names = [".".join(relation) for relation in made]
    connection.execute("delete from kpi._contents where list_contains(?::varchar[], relation)", [names])
    intact.remove(connection, made)
    tables = sorted(made & set(connection.execute(_TABLES).fetchall()))
    for relation in tables:
        content = _content(connection, relation)
        connection.execute("insert into kpi._contents values (?, ?)", [".".join(relation), content])
    intact.add(connection, tables)


def known_relations(connection: duckdb.DuckDBPyConnection) -> set[Relation]:
    """The tables whose content hash a build stored, and the views."""
    stored = set()
    if has_table(connection, "kpi", "_contents"):
        stored = {name for (name,) in connection.execute("select relation from kpi._contents").fetchall()}
    tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
    views = connection.execute("select schema_name, view_name from duckdb_views() where not internal").fetchall()
    return {table for table in tables if ".".join(table) in stored} | {
        view for view in views if ".".join(view) not in stored
    }


def is_edited(connection: duckdb.DuckDBPyConnection, relation: Relation) -> bool:
    """Whether the table exists with other rows than its build wrote."""
    return bool(edited(connection, [relation]))


def edited(connection: duckdb.DuckDBPyConnection, relations: Iterable[Relation]) -> set[Relation]:
    """Those of the relations that are tables with other rows than their build wrote."""
    if not has_table(connection, "kpi", "_contents"):
        return set()
    written = dict(connection.execute("select relation, content from kpi._contents").fetchall())
    tables = set(connection.execute(_TABLES).fetchall())
    unread = (set(relations) & tables) - intact.of(connection)
    present = {relation: _content(connection, relation) for relation in sorted(unread)}
    intact.add(connection, [relation for relation in present if written.get(".".join(relation)) == present[relation]])
    return {relation for relation in present if _differs(written.get(".".join(relation)), present[relation])}


def is_comparable(content: str | None) -> bool:
    """Whether the content hash was computed by this version of DuckDB."""
    return content is not None and content.split()[0] == duckdb.__version__


def _differs(stored: str | None, present: str | None) -> bool:
    return is_comparable(stored) and stored != present


def _content(connection: duckdb.DuckDBPyConnection, relation: Relation) -> str:
    ((content,),) = connection.execute(f"select {_CONTENT} from {_with_hashes(connection, relation)}").fetchall()
    return str(content)


def _with_hashes(connection: duckdb.DuckDBPyConnection, relation: Relation) -> str:
    """The table with a hash of each row, `_hash`, as SQL."""
    # A NULL adds nothing, so that a new column doesn't change the hash of older rows. The shift keeps sums of hashes
    # from overflowing.
    cells = [
        f"if({column} is null, 0, hash({literal(name)}, {column}) >> 24)"
        for name in _columns(connection, relation)
        for column in [identifier(name)]
    ]
    return f"(select *, hash({' + '.join(cells)}) as _hash from {'.'.join(map(identifier, relation))})"


def _ingested(connection: duckdb.DuckDBPyConnection, feed: str) -> dict[str | None, str | None] | None:
    """The content hash of the rows that ingest wrote, by source file (None for a file without rows); None where they
    weren't recorded.
    """
    try:
        return dict(connection.execute("select source_file, content from raw._files where feed = ?", [feed]).fetchall())
    except (duckdb.CatalogException, duckdb.BinderException):  # a warehouse that an earlier version made
        return None


def _read_feed(
    connection: duckdb.DuckDBPyConnection, feed: str, ingested: Mapping[str | None, str | None]
) -> dict[str | None, str]:
    """As `of_files`; the feed is intact where raw has exactly what ingest wrote."""
    present = of_files(connection, feed)
    if present == {file: content for file, content in ingested.items() if content is not None}:
        intact.add(connection, [("raw", feed)])
    return present


def _columns(connection: duckdb.DuckDBPyConnection, relation: Relation) -> list[str]:
    # DuckDB's list of all columns takes ten times as long.
    rows = connection.execute(f"from {'.'.join(map(identifier, relation))} limit 0")
    return sorted(name for name, *_ in rows.description or ())
