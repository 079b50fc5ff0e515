"""Compaction: each release leaves a file in every table; they are written together. No row changes."""

from __future__ import annotations

from dataclasses import dataclass

from data_quality import ledger_tables
from data_quality.ledger import SCHEMAS, Ledger
from data_quality.ledger_lock import releasing
from data_quality.ledger_verify import verify
from metrics.errors import NyckeltalError


@dataclass(frozen=True)
class Compacted:
    """A table, and how many files a reader of it opens, before and after."""

    table: str
    files_before: int
    files_after: int


def compact(root: str) -> tuple[Compacted, ...]:
    """Compact every table, write a checkpoint of its log, and delete files that nothing has named for a week.

    A file is kept for that week for whoever reads the table as it stood, so that the folder shrinks by a later call.
    A damaged ledger is left alone, as its old files may be what can mend it.
    Raises NyckeltalError when the ledger is damaged, or can't be written.
    """
    with releasing():
        ledger = Ledger.open(root, make=False)
        verify(ledger).require_sound(root)
        before = {name: len(table.file_uris()) for name, table in ledger.tables.items()}
        try:
            for table in ledger.tables.values():
                table.optimize.compact()
                table.create_checkpoint()
                table.vacuum(dry_run=False, full=True)
        except ledger_tables.FAILURES as error:
            problem = f"the ledger can't be compacted: {ledger_tables.reason(error)}"
            raise NyckeltalError(problem, file=root) from None
        ledger = Ledger.open(root, make=False)
        verify(ledger).require_sound(root)
        return tuple(Compacted(name, before[name], len(ledger.tables[name].file_uris())) for name in SCHEMAS)
