"""The modes of what is written below the data folder: all but `published/` is for its owner alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from metrics.core.deployment import data_dir, published_path, source_dir

OTHERS = 0o077


@contextmanager
def private_files() -> Iterator[None]:
    """Until the block ends, this process makes files and folders that only their owner can use, from the first byte.

    It is the process that decides, as DuckDB, dbt, dlt, Delta and Dagster open their files themselves.
    """
    make_data_dir()
    before = os.umask(OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def make_data_dir() -> None:
    """Make the data folder where there is none. Others may enter it, to reach `published/`."""
    folder = data_dir()
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)


def close_to_others() -> None:
    """Take others' rights on what stands in the data folder, as earlier versions left them some.

    The published file is for everyone, and the source folder belongs to those who deliver the files.
    """
    left_alone = (published_path(), source_dir())
    for entry in data_dir().iterdir():
        if not entry.is_symlink() and not any(path.is_relative_to(entry) for path in left_alone):
            with suppress(OSError):  # a draft that is gone, another owner's file, a read-only disk
                mode = entry.stat().st_mode
                if mode & OTHERS:
                    entry.chmod(mode & 0o7777 & ~OTHERS)
