"""What others could read below a data folder, while a run writes it and after; for tests of the modes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from metrics.core.private_files import GROUP_AND_OTHERS_BITS

PUBLIC = ("published", "sources")


def open_to_others(data: Path) -> set[str]:
    """The files and folders below the data folder, but for PUBLIC ones, on which others have a right."""
    open_paths = set()
    for folder, folders, files in os.walk(data):
        inside = Path(folder)
        if inside == data:
            folders[:] = [name for name in folders if name not in PUBLIC]
        for name in (*folders, *files):
            try:
                path = inside / name
                if not path.is_symlink() and path.stat().st_mode & GROUP_AND_OTHERS_BITS:
                    open_paths.add(str(path.relative_to(data)))
            except FileNotFoundError:  # it is gone already
                continue
    return open_paths


@contextmanager
def watched(data: Path) -> Iterator[set[str]]:
    """All that was open to others at some time during the block."""
    open_paths: set[str] = set()
    ended = Event()

    def look() -> None:
        while not ended.wait(0.2):
            open_paths.update(open_to_others(data))

    thread = Thread(target=look, daemon=True)
    thread.start()
    try:
        yield open_paths
    finally:
        ended.set()
        thread.join()
        open_paths |= open_to_others(data)
