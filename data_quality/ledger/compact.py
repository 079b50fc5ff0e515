"""Compaction: merges the small files that each release leaves in every table. No row changes.

Two compactions at the same time would double the rows: the Delta library doesn't detect that conflict. In a folder a
lock prevents it. An object store has no lock, so that only `kpi ledger compact` compacts it, from one machine.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from data_quality.ledger import tables
from data_quality.ledger.lock import releasing
from data_quality.ledger.schemas import SCHEMAS
from data_quality.ledger.store import Ledger
from data_quality.ledger.verify import verify
from metrics.core.errors import NyckeltalError

MOST_FILES = 50
_LARGE = 4 * 2**20  # bytes; a file of that size isn't rewritten, so that the cost doesn't grow with the ledger


@dataclass(frozen=True)
class Compacted:
    """A table, and the number of files that a reader of it opens, before and after compaction."""

    table: str
    files_before: int
    files_after: int


def gather(ledger: Ledger) -> None:
    """Merge the small files of each table that has more than MOST_FILES, and write a checkpoint of its log.

    Called at the end of a release. Replaced files stay: a damaged ledger can be repaired from them. What can't be done
    now, for example because another process compacts, is left to the next release.
    """
    if "://" in ledger.root or all(len(table.file_uris()) <= MOST_FILES for table in ledger.tables.values()):
        return
    try:
        with _lock(ledger.root).acquire(timeout=0):
            for table in Ledger.open(ledger.root).tables.values():  # opened again, as the lock is held only now
                if len(table.file_uris()) > MOST_FILES:
                    table.optimize.compact(target_size=_LARGE)
                    table.create_checkpoint()
    except (Timeout, NyckeltalError, *tables.FAILURES) as error:
        reason = str(error) if isinstance(error, NyckeltalError) else tables.reason(error)
        logging.getLogger(__name__).warning("the ledger was not compacted this time: %s", reason)


def compact(root: str) -> tuple[Compacted, ...]:
    """Compact every table, write a checkpoint of its log, and delete files that have been unused for a week.

    Unused files stay for a week for readers of the table's older versions, so that only a later call shrinks the
    folder. A damaged ledger isn't touched, as its old files may be needed to repair it. In an object store, nobody else
    may compact it at the same time.
    Raises NyckeltalError when the ledger is damaged, or can't be written.
    """
    with releasing():
        verify(Ledger.open(root, make=False)).require_sound(root)
        try:
            with nullcontext() if "://" in root else _lock(root):
                ledger = Ledger.open(root, make=False)
                before = {name: len(table.file_uris()) for name, table in ledger.tables.items()}
                for table in ledger.tables.values():
                    table.optimize.compact()
                    table.create_checkpoint()
                    table.vacuum(dry_run=False, full=True)
        except tables.FAILURES as error:
            problem = f"the ledger can't be compacted: {tables.reason(error)}"
            raise NyckeltalError(problem, file=root) from None
        ledger = Ledger.open(root, make=False)
        verify(ledger).require_sound(root)
        return tuple(Compacted(name, before[name], len(ledger.tables[name].file_uris())) for name in SCHEMAS)


def _lock(root: str) -> BaseFileLock:
    """The lock file of a ledger in a folder. It is in that folder, as several data folders may share a ledger."""
    return FileLock(Path(root) / ".compaction.lock", mode=0o600)
