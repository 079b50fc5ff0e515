"""Compaction: each release leaves a file in every table; they are written together. No row changes.

Two compactions at once would both keep their file, and so double rows: Delta's library doesn't see that conflict. In a
folder a lock keeps them apart; an object store has none, so there only `kpi ledger compact` compacts, on one machine.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from data_quality.ledger import tables
from data_quality.ledger.lock import releasing
from data_quality.ledger.store import SCHEMAS, Ledger
from data_quality.ledger.verify import verify
from metrics.core.errors import NyckeltalError

MOST_FILES = 50
_LARGE = 4 * 2**20  # bytes; a file of that size isn't written again, so that a ledger's growth costs no more with time


@dataclass(frozen=True)
class Compacted:
    """A table, and how many files a reader of it opens, before and after."""

    table: str
    files_before: int
    files_after: int


def gather(ledger: Ledger) -> None:
    """Write a table's small files together where they are more than MOST_FILES, and a checkpoint of its log.

    A release does it when all is published. The files that are replaced stay: should the ledger be damaged, they are
    what can mend it. What can't be done now, as when another process compacts, the next release will do.
    """
    if "://" in ledger.root or all(len(table.file_uris()) <= MOST_FILES for table in ledger.tables.values()):
        return
    try:
        with _lock(ledger.root).acquire(timeout=0):
            for table in Ledger.open(ledger.root).tables.values():  # as they are now that nobody else compacts
                if len(table.file_uris()) > MOST_FILES:
                    table.optimize.compact(target_size=_LARGE)
                    table.create_checkpoint()
    except (Timeout, *tables.FAILURES) as error:
        reason = tables.reason(error)
        logging.getLogger(__name__).warning("the ledger isn't compacted this time: %s", reason)


def compact(root: str) -> tuple[Compacted, ...]:
    """Compact every table, write a checkpoint of its log, and delete files that nothing has named for a week.

    A file is kept for that week for whoever reads the table as it stood, so that the folder shrinks by a later call.
    A damaged ledger is left alone, as its old files may be what can mend it. In an object store, nobody else may
    compact it meanwhile.
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
    """For a ledger in a folder, in that folder: several data folders may share a ledger."""
    return FileLock(Path(root) / ".compaction.lock", mode=0o600)
