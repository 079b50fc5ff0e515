"""The tables of raw that aren't feeds: `_files` (versions of files), `_rejected` (rejected rows) and `_feeds`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from data_quality import contents
from data_quality.warehouse import has_table
from metrics.core.quoting import identifier
from orchestration.ingest.parsing.header import RESERVED

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
    rows_rejected BIGINT NOT NULL,
    problem VARCHAR,
    same_as VARCHAR,
    loaded_at TIMESTAMPTZ,
    doubts_from DATE,
    content VARCHAR
);
ALTER TABLE raw._files ADD COLUMN IF NOT EXISTS doubts_from DATE;
ALTER TABLE raw._files ADD COLUMN IF NOT EXISTS content VARCHAR;
COMMENT ON TABLE raw._files IS
'Per source file, the newest version seen and (loaded_sha256) the version whose rows are in raw';
CREATE TABLE IF NOT EXISTS raw._rejected (
    feed VARCHAR NOT NULL,
    source_file VARCHAR NOT NULL,
    source_line BIGINT,
    reason VARCHAR NOT NULL,
    row_text VARCHAR,
    loaded_at TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE raw._rejected IS
'Rejected rows, and whole files (source_line NULL) that could not be loaded, with the reason';
CREATE TABLE IF NOT EXISTS raw._feeds (
    feed VARCHAR NOT NULL,
    history_from DATE NOT NULL,
    grain VARCHAR NOT NULL,
    watermark DATE,
    newest_event TIMESTAMP,
    newest_delivery TIMESTAMPTZ,
    files BIGINT NOT NULL,
    rows_total BIGINT NOT NULL,
    rows_rejected BIGINT NOT NULL,
    outstanding VARCHAR,
    checked_at TIMESTAMPTZ NOT NULL,
    outstanding_from DATE,
    counted_by VARCHAR
);
ALTER TABLE raw._feeds ADD COLUMN IF NOT EXISTS outstanding_from DATE;
ALTER TABLE raw._feeds ADD COLUMN IF NOT EXISTS counted_by VARCHAR;
COMMENT ON TABLE raw._feeds IS 'One row per feed: up to which day it is complete, and what could not be loaded';
"""
_LISTED = "(SELECT unnest($names::VARCHAR[]))"  # the names of files that a query is about


@dataclass(frozen=True)
class FileRecord:
    """A row of raw._files.

    `size` (bytes), `modified` and `sha256` describe the newest version seen. `loaded_sha256`, `delivered_at`,
    `rows_loaded`, `rows_rejected` and `loaded_at` describe the version whose rows are in raw (None:
    none are). `problem` says why the newest version isn't in raw; `doubts_from` is then the first day that it may have
    rows of (None: any day). `same_as` names the file that was loaded instead, because it has the same content.
    `declaration` and `shape` identify the feed definition by which the file was read.
    `content` is a hash of the file's rows in raw, which shows whether these were edited (`data_quality/contents.py`).
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
    rows_rejected: int
    problem: str | None
    same_as: str | None
    loaded_at: datetime | None
    doubts_from: date | None = None
    content: str | None = None


_TIME = pa.timestamp("us", "UTC")
_ARROW_TYPES = {"int": pa.int64(), "str": pa.string(), "datetime": _TIME, "date": pa.date32()}
_FILE_SCHEMA = pa.schema(
    [
        (field.name, _ARROW_TYPES[field.type.removesuffix(" | None")])
        for field in fields(FileRecord)
        if isinstance(field.type, str)
    ]
)


@dataclass(frozen=True)
class FeedState:
    """A row of raw._feeds, without `checked_at`.

    `watermark` is the last day that the feed is known to cover. `outstanding` says what could not be loaded; this may
    have rows of any day from `outstanding_from` on (None: of any day at all). `counted_by` has the time column and the
    time zone by which rows and newest event were counted.
    """

    feed: str
    history_from: date
    grain: str
    watermark: date | None
    newest_event: datetime | None
    newest_delivery: datetime | None
    files: int
    rows_total: int
    rows_rejected: int
    outstanding: str | None
    outstanding_from: date | None
    counted_by: str


class Bookkeeping:
    """Reads and writes these tables on a connection; the caller begins and ends transactions."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        _rename_former(connection)
        connection.execute(_TABLES)

    def file_records(self, feed: str) -> dict[str, FileRecord]:
        """The records of the feed's files, by file name."""
        columns = ", ".join(_FILE_SCHEMA.names)
        rows = self.connection.execute(f"SELECT {columns} FROM raw._files WHERE feed = ?", [feed]).to_arrow_table()
        records = [FileRecord(**row) for row in rows.cast(_FILE_SCHEMA).to_pylist()]
        return {record.source_file: record for record in records}

    def table_columns(self, feed: str) -> dict[str, pa.DataType]:
        """The source columns of the feed's raw table, with their Arrow types; empty when there is no table."""
        if not has_table(self.connection, "raw", feed):
            return {}
        schema = self.connection.execute(f"SELECT * FROM {table_name(feed)} LIMIT 0").to_arrow_table().schema
        # DuckDB returns timestamps in the zone of the session; they are stored in UTC.
        return {
            column.name: _TIME if pa.types.is_timestamp(column.type) and column.type.tz else column.type
            for column in schema
            if column.name not in RESERVED
        }

    def row_counts(self, feed: str, files: Iterable[str]) -> dict[str, int]:
        """The number of rows that the feed's raw table has from each of the files; files without rows are left out."""
        query = f"SELECT _source_file, count(*) FROM {table_name(feed)} WHERE _source_file IN {_LISTED} GROUP BY 1"
        return dict(self.connection.execute(query, {"names": list(files)}).fetchall())

    def delete_rows(self, feed: str, files: Iterable[str]) -> None:
        """Deletes the files' rows from the feed's raw table."""
        query = f"DELETE FROM {table_name(feed)} WHERE _source_file IN {_LISTED}"
        self.connection.execute(query, {"names": list(files)})

    def record_files(self, feed: str, records: Sequence[FileRecord], forgotten: Iterable[str] = ()) -> None:
        """Replaces the records of these files, and deletes the records of `forgotten` files."""
        table = pa.Table.from_pylist([vars(record) for record in records], schema=_FILE_SCHEMA)
        names = [*(record.source_file for record in records), *forgotten]
        query = f"DELETE FROM raw._files WHERE feed = $feed AND source_file IN {_LISTED}"
        self.connection.execute(query, {"feed": feed, "names": names})
        self.connection.register("_new_files", table)
        self.connection.execute("INSERT INTO raw._files BY NAME SELECT * FROM _new_files")
        self.connection.unregister("_new_files")

    def record_contents(self, feed: str, files_read: Iterable[str]) -> None:
        """Records the content hash of the rows of files that were just read, and of files that have none yet.

        Other files keep the hash from when they were read, because their rows in raw may have been edited since.
        """
        records = self.file_records(feed)
        files_to_record = {
            *files_read,
            *(name for name, record in records.items() if not contents.is_comparable(record.content)),
        }
        files_to_record &= {name for name, record in records.items() if record.rows_loaded}
        if files_to_record:
            content_hashes = contents.of_files(self.connection, feed, files_to_record)
            self.record_files(
                feed, [replace(records[name], content=content_hashes.get(name)) for name in sorted(files_to_record)]
            )

    def replace_rejected(
        self,
        feed: str,
        *,
        loaded_files: Iterable[str],
        other_files: Iterable[str],
        rejected_files: dict[str, str],
        rejected_rows: Path | None,
        moment: datetime,
    ) -> None:
        """Replaces the feed's rejected rows and files.

        All entries of `loaded_files` are deleted, and their rows in the Parquet file `rejected_rows` are inserted. Of
        `other_files`, only the entry for the file as a whole is deleted. `rejected_files` (name to reason) are inserted
        as whole files.
        """
        loaded = list(loaded_files)
        self.connection.execute(
            f"DELETE FROM raw._rejected WHERE feed = $feed AND (source_file IN {_LISTED}"
            " OR (source_line IS NULL AND source_file IN (SELECT unnest($others::VARCHAR[]))))",
            {"feed": feed, "names": loaded, "others": list(other_files)},
        )
        if rejected_rows is not None:
            self.connection.execute(
                f"""
                INSERT INTO raw._rejected
                SELECT feed, source_file, source_line, reason, row_text, $moment FROM read_parquet($rows)
                WHERE feed = $feed AND source_file IN {_LISTED}
                ORDER BY source_file, source_line
                """,
                {"moment": moment, "rows": str(rejected_rows), "feed": feed, "names": loaded},
            )
        for name, reason in rejected_files.items():
            row = [feed, name, None, reason, None, moment]
            self.connection.execute("INSERT INTO raw._rejected VALUES (?, ?, ?, ?, ?, ?)", row)

    def watermark(self, feed: str) -> date | None:
        """The feed's watermark as the previous ingest recorded it: the last day that the feed covers (None: no day)."""
        row = self.connection.execute("SELECT watermark FROM raw._feeds WHERE feed = ?", [feed]).fetchone()
        return row[0] if row else None

    def first_day(self, feed: str, file: str, time_column: str) -> date | None:
        """The first day that the file has rows of in the feed's raw table; None when it has none."""
        query = (
            f"SELECT min({identifier(time_column)})::DATE FROM {table_name(feed)}"
            f" WHERE _source_file = ? AND isfinite({identifier(time_column)})"
        )
        (first,) = self.connection.execute(query, [file]).fetchall()[0]
        return first if isinstance(first, date) else None

    def forget(self, feed: str) -> None:
        """Drops the feed's table and the records of its files, so that all files are read again."""
        self.connection.execute("DELETE FROM raw._files WHERE feed = ?", [feed])
        self.connection.execute("DELETE FROM raw._rejected WHERE feed = ?", [feed])
        self.connection.execute(f"DROP TABLE IF EXISTS {table_name(feed)}")

    def known_totals(self, feed: str, counted_by: str) -> tuple[int, datetime | None, int] | None:
        """What `totals` gave the previous ingest; None where that counted by another time column or time zone."""
        known = "SELECT rows_total, newest_event, rows_rejected FROM raw._feeds WHERE feed = ? AND counted_by = ?"
        return self.connection.execute(known, [feed, counted_by]).fetchone()

    def totals(self, feed: str, time_column: str | None, time_zone: str) -> tuple[int, datetime | None, int]:
        """The number of rows in the feed's raw table, its newest event, and the number of its rejected rows.

        A row dated after the day of its delivery, in `time_zone`, is not counted as an event: it says nothing about the
        days in between. The delivery is when the file was written, or when it was loaded if that was earlier.
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
        rejected = self.connection.execute(
            "SELECT count(*) FROM raw._rejected WHERE feed = ? AND source_line IS NOT NULL", [feed]
        ).fetchone()
        assert total is not None and rejected is not None
        return total[0], total[1], rejected[0]

    def after_newest_load(self, now: datetime) -> datetime:
        """`now`, or the microsecond after the newest load if that is later.

        So newer rows have a later `_loaded_at`, also when the clock was set back.
        """
        row = self.connection.execute("SELECT max(loaded_at) FROM raw._files").fetchone()
        newest = row[0] if row else None
        return now if newest is None else max(now, newest.astimezone(UTC) + timedelta(microseconds=1))

    def record_feeds(self, states: Sequence[FeedState], company_feeds: Iterable[str], moment: datetime) -> None:
        """Replaces the records of these feeds, and deletes the records of feeds that are not in `company_feeds`."""
        self.connection.execute(
            "DELETE FROM raw._feeds WHERE list_contains($written, feed) OR NOT list_contains($all, feed)",
            {"written": [state.feed for state in states], "all": list(company_feeds)},
        )
        for state in states:
            columns = {**vars(state), "checked_at": moment.astimezone(UTC)}
            names = ", ".join(columns)
            values = ", ".join(f"${name}" for name in columns)
            self.connection.execute(f"INSERT INTO raw._feeds ({names}) VALUES ({values})", columns)


def _rename_former(connection: duckdb.DuckDBPyConnection) -> None:
    """Gives the table and the columns with rejected rows their present names in a warehouse of an earlier version."""
    tables = "SELECT table_name FROM duckdb_columns() WHERE schema_name = 'raw' AND column_name = ?"
    for (table,) in connection.execute(tables, ["rows_set_aside"]).fetchall():
        if table in ("_files", "_feeds"):
            connection.execute(f"ALTER TABLE raw.{table} RENAME COLUMN rows_set_aside TO rows_rejected")
    connection.execute("ALTER TABLE IF EXISTS raw._set_aside RENAME TO _rejected")


def table_name(feed: str) -> str:
    """The feed's raw table for use in SQL."""
    return f"raw.{identifier(feed)}"
