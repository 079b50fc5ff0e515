"""Opening the warehouse for writing: one process at a time, and readable by its owner only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

import duckdb

from metrics.company import data_dir, warehouse_path
from metrics.errors import NyckeltalError, disk_faults_told
from metrics.private_files import private_files


@contextmanager
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that holds the warehouse until the block ends. The file and its log get mode 0600.

    Raises NyckeltalError when another process has it open, or the disk refuses what is written.
    """
    with private_files():  # DuckDB makes its write-ahead log anew by itself
        connection = _connected()
        with disk_faults_told("the warehouse can't be used", warehouse_path()), closing(connection):
            # Whatever the machine's time zone is, timestamps mean UTC.
            connection.execute("SET TimeZone = 'UTC'")
            yield connection


def _connected() -> duckdb.DuckDBPyConnection:
    path = warehouse_path()
    try:
        if not os.access(path.parent, os.W_OK):
            raise PermissionError("no permission to write")
        return duckdb.connect(str(path))
    except (duckdb.IOException, duckdb.ConnectionException, OSError) as error:
        text = str(error)
        if "lock" in text.lower() or "different configuration" in text:
            raise NyckeltalError(
                f"another run is writing to {path}, or a tool has it open; wait until it has ended",
                found=text,
            ) from None
        if isinstance(error, OSError):
            raise NyckeltalError("the data folder can't be written to", file=data_dir(), found=text) from None
        raise NyckeltalError("the warehouse can't be opened", file=path, found=text) from None
