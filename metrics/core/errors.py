"""Errors that tell a user what to mend. A mistake in a program is never one of these."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from traceback import extract_tb


class NyckeltalError(Exception):
    """A user's mistake or an outside fault, told in one readable line.

    `file`, `line` and `field` say where, `found` and `expected` say what; each is left out when it has no meaning.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        field: str | None = None,
        found: object = None,
        expected: object = None,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.file = file
        self.line = line
        self.field = field
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        where = "" if self.file is None else str(self.file) + (f":{self.line}" if self.line else "") + ": "
        field = "" if self.field is None else f"{self.field}: "
        found = "" if self.found is None else f"; found {self.found!r}"
        expected = "" if self.expected is None else f"; expected {self.expected}"
        return f"{where}{field}{self.problem}{found}{expected}"


class Problems(NyckeltalError):
    """Several findings, reported at once."""

    def __init__(self, findings: Sequence[NyckeltalError]) -> None:
        super().__init__(f"{len(findings)} problems")
        self.findings = tuple(findings)

    def __str__(self) -> str:
        return "\n".join(str(finding) for finding in self.findings)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """ " (did you mean 'owner'?)" when a known word is spelt nearly like this one, else an empty text."""
    near = get_close_matches(word, known, n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""


# DuckDB's errors that speak of files, memory and locks; and those that speak of the SQL, before any row is read.
_OF_THE_SYSTEM = ("IOException", "ConnectionException", "OutOfMemoryException", "PermissionException", "Interrupt")
_OF_THE_SQL = ("ParserException", "SyntaxException", "BinderException", "CatalogException")


def without_values(error: BaseException, *, own_sql: bool = False) -> str:
    """What may be said of an error outside the warehouse: its text if that quotes no cell of a source, else its type.

    Libraries quote the value that they can't convert, and the program's own errors may too (a KeyError). `own_sql`:
    the SQL is a model's own text, so that it names nothing that a file brought.
    """
    error = getattr(error, "orig", None) or error  # SQLAlchemy's are longer, and quote parameters
    name, module = type(error).__name__, type(error).__module__.split(".")[0]
    if isinstance(error, NyckeltalError):
        return str(error)
    if module in ("sqlite3", "dagster") or isinstance(error, ImportError):  # of Dagster's files and the program itself
        return f"{module}.{name}: {error}".removeprefix("builtins.")
    cause: BaseException | None = error
    while cause is not None:
        if fault := disk_fault(cause):
            return f"{name}: {fault}"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if name in _OF_THE_SYSTEM or (own_sql and name in _OF_THE_SQL):
        return " ".join([f"{name}:", *str(error).strip().splitlines()[:1]])
    return name


class UnexpectedError(Exception):
    """An error that is no user's mistake, without its text, which may quote a value. Its traceback is kept."""


@contextmanager
def values_withheld(step: str) -> Iterator[None]:
    """Turns an unexpected error into an UnexpectedError without values, as Dagster stores and shows its text.

    A NyckeltalError passes, without the error that it came from.
    """
    try:
        yield
        return
    except NyckeltalError as error:
        mistake: Exception = error
        traceback = error.__traceback__
    except Exception as error:
        mistake, traceback = UnexpectedError(f"{step}: {without_values(error)}{_place(error)}"), error.__traceback__
    raise mistake.with_traceback(traceback) from None


def _place(error: BaseException) -> str:
    """ " (module.py, line 12)": the last place in the program's own files that the error passed through."""
    own = [frame for frame in extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""


_FULL_OR_BROKEN = "the disk is full or broken"
# DuckDB, dlt and SQLite have errors of their own for what the system refuses, but quote its words.
_REFUSED = {
    os.strerror(number): os.strerror(number)
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EACCES)
} | {
    "database or disk is full": os.strerror(errno.ENOSPC),
    "disk I/O error": _FULL_OR_BROKEN,  # what SQLite says of a full disk, too
    "attempt to write a readonly database": os.strerror(errno.EROFS),
}
_FULL = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT), _FULL_OR_BROKEN)
_DAMAGED = {
    "Could not read enough bytes": "the file is cut off",
    "Corrupt database file": "the file is damaged",
    "is not a valid DuckDB database file": "the file is damaged",
    "Corrupt WAL file": "the log beside it (.wal) is damaged",
    "Failure while replaying WAL": "the log beside it (.wal) can't be read",
}


@contextmanager
def disk_faults_told(what: str, file: Path, *, repair: str | None = None) -> Iterator[None]:
    """Turns what a library raises on a full, read-only or broken disk, or a damaged file, into a NyckeltalError.

    `what` begins its text, and `repair` says what to do about a damaged file. Other errors pass, such as one of a
    program's own.
    """
    try:
        yield
    except NyckeltalError:
        raise
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            if fault := disk_fault(cause, repair):
                raise NyckeltalError(f"{what}: {fault}", file=file) from None
            cause = cause.__cause__ or cause.__context__
        raise


def disk_fault(error: BaseException | str, repair: str | None = None) -> str | None:
    """What the disk or the file is at fault in, and what to do about it, in words; None for any other error."""
    text = str(error)
    for words, told in _REFUSED.items():
        if words in text:
            return f"{told}; make room, then run again: nothing is lost" if told in _FULL else told
    for words, told in _DAMAGED.items():
        if words in text:
            return f"{told}; {repair}" if repair else told
    return None
