"""One Delta table of the ledger: found, made, read and written, with errors that a person understands.

A location is a folder or an object-store URL; credentials and endpoint come from the environment.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, QueryBuilder, Schema, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import FileSelector, PyFileSystem

from metrics.core.errors import NyckeltalError

# A store that can't be reached is told within seconds; by default it is asked for three minutes.
_STORE_OPTIONS = {"max_retries": "3", "retry_timeout": "10s", "connect_timeout": "3s"}
_OF_A_TABLE = re.compile(r"\.parquet$|^\d{20}\.json$")  # not what an interrupted commit leaves
# Another process that makes the ledger's tables and writes the first release takes a moment; a lost table stays lost.
LOOKS, BETWEEN_LOOKS = 9, 0.25  # seconds
FAILURES = (OSError, DeltaError, pa.ArrowException)


def find(location: str, schema: pa.Schema) -> DeltaTable | None:
    """The table at a location, None when there is none. It may lack columns that were added to the schema since.

    Raises NyckeltalError when it can't be opened, or is another table.
    """
    try:
        table = DeltaTable(location, storage_options=_options(location))
    except TableNotFoundError:
        return None
    except FAILURES as error:
        raise NyckeltalError(f"the ledger can't be opened: {reason(error)}", file=location) from None
    lacking = [field.name for field in _lacking(table, schema) if not field.nullable]
    if lacking:
        raise NyckeltalError("is no table of a ledger: it lacks columns", file=location, expected=", ".join(lacking))
    return table


def location(root: str, name: str) -> str:
    """Where a table of the ledger lies."""
    return f"{root.rstrip('/')}/{name}"


def find_all(root: str, schemas: dict[str, pa.Schema]) -> dict[str, DeltaTable | None]:
    """Each table of the ledger, None where there is none. `schemas` are in the order in which tables are made.

    Tables that were made and never written to are what an interrupted start leaves, and no ledger yet.
    Raises NyckeltalError when some are missing though there was a ledger: made anew, they would erase its history.
    """
    *_, last = schemas
    for look in range(LOOKS):  # the later ones are for a ledger that another process makes and writes to meanwhile
        time.sleep(BETWEEN_LOOKS if look else 0)
        found = {name: find(location(root, name), schemas[name]) for name in reversed(schemas)}
        lacking = [name for name in schemas if found[name] is None]
        written = found[last] is not None or any(table and table.version() > 0 for table in found.values())
        if not lacking or not (written or any(has_files(location(root, name)) for name in lacking)):
            break
        if look == LOOKS - 1:
            raise NyckeltalError(
                f"the ledger lacks a table that it had ({', '.join(lacking)}): restore it from a backup. Nothing was"
                " written",
                file=root,
            )
    return found


def has_files(place: str) -> bool:
    """Whether files of a Delta table lie at a location at which no table is found: rows, or a part of its log.

    Raises NyckeltalError when the location can't be listed.
    """
    try:
        if "://" not in place:
            names = [path.name for path in Path(place).rglob("*")]
        else:
            files = PyFileSystem(DeltaStorageHandler(place, _options(place)))
            listed = files.get_file_info(FileSelector("", allow_not_found=True, recursive=True))
            names = [file.base_name for file in listed]
    except FAILURES as error:
        raise NyckeltalError(f"the ledger can't be opened: {reason(error)}", file=place) from None
    return any(_OF_A_TABLE.search(name) for name in names)


def make(location: str, schema: pa.Schema) -> DeltaTable:
    """Make the table; when another process makes it at the same time, that one is given back.

    Raises NyckeltalError when it can't be made.
    """
    try:
        if "://" not in location:
            Path(location).mkdir(parents=True, exist_ok=True)
        options, configuration = _options(location), {"delta.appendOnly": "true"}
        with suppress(CommitFailedError):
            DeltaTable.create(
                location, schema=schema, mode="ignore", configuration=configuration, storage_options=options
            )
        return DeltaTable(location, storage_options=options)
    except FAILURES as error:
        raise NyckeltalError(f"the ledger can't be made: {reason(error)}", file=location) from None


def add_columns(table: DeltaTable, schema: pa.Schema) -> DeltaTable:
    """The table with the columns that were added to the schema since it was made; NULL in its rows.

    Raises NyckeltalError when it can't be written.
    """
    lacking = _lacking(table, schema)
    if not lacking:
        return table
    try:
        with suppress(CommitFailedError):  # another process adds them at the same time
            table.alter.add_columns(Schema.from_arrow(pa.schema(lacking)).fields)
        return DeltaTable(table.table_uri, storage_options=_options(table.table_uri))
    except FAILURES as error:
        raise NyckeltalError(f"the ledger can't be written: {reason(error)}", file=table.table_uri) from None


def read(table: DeltaTable, schema: pa.Schema) -> pa.Table:
    """Every row of the table, in the schema's columns.

    Raises NyckeltalError when a file of it is missing or damaged.
    """
    return query("select * from rows", schema, rows=table)


def query(sql: str, schema: pa.Schema, **tables: DeltaTable) -> pa.Table:
    """What Delta's own engine answers, in the schema's columns; of many small files it reads several at once.

    Raises NyckeltalError when a file is missing or damaged.
    """
    engine = QueryBuilder()
    for name, table in tables.items():
        engine = engine.register(name, table)
    try:
        return fitted(pa.table(engine.execute(sql).read_all()), schema)
    except Exception as error:  # the engine raises no narrower one
        file = next(iter(tables.values())).table_uri
        raise NyckeltalError(f"the ledger can't be read: {reason(error)}", file=file) from None


def fitted(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows in the schema's columns and types; columns that they lack are NULL."""
    names = set(rows.column_names)
    columns = [
        rows.column(field.name).cast(field.type) if field.name in names else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, names=schema.names)


def append(table: DeltaTable, rows: pa.Table, commit: CommitProperties | None = None) -> None:
    """Append rows, all or none.

    Raises CommitFailedError when another writer was first, NyckeltalError when the table can't be written.
    """
    try:
        write_deltalake(table, rows, mode="append", commit_properties=commit)
    except CommitFailedError:
        raise
    except FAILURES as error:
        raise NyckeltalError(f"the ledger can't be written: {reason(error)}", file=table.table_uri) from None


def reason(error: BaseException) -> str:
    """An error of the Delta library in one line, without colours, drawing characters and its stack."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    text = re.split(r"\n\s*0: <unknown>|\nstack backtrace|\nBacktrace", text)[0]
    lines = (line.strip(" \t│↳╰─▶") for line in text.splitlines())
    return ": ".join(line for line in lines if line)[:500] or type(error).__name__


def _lacking(table: DeltaTable, schema: pa.Schema) -> list[pa.Field]:
    names = {field.name for field in table.schema().fields}
    return [field for field in schema if field.name not in names]


def _options(location: str) -> dict[str, str] | None:
    return _STORE_OPTIONS if "://" in location and not location.startswith("file:") else None
