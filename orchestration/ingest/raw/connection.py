"""Opens the warehouse for ingest, and creates it where there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from data_quality.warehouse import opened
from metrics.core.deployment import data_dir
from metrics.core.errors import NyckeltalError
from metrics.core.private_files import make_data_dir


@contextmanager
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the warehouse until the block ends; its times are in UTC.

    Raises NyckeltalError when another process has the warehouse open, it is damaged, or the disk can't be written to.
    """
    try:
        make_data_dir()
        if not os.access(data_dir(), os.W_OK):
            raise PermissionError("no permission to write")
    except OSError as error:
        raise NyckeltalError("the data folder can't be written to", file=data_dir(), found=str(error)) from None
    with opened() as connection:
        yield connection
