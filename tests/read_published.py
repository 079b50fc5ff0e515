"""Reads all of a published file with whatever DuckDB it finds, and prints what it read. It imports nothing else.

Run as `python read_published.py FILE`: JSON with the client's version, and of every table and view its rows and its
columns with their comments.
"""

import hashlib
import json
import sys

import duckdb


def read(path: str) -> dict[str, object]:
    """The client's version, and what it found in the file."""
    with duckdb.connect(path, read_only=True) as connection:

        def rows(query: str) -> list[tuple[object, ...]]:
            return connection.execute(query).fetchall()

        def content(relation: str) -> list[object]:
            texts = sorted(json.dumps(row, default=str) for row in rows(f"from {relation}"))
            return [len(texts), hashlib.sha256("\n".join(texts).encode()).hexdigest()]

        connection.execute("set TimeZone = 'UTC'")
        columns = rows(
            "select table_name, column_name, comment from duckdb_columns() where schema_name = 'kpi' order by all"
        )
        relations = sorted({str(name) for name, _, _ in columns})
        return {
            "version": duckdb.__version__,
            "rows": {name: content(f'kpi."{name}"') for name in relations},
            "as_of": {
                moment: content(f"kpi.as_of({moment})")
                for moment in ("'2026-03-05'", "'2026-03-04'", "timestamptz '2026-03-05 23:00:00+00'")
            },
            "columns": columns,
            "tables": rows("select table_name, comment from duckdb_tables() where schema_name = 'kpi' order by all"),
            "views": rows("select view_name, comment from duckdb_views() where schema_name = 'kpi' order by all"),
            "macro": rows("select function_name, comment from duckdb_functions() where schema_name = 'kpi'"),
        }


if __name__ == "__main__":
    print(json.dumps(read(sys.argv[1])))  # noqa: T201
