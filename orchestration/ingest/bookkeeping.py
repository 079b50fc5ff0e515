"""The tables of raw that aren't feeds: `_files` (which version of each file is in), `_set_aside` and `_feeds`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from data_quality import contents
from metrics.core.quoting import identifier
from orchestration.ingest.header import RESERVED

_TABLES = """
CREATE SCHEMA IF NOT EXISTS raw;
CREATE TABLE IF NOT EXISTS raw._files (
    feed VARCHAR NOT NULL,
    source_file VARCHAR NOT NULL,
    size BIGINT NOT NULL,
    modified TIMESTAMPTZ NOT NULL,
    sha256 VARCHAR NOT NULL,
    declaration VARCHAR NOT NULL,
    shape VARCHAR NOT NULL,
    loaded_sha256 VARCHAR,
    delivered_at TIMESTAMPTZ,
    rows_loaded BIGINT NOT NULL,
    rows_set_aside BIGINT NOT NULL,
    problem VARCHAR,
    same_as VARCHAR,
    loaded_at TIMESTAMPTZ,
    doubts_from DATE,
    content VARCHAR
);
ALTER TABLE raw._files ADD COLUMN IF NOT EXISTS doubts_from DATE;
ALTER TABLE raw._files ADD COLUMN IF NOT EXISTS content VARCHAR;
COMMENT ON TABLE raw._files IS
'The newest version seen of each source file, and (loaded_sha256) the version whose rows are in raw';
CREATE TABLE IF NOT EXISTS raw._set_aside (
    feed VARCHAR NOT NULL,
    source_file VARCHAR NOT NULL,
    source_line BIGINT,
    reason VARCHAR NOT NULL,
    row_text VARCHAR,
    loaded_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE raw._set_aside IS
'Rows, and whole files (source_line NULL), that could not be taken in, and why';
CREATE TABLE IF NOT EXISTS raw._feeds (
    feed VARCHAR NOT NULL,
    history_from DATE NOT NULL,
    grain VARCHAR NOT NULL,
    watermark DATE,
    newest_event TIMESTAMP,
    newest_delivery TIMESTAMPTZ,
    files BIGINT NOT NULL,
    rows_total BIGINT NOT NULL,
    rows_set_aside BIGINT NOT NULL,
    outstanding VARCHAR,
    checked_at TIMESTAMPTZ NOT NULL,
    outstanding_from DATE
);
ALTER TABLE raw._feeds ADD COLUMN IF NOT EXISTS outstanding_from DATE;
COMMENT ON TABLE raw._feeds IS 'One row per feed: how far it is complete, and what could not be taken in';
"""


@dataclass(frozen=True)
class KnownFile:
    """A row of raw._files.

    `size` (bytes), `modified` and `sha256` are of the newest version seen, `loaded_sha256` and `delivered_at` of the
    one whose rows are in raw (None: none is). `problem` says why the newest isn't in, and `doubts_from` is the first
    day that it may have rows of (None: any); `same_as` names the file with the same content that is in instead.
    `declaration` and `shape` tell under which feed definition it was read.
    `content` is the hash of its rows in raw, by which an edit of them is found (`data_quality/contents.py`).
    """

    feed: str
    source_file: str
    size: int
    modified: datetime
    sha256: str
    declaration: str
    shape: str
    loaded_sha256: str | None
    delivered_at: datetime | None
    rows_loaded: int
    rows_set_aside: int
    problem: str | None
    same_as: str | None
    loaded_at: datetime | None
    doubts_from: date | None = None
    content: str | None = None


_TIME = pa.timestamp("us", "UTC")
_FILE_SCHEMA = pa.schema(
    [
        (
            one.name,
            {"int": pa.int64(), "str": pa.string(), "datetime": _TIME, "date": pa.date32()}[
                one.type.removesuffix(" | None")
            ],
        )
        for one in fields(KnownFile)
        if isinstance(one.type, str)
    ]
)


@dataclass(frozen=True)
class FeedState:
    """A row of raw._feeds, but for the time of checking.

    What is `outstanding` may have rows of any day from `outstanding_from` on, of any at all where that is None.
    """

    feed: str
    history_from: date
    grain: str
    watermark: date | None
    newest_event: datetime | None
    newest_delivery: datetime | None
    files: int
    rows_total: int
    rows_set_aside: int
    outstanding: str | None
    outstanding_from: date | None


class Bookkeeping:
    """Reads and writes those tables on a connection; the caller says where a transaction begins and ends."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        connection.execute(_TABLES)

    def known_files(self, feed: str) -> dict[str, KnownFile]:
        """What is known of the feed's files, by name."""
        columns = ", ".join(_FILE_SCHEMA.names)
        rows = self.connection.execute(f"SELECT {columns} FROM raw._files WHERE feed = ?", [feed]).to_arrow_table()
        known = [KnownFile(**row) for row in rows.cast(_FILE_SCHEMA).to_pylist()]
        return {one.source_file: one for one in known}

    def table_columns(self, feed: str) -> dict[str, pa.DataType]:
        """The source columns of the feed's raw table with their Arrow types; empty when there is no table."""
        exists = self.connection.execute(
            "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'raw' AND table_name = ?", [feed]
        ).fetchone()
        if not exists:
            return {}
        schema = self.connection.execute(f"SELECT * FROM {table_name(feed)} LIMIT 0").to_arrow_table().schema
        # DuckDB hands out the zone of the session; what is stored is UTC.
        return {
            one.name: _TIME if pa.types.is_timestamp(one.type) and one.type.tz else one.type
            for one in schema
            if one.name not in RESERVED
        }

    def rows_of(self, feed: str, files: Iterable[str]) -> dict[str, int]:
        """How many rows of the feed's raw table come from each of the files; files without rows are left out."""
        self.connection.register("_asked", pa.table({"name": pa.array(list(files), pa.string())}))
        query = (
            f"SELECT _source_file, count(*) FROM {table_name(feed)} "
            "WHERE _source_file IN (SELECT _asked.name FROM _asked) GROUP BY 1"
        )
        counts = self.connection.execute(query).fetchall()
        self.connection.unregister("_asked")
        return dict(counts)

    def delete_rows(self, feed: str, files: Iterable[str]) -> None:
        """Deletes the files' rows from the feed's raw table."""
        self.connection.register("_asked", pa.table({"name": pa.array(list(files), pa.string())}))
        self.connection.execute(f"DELETE FROM {table_name(feed)} WHERE _source_file IN (SELECT name FROM _asked)")
        self.connection.unregister("_asked")

    def record_files(self, feed: str, known: Sequence[KnownFile], forgotten: Iterable[str] = ()) -> None:
        """Replaces the rows of those files; `forgotten` ones are left with none."""
        table = pa.Table.from_pylist([vars(one) for one in known], schema=_FILE_SCHEMA)
        names = pa.table({"name": pa.array([*(one.source_file for one in known), *forgotten], pa.string())})
        self.connection.register("_asked", names)
        self.connection.register("_new_files", table)
        self.connection.execute(
            "DELETE FROM raw._files WHERE feed = ? AND source_file IN (SELECT name FROM _asked)", [feed]
        )
        self.connection.execute("INSERT INTO raw._files BY NAME SELECT * FROM _new_files")
        self.connection.unregister("_asked")
        self.connection.unregister("_new_files")

    def record_contents(self, feed: str, read: Iterable[str]) -> None:
        """Records the content of the rows of files that were just read, and of those of which none is known yet.

        That of others stays as it was when they were read: what is in raw now may have been edited since.
        """
        known = self.known_files(feed)
        wanted = {*read, *(name for name, one in known.items() if not contents.is_comparable(one.content))}
        wanted &= {name for name, one in known.items() if one.rows_loaded}
        if wanted:
            now_there = contents.of_files(self.connection, feed, wanted)
            self.record_files(feed, [replace(known[name], content=now_there.get(name)) for name in sorted(wanted)])

    def replace_set_aside(
        self,
        feed: str,
        *,
        rows_of: Iterable[str],
        files: Iterable[str],
        whole: dict[str, str],
        rows: Path | None,
        moment: datetime,
    ) -> None:
        """Rewrites what is set aside.

        Of `rows_of` everything goes and their rows in the Parquet file `rows` come; of `files` only the note on the
        file as a whole goes. Files in `whole` come as such, with the reason.
        """
        self.connection.register("_asked", pa.table({"name": pa.array(list(rows_of), pa.string())}))
        self.connection.register("_files", pa.table({"name": pa.array(list(files), pa.string())}))
        faulty = {
            "name": pa.array(list(whole), pa.string()),
            "reason": pa.array(list(whole.values()), pa.string()),
        }
        self.connection.register("_whole", pa.table(faulty))
        self.connection.execute(
            "DELETE FROM raw._set_aside WHERE feed = ? AND (source_file IN (SELECT name FROM _asked)"
            " OR (source_line IS NULL AND source_file IN (SELECT name FROM _files)))",
            [feed],
        )
        if rows is not None:
            self.connection.execute(
                """
                INSERT INTO raw._set_aside
                SELECT feed, source_file, source_line, reason, row_text, $moment FROM read_parquet($rows)
                WHERE feed = $feed AND source_file IN (SELECT name FROM _asked)
                ORDER BY source_file, source_line
                """,
                {"moment": moment, "rows": str(rows), "feed": feed},
            )
        self.connection.execute(
            "INSERT INTO raw._set_aside SELECT $feed, name, NULL, reason, NULL, $moment FROM _whole",
            {"feed": feed, "moment": moment},
        )
        for name in ("_asked", "_files", "_whole"):
            self.connection.unregister(name)

    def watermark(self, feed: str) -> date | None:
        """The last day that the feed was known to cover when it was looked at last; None where nothing was."""
        found = self.connection.execute("SELECT watermark FROM raw._feeds WHERE feed = ?", [feed]).fetchone()
        return found[0] if found else None

    def first_day(self, feed: str, file: str, time_column: str) -> date | None:
        """The first day of which the file has rows in the feed's raw table."""
        query = (
            f"SELECT min({identifier(time_column)})::DATE FROM {table_name(feed)}"
            f" WHERE _source_file = ? AND isfinite({identifier(time_column)})"
        )
        (found,) = self.connection.execute(query, [file]).fetchall()[0]
        return found if isinstance(found, date) else None

    def forget(self, feed: str) -> None:
        """Drops the feed's table and what is known of its files, so that all are read again."""
        self.connection.execute("DELETE FROM raw._files WHERE feed = ?", [feed])
        self.connection.execute("DELETE FROM raw._set_aside WHERE feed = ?", [feed])
        self.connection.execute(f"DROP TABLE IF EXISTS {table_name(feed)}")

    def totals(self, feed: str, time_column: str | None, time_zone: str) -> tuple[int, datetime | None, int]:
        """Rows in the feed's raw table, its newest event, and how many rows of it are set aside.

        A row that is dated after the day of its delivery, in that time zone, proves nothing of the days between: it
        is no event. Delivered is when its file was written, or when it was loaded, if that was earlier.
        """
        newest = "NULL::TIMESTAMP"
        if time_column is not None:
            column = f"rows.{identifier(time_column)}"
            delivered = "least(files.delivered_at, rows._loaded_at) AT TIME ZONE $zone"
            newest = (
                f"max(CASE WHEN {column}::DATE BETWEEN DATE '0001-01-01' AND ({delivered})::DATE THEN {column} END)"
                "::TIMESTAMP"
            )
        total = self.connection.execute(
            f"SELECT count(*), {newest} FROM {table_name(feed)} AS rows "
            "LEFT JOIN raw._files AS files ON files.feed = $feed AND files.source_file = rows._source_file",
            {"feed": feed, **({"zone": time_zone} if time_column is not None else {})},
        ).fetchone()
        aside = self.connection.execute(
            "SELECT count(*) FROM raw._set_aside WHERE feed = ? AND source_line IS NOT NULL", [feed]
        ).fetchone()
        assert total is not None and aside is not None
        return total[0], total[1], aside[0]

    def later_than_all(self, now: datetime) -> datetime:
        """That moment, or the first one after the newest load: newer rows are told by their `_loaded_at`, also when
        the clock stood still or was set back."""
        row = self.connection.execute("SELECT max(loaded_at) FROM raw._files").fetchone()
        newest = row[0] if row else None
        return now if newest is None else max(now, newest.astimezone(UTC) + timedelta(microseconds=1))

    def record_feeds(self, states: Sequence[FeedState], of_company: Iterable[str], moment: datetime) -> None:
        """Rewrites the feeds' rows, and drops those of feeds that the company no longer has."""
        self.connection.execute(
            "DELETE FROM raw._feeds WHERE list_contains($written, feed) OR NOT list_contains($all, feed)",
            {"written": [state.feed for state in states], "all": list(of_company)},
        )
        for state in states:
            columns = {**vars(state), "checked_at": moment.astimezone(UTC)}
            names = ", ".join(columns)
            values = ", ".join(f"${name}" for name in columns)
            self.connection.execute(f"INSERT INTO raw._feeds ({names}) VALUES ({values})", columns)


def table_name(feed: str) -> str:
    """The feed's raw table for use in SQL."""
    return f"raw.{identifier(feed)}"
