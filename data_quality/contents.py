"""Whether a table of the warehouse still has the rows that ingest or dbt wrote: a value of edited rows isn't published.

Ingest keeps the content of each file's rows in `raw._files`, a build that of each table it made in `kpi._contents`. A
content is a hash of rows in any order. Another version of DuckDB may hash otherwise, so that contents of another one
are compared with nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from data_quality.warehouse import has_table
from metrics.core.quoting import identifier, literal

_TABLE = "create table if not exists kpi._contents (relation varchar, content varchar)"
_CONTENT = f"concat_ws(' ', '{duckdb.__version__}', count(*), coalesce(sum(_hash), 0))"
Relation = tuple[str, str]  # schema and table


def of_files(
    connection: duckdb.DuckDBPyConnection, feed: str, files: Iterable[str] | None = None
) -> dict[str | None, str]:
    """The content of the rows in the feed's raw table, by source file: of those files, or of all."""
    relation = ("raw", feed)
    select = f"select _source_file, {_CONTENT} from {_with_hashes(connection, relation)}"
    if files is None:
        return dict(connection.execute(f"{select} group by all").fetchall())
    some = f"{select} where list_contains(?::varchar[], _source_file) group by all"
    return dict(connection.execute(some, [list(files)]).fetchall())


def edited_files(connection: duckdb.DuckDBPyConnection, feed: str) -> list[str]:
    """The source files whose rows in raw aren't those that ingest wrote; `?` stands for rows of no file it knows."""
    if not has_table(connection, "raw", feed) or "content" not in _columns(connection, ("raw", "_files")):
        return []
    known = dict(connection.execute("select source_file, content from raw._files where feed = ?", [feed]).fetchall())
    now_there = of_files(connection, feed)
    changed = {file for file, content in known.items() if _differs(content, now_there.get(file))}
    return sorted(changed | {file or "?" for file in now_there if file not in known})


def record(connection: duckdb.DuckDBPyConnection, relations: Iterable[Relation]) -> None:
    """Keep the content of those tables, which a build has just made. Views have none of their own."""
    connection.execute("create schema if not exists kpi")
    connection.execute(_TABLE)
    for relation in relations:
        name = ".".join(relation)
        connection.execute("delete from kpi._contents where relation = ?", [name])
        if _is_table(connection, relation):
            connection.execute("insert into kpi._contents values (?, ?)", [name, _content(connection, relation)])


def is_edited(connection: duckdb.DuckDBPyConnection, relation: Relation) -> bool:
    """Whether the table is there, with other rows than the build that made it wrote."""
    if not has_table(connection, "kpi", "_contents") or not _is_table(connection, relation):
        return False
    row = connection.execute("select content from kpi._contents where relation = ?", [".".join(relation)]).fetchone()
    return row is not None and _differs(row[0], _content(connection, relation))


def is_comparable(content: str | None) -> bool:
    """Whether the content was computed by this version of DuckDB."""
    return content is not None and content.split()[0] == duckdb.__version__


def _differs(known: str | None, now_there: str | None) -> bool:
    return is_comparable(known) and known != now_there


def _content(connection: duckdb.DuckDBPyConnection, relation: Relation) -> str:
    ((content,),) = connection.execute(f"select {_CONTENT} from {_with_hashes(connection, relation)}").fetchall()
    return str(content)


def _with_hashes(connection: duckdb.DuckDBPyConnection, relation: Relation) -> str:
    """The table with a hash of each row, `_hash`, as SQL."""
    # NULL counts for nothing, as a new column changes no row that lacks it. Sums of such small numbers don't overflow.
    cells = [
        f"if({column} is null, 0, hash({literal(name)}, {column}) >> 24)"
        for name in _columns(connection, relation)
        for column in [identifier(name)]
    ]
    return f"(select *, hash({' + '.join(cells)}) as _hash from {'.'.join(map(identifier, relation))})"


def _columns(connection: duckdb.DuckDBPyConnection, relation: Relation) -> list[str]:
    rows = connection.execute(
        "select column_name from duckdb_columns()"
        " where database_name = current_database() and schema_name = ? and table_name = ? order by column_name",
        list(relation),
    ).fetchall()
    return [name for (name,) in rows]


def _is_table(connection: duckdb.DuckDBPyConnection, relation: Relation) -> bool:
    row = connection.execute(
        "select count(*) from duckdb_tables()"
        " where database_name = current_database() and schema_name = ? and table_name = ?",
        list(relation),
    ).fetchone()
    return row is not None and row[0] > 0
