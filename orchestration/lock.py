"""The lock of the data folder: every step that writes to a store holds it, so there is one writer at a time.

Files written under the lock are readable by the folder's owner only, except the published file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

from metrics.core.deployment import data_dir
from metrics.core.errors import NyckeltalError
from metrics.core.private_files import make_data_dir, private_files, remove_permissions_of_others


class Busy(NyckeltalError):
    """Another process is writing to the data folder."""


@contextmanager
def writing() -> Iterator[None]:
    """Holds the data folder's lock; may be nested within one process.

    Raises Busy when another process holds it, and NyckeltalError when the folder can't be written to.
    """
    folder = data_dir()
    try:
        make_data_dir()
        if not os.access(folder, os.W_OK):  # in a folder that can't be written to, the lock's file may be writable
            raise PermissionError(EACCES, os.strerror(EACCES))
        lock = _lock(folder)
        lock.acquire(timeout=0)
    except Timeout:
        raise Busy("another run is writing to this data folder; try again when it has ended", file=folder) from None
    except OSError as error:
        raise NyckeltalError(f"the data folder can't be written to: {error.strerror}", file=folder) from None
    try:
        remove_permissions_of_others()
        with private_files():
            yield
    finally:
        lock.release()


@cache
def _lock(folder: Path) -> FileLock:
    return FileLock(folder / "run.lock", mode=0o600, thread_local=False)
