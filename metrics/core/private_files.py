"""The permissions of files below the data folder: only their owner may use them, except `published/`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from metrics.core.deployment import data_dir, published_path, source_dir

GROUP_AND_OTHERS_BITS = 0o077  # the permission bits of the group and of all other users


@contextmanager
def private_files() -> Iterator[None]:
    """Until the block ends, every file and folder that this process creates is for its owner only, from the first byte.

    It sets the umask of the process, because DuckDB, dbt, dlt, Delta and Dagster open their files themselves.
    """
    make_data_dir()
    previous_umask = os.umask(GROUP_AND_OTHERS_BITS)
    try:
        yield
    finally:
        os.umask(previous_umask)


def make_data_dir() -> None:
    """Creates the data folder if it doesn't exist. Other users may enter it, to reach `published/`."""
    folder = data_dir()
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)


def remove_permissions_of_others() -> None:
    """Removes other users' permissions on the entries of the data folder; earlier versions had left some.

    The folders with the published file and with the sources stay as they are: the first is for everyone, and the second
    belongs to those who deliver the files.
    """
    excluded_paths = (published_path(), source_dir())
    for entry in data_dir().iterdir():
        if not entry.is_symlink() and not any(path.is_relative_to(entry) for path in excluded_paths):
            with suppress(OSError):  # a temporary file that is gone, another owner's file, a read-only disk
                mode = entry.stat().st_mode
                if mode & GROUP_AND_OTHERS_BITS:
                    entry.chmod(mode & 0o7777 & ~GROUP_AND_OTHERS_BITS)
