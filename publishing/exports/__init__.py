"""The published tables as files that other tools read: Parquet with each release, Parquet and CSV when asked for.

They are copies of the published file's tables, a file for each; a suppressed value is as empty in them. The workbook is
in `workbook.py`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from data_quality.ledger.lock import releasing
from data_quality.ledger.store import Ledger
from metrics.core import deployment
from metrics.core.errors import NyckeltalError, disk_faults_reported
from metrics.core.private_files import make_data_dir
from metrics.core.text import no_formula
from publishing import reader
from publishing.language import Language

_RELEASE = b"release_id"  # this key of a Parquet file's metadata names the release that it is of
_LAST = "releases"  # the table whose file is put in place last
_ROWS_AT_ONCE = 50_000


def publish(ledger: Ledger) -> None:
    """Write the Parquet files anew, unless they are of the ledger's newest release already.

    If the published file could not be rendered, they are left as they are; the publisher of that file reports the
    reason. The caller must hold the release lock.
    """
    newest, is_rendered = ledger.newest, False
    if newest is None or _release_of(deployment.parquet_path()) == newest["release_id"]:
        return
    with suppress(NyckeltalError), reader.opened() as connection:  # there may be no file
        is_rendered = reader.newest_release(connection) == newest["release_id"]
    if is_rendered:
        _publish()


def rebuild() -> None:
    """Write the Parquet files again, from the published file. Raises NyckeltalError when they can't be written."""
    make_data_dir()
    with releasing():
        _publish()


def write_parquet(folder: Path, *, for_all: bool = False) -> None:
    """Write a Parquet file for each published table into the folder; `for_all` lets all users read them."""
    with reader.opened() as connection:
        release_id = reader.newest_release(connection)

        def write(table: str, draft: Path) -> None:
            # A reader left open keeps the file's database half open, and DuckDB then waits for ever to open it again.
            with connection.execute(f"from kpi.{table}").to_arrow_reader(_ROWS_AT_ONCE) as rows:
                fields = [_in_utc(field) for field in rows.schema]
                schema = pa.schema(fields, metadata={_RELEASE: release_id.encode()})
                with pq.ParquetWriter(draft, schema) as writer:
                    for batch in rows:
                        writer.write_table(pa.Table.from_batches([batch]).cast(schema))
            if for_all:
                draft.chmod(0o644)  # whatever the umask of this process

        _write_files(connection, folder, ".parquet", write)


def write_csv(folder: Path, language: Language) -> None:
    """Write a CSV file for each published table into the folder, as spreadsheets of that language read it.

    Numbers have its decimal sign and are written in full; fields are parted by a comma, or by a semicolon where the
    comma is the decimal sign. A text that a spreadsheet would take for a formula gets a `'` before it.
    """

    def cell(value: Any) -> Any:
        if isinstance(value, float):
            return repr(value).replace(".", language.point)
        if isinstance(value, datetime):
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        return no_formula(value) if isinstance(value, str) else value

    with reader.opened() as connection:

        def write(table: str, draft: Path) -> None:
            rows = connection.execute(f"from kpi.{table}")
            with draft.open("w", encoding="utf-8-sig", newline="") as file:  # Excel takes it for UTF-8 by its mark
                writer = csv.writer(file, delimiter=";" if language.point == "," else ",")
                writer.writerow(column[0] for column in rows.description or [])
                while chunk := rows.fetchmany(_ROWS_AT_ONCE):
                    writer.writerows(map(cell, row) for row in chunk)

        _write_files(connection, folder, ".csv", write)


def _publish() -> None:
    """Write the Parquet files beside the published file, readable by everyone; clear what an interrupted call left."""
    folder = deployment.parquet_path()
    for leftover in folder.parent.glob(f".{folder.name}.*"):  # of an interrupted call
        rmtree(leftover, ignore_errors=True)
    write_parquet(folder, for_all=True)
    folder.chmod(0o755)


def _write_files(
    connection: duckdb.DuckDBPyConnection, folder: Path, ending: str, write: Callable[[str, Path], None]
) -> None:
    """Let `write` write a file for each table beside the folder, then put them in place.

    The folder itself is never moved or empty, so that readers and mounts of it go on working. Each file is replaced at
    once, and that of `releases` last. So an interrupted call can be recognised.
    """
    with disk_faults_reported("the files can't be written", folder):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as drafts:
            tables = list(_tables(connection))
            for table in tables:
                write(table, Path(drafts, table + ending))
            for table in tables:
                Path(drafts, table + ending).replace(folder / (table + ending))


def _tables(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """The names of the published tables, `releases` last."""
    query = "select table_name from duckdb_tables() where schema_name = 'kpi' order by table_name = ?, table_name"
    for (name,) in connection.execute(query, [_LAST]).fetchall():
        yield name


def _in_utc(field: pa.Field) -> pa.Field:
    """The field; a moment in UTC, not in the time zone of this machine."""
    return field.with_type(pa.timestamp("us", tz="UTC")) if pa.types.is_timestamp(field.type) else field


def _release_of(folder: Path) -> str | None:
    """The id of the release that the folder's files are from; None if the file of `releases` can't be read."""
    with suppress(OSError, pa.ArrowException):
        metadata: dict[bytes, bytes] = pq.read_schema(folder / f"{_LAST}.parquet").metadata or {}
        return metadata.get(_RELEASE, b"").decode()
    return None
