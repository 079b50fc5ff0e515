"""Finds damaged files among Dagster's own SQLite files in DAGSTER_HOME."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from metrics.core.errors import NyckeltalError

# The files that all of Dagster needs. Each other file has the events of one run.
SHARED = ("index.db", "history/runs.db", "schedules/schedules.db")


def require_sound(home: Path) -> None:
    """Raises NyckeltalError with the file's name when a file that Dagster always needs is damaged."""
    _refuse_damaged(path for name in SHARED if (path := home / name).exists())


@contextmanager
def damage_named(home: Path) -> Iterator[None]:
    """Turns an error that Dagster raises because of a damaged file of its own into a NyckeltalError with its name."""
    try:
        yield
    except Exception as error:
        # The error of a failed step is a NyckeltalError already, with the text of its innermost cause.
        if not isinstance(error, NyckeltalError) or "sqlite3." in str(error):
            _refuse_damaged(sorted(home.rglob("*.db")))
        raise


def _refuse_damaged(files: Iterable[Path]) -> None:
    for file in files:
        if _is_damaged(file):
            raise NyckeltalError(
                "Dagster's record of runs is damaged; it holds no published value. Move the file away, and those beside"
                f" it named {file.name}-wal and {file.name}-shm: Dagster then creates a new one",
                file=file,
            ) from None


def _is_damaged(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            (answer,) = connection.execute("pragma quick_check(1)").fetchone()
            return bool(answer != "ok")
    except sqlite3.OperationalError:  # the file can't be opened or is locked, but may be sound
        return False
    except sqlite3.DatabaseError:
        return True
