"""The release lock: on one machine, only one process at a time writes the ledger or the published file.

A concurrent writer on another machine is refused by the ledger itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock

from metrics.core import deployment
from metrics.core.errors import NyckeltalError
from metrics.core.private_files import private_files


@contextmanager
def releasing() -> Iterator[None]:
    """Hold the data folder's release lock, after waiting for another process that holds it.

    Raises NyckeltalError when there is no data folder, or it can't be written.
    """
    folder = deployment.data_dir()
    if not folder.is_dir():
        raise NyckeltalError("there is no data folder yet; run `kpi run`", file=folder)
    lock = FileLock(folder / "release.lock", mode=0o600)
    try:
        lock.acquire()
    except OSError as error:
        raise NyckeltalError(f"the data folder can't be written: {error.strerror}", file=folder) from None
    try:
        with private_files():
            yield
    finally:
        lock.release()
