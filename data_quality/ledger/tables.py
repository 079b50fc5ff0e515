"""One Delta table of the ledger: find, make, read and append, with error messages for people.

A location is a folder or an object-store URL. Credentials and endpoint come from the environment.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, QueryBuilder, Schema, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import FileSelector, PyFileSystem

from metrics.core.errors import NyckeltalError

# An unreachable object store raises an error within seconds. By default the library retries for three minutes.
_STORE_OPTIONS = {"max_retries": "3", "retry_timeout": "10s", "connect_timeout": "3s"}
_TABLE_FILE = re.compile(r"\.parquet$|^\d{20}\.json$")  # not the temporary files of an interrupted commit
# A missing table is looked for again, as another process may be making the tables and writing the first release.
ATTEMPTS, WAIT_SECONDS = 9, 0.25
FAILURES = (OSError, DeltaError, pa.ArrowException)


def find(location: str, schema: pa.Schema) -> DeltaTable | None:
    """The table at a location, None when there is none. It may lack nullable columns that were added later.

    Raises NyckeltalError when it can't be opened, or isn't a table of this schema.
    """
    try:
        table = DeltaTable(location, storage_options=_options(location))
    except TableNotFoundError:
        return None
    except FAILURES as error:
        raise NyckeltalError(f"the ledger can't be opened: {reason(error)}", file=location) from None
    missing = [field.name for field in _missing_fields(table, schema) if not field.nullable]
    if missing:
        problem = "isn't a table of a ledger: it lacks columns"
        raise NyckeltalError(problem, file=location, expected=", ".join(missing))
    return table


def location(root: str, name: str) -> str:
    """The location of a table of the ledger at `root`."""
    return f"{root.rstrip('/')}/{name}"


def find_all(root: str, schemas: dict[str, pa.Schema]) -> dict[str, DeltaTable | None]:
    """Each table of the ledger, None where there is none. `schemas` are in the order in which tables are made.

    Tables that were made and never written to are what an interrupted start leaves; they count as no ledger yet.
    Raises NyckeltalError when some tables are missing although there was a ledger: making them again would erase its
    history.
    """
    *_, last = schemas
    for attempt in range(ATTEMPTS):
        time.sleep(WAIT_SECONDS if attempt else 0)
        existing = {name: find(location(root, name), schemas[name]) for name in reversed(schemas)}
        missing = [name for name in schemas if existing[name] is None]
        written = existing[last] is not None or any(table and table.version() > 0 for table in existing.values())
        if not missing or not (written or any(has_files(location(root, name)) for name in missing)):
            break
        if attempt == ATTEMPTS - 1:
            raise NyckeltalError(
                f"the ledger lacks a table that it had ({', '.join(missing)}): restore it from a backup. Nothing was"
                " written",
                file=root,
            )
    return existing


def has_files(place: str) -> bool:
    """Whether files of a Delta table are at the location: data files or a part of its log.

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
    return any(_TABLE_FILE.search(name) for name in names)


def make(location: str, schema: pa.Schema) -> DeltaTable:
    """Make the table; the existing one when another process makes it at the same time.

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
    """Adds to a ledger table the columns that its schema has gained since (NULL in its rows); returns it reopened.

    Raises NyckeltalError when it can't be written.
    """
    missing = _missing_fields(table, schema)
    if not missing:
        return table
    try:
        with suppress(CommitFailedError):  # another process adds them at the same time
            table.alter.add_columns(Schema.from_arrow(pa.schema(missing)).fields)
        return DeltaTable(table.table_uri, storage_options=_options(table.table_uri))
    except FAILURES as error:
        raise NyckeltalError(f"the ledger can't be written: {reason(error)}", file=table.table_uri) from None


def read(table: DeltaTable, schema: pa.Schema) -> pa.Table:
    """Every row of the table, in the schema's columns.

    Raises NyckeltalError when a file of it is missing or damaged.
    """
    return query("select * from rows", schema, rows=table)


def files(table: DeltaTable) -> list[tuple[str, int | None, int | None]]:
    """The table's files, sorted: path, and for a table in a folder, size in bytes and time of change in nanoseconds.

    The latter are None for a file that is lost, and for all files in an object store.
    """
    listed = []
    for uri in sorted(table.file_uris()):
        is_local, status = _options(uri) is None, None
        path = unquote(uri.removeprefix("file://")) if is_local else uri  # Delta writes a blank in a path as %20
        with suppress(OSError):
            status = Path(path).stat() if is_local else None
        listed.append((path, status.st_size if status else None, status.st_mtime_ns if status else None))
    return listed


def query(sql: str, schema: pa.Schema, **tables: DeltaTable) -> pa.Table:
    """The result of a query by Delta's own engine, in the schema's columns. It reads many small files in parallel.

    Raises NyckeltalError when a file is missing or damaged.
    """
    engine = QueryBuilder()
    for name, table in tables.items():
        engine = engine.register(name, table)
    try:
        return fitted(pa.table(engine.execute(sql).read_all()), schema)
    except Exception as error:  # the engine raises no narrower type
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
    """An error of the Delta library in one line, without colours, drawing characters and stack trace."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    text = re.split(r"\n\s*0: <unknown>|\nstack backtrace|\nBacktrace", text)[0]
    lines = (line.strip(" \t│↳╰─▶") for line in text.splitlines())
    return ": ".join(line for line in lines if line)[:500] or type(error).__name__


def _missing_fields(table: DeltaTable, schema: pa.Schema) -> list[pa.Field]:
    names = {field.name for field in table.schema().fields}
    return [field for field in schema if field.name not in names]


def _options(location: str) -> dict[str, str] | None:
    return _STORE_OPTIONS if "://" in location and not location.startswith("file:") else None
