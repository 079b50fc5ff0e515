"""Errors that say what a user has to correct, and what may be shown of other errors. Bugs are never one of these."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from traceback import extract_tb

from metrics.core.text import short_path


class NyckeltalError(Exception):
    """A user's mistake or a fault of the system, as one readable line.

    `file`, `line` and `field` say where it is; `found` is the value that is wrong and `expected` says what is right.
    Those that are None are left out of the text.
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
        place = "" if self.file is None else short_path(self.file) + (f":{self.line}" if self.line else "") + ": "
        field = "" if self.field is None else f"{self.field}: "
        found_value = "" if self.found is None else f"; found {self.found!r}"
        expected_value = "" if self.expected is None else f"; expected {self.expected}"
        return f"{place}{field}{self.problem}{found_value}{expected_value}"


class Problems(NyckeltalError):
    """Several errors, reported together, a line each; `advice` says at the end what to do about all of them."""

    def __init__(self, findings: Sequence[NyckeltalError], *, advice: str | None = None) -> None:
        super().__init__(f"{len(findings)} problems")
        self.findings = tuple(findings)
        self.advice = advice

    def __str__(self) -> str:
        lines = [str(finding) for finding in self.findings]
        return "\n".join(lines if self.advice is None else [*lines, self.advice])


def did_you_mean(word: str, spellings: Sequence[str]) -> str:
    """ " (did you mean 'owner'?)" when a known word has a similar spelling, else an empty text."""
    by_lower_case = {spelling.casefold(): spelling for spelling in spellings}
    matches = get_close_matches(word.casefold(), by_lower_case, n=1)
    return f" (did you mean '{by_lower_case[matches[0]]}'?)" if matches else ""


_MOST_LISTED = 12


def not_adopted(kpi_id: str, adopted_ids: Sequence[str]) -> NyckeltalError:
    """The error for a KPI that isn't adopted: the most similar id, else the ids where they are few."""
    hint = did_you_mean(kpi_id, adopted_ids)
    listed = ", ".join(adopted_ids) if len(adopted_ids) <= _MOST_LISTED else "an id that `kpi list` shows"
    return NyckeltalError(f"no KPI '{kpi_id}' is adopted{hint}", expected=None if hint else listed)


# DuckDB's errors about files, memory and locks, and those about the SQL, which occur before any row is read.
_SYSTEM_ERRORS = ("IOException", "ConnectionException", "OutOfMemoryException", "PermissionException", "Interrupt")
_SQL_ERRORS = ("ParserException", "SyntaxException", "BinderException", "CatalogException")


def without_values(error: BaseException, *, own_sql: bool = False) -> str:
    """The text of an error, safe for logs and the terminal: its type alone where the message may hold a source's value.

    A NyckeltalError is given in full. Of other errors only kinds that can't quote data are; libraries quote the value
    that they can't convert, and a KeyError its key. With `own_sql` the first line of an SQL error is given, too: then
    the SQL is a model's text, which holds no data.
    """
    error = getattr(error, "orig", None) or error  # SQLAlchemy wraps the driver's error and quotes the parameters
    name, module = type(error).__name__, type(error).__module__.split(".")[0]
    if isinstance(error, NyckeltalError):
        return str(error)
    # SQLite holds Dagster's own files only, and these errors are about the program itself.
    if module in ("sqlite3", "dagster") or isinstance(error, ImportError):
        return f"{module}.{name}: {error}".removeprefix("builtins.")
    cause: BaseException | None = error
    while cause is not None:
        if fault := disk_fault(cause):
            return f"{name}: {fault}"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if name in _SYSTEM_ERRORS or (own_sql and name in _SQL_ERRORS):
        return " ".join([f"{name}:", *str(error).strip().splitlines()[:1]])
    return name


class UnexpectedError(Exception):
    """An error that isn't a user's mistake. Its text has no values; it has the traceback of the original error."""


@contextmanager
def values_withheld(step: str) -> Iterator[None]:
    """Turns an unexpected error into an UnexpectedError without values: Dagster stores and shows the text of errors.

    A NyckeltalError is raised again without the error that caused it. `step` begins the text.
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
    """ " (module.py, line 12)": the innermost place of the traceback that is in the program's own files."""
    own_frames = [frame for frame in extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    return f" ({Path(own_frames[-1].filename).name}, line {own_frames[-1].lineno})" if own_frames else ""


_FULL_OR_BROKEN = "the disk is full or broken"
# DuckDB, dlt and SQLite raise errors of their own types, with the operating system's words in their text.
_SYSTEM_FAULTS = {
    os.strerror(number): os.strerror(number)
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EACCES)
} | {
    "database or disk is full": os.strerror(errno.ENOSPC),
    "disk I/O error": _FULL_OR_BROKEN,  # SQLite has the same text for a full disk
    "attempt to write a readonly database": os.strerror(errno.EROFS),
}
_DISK_FULL = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT), _FULL_OR_BROKEN)
_DAMAGED_FILES = {
    "Could not read enough bytes": "the file is cut off",
    "Corrupt database file": "the file is damaged",
    "is not a valid DuckDB database file": "the file is damaged",
    "Corrupt WAL file": "the log beside it (.wal) is damaged",
    "Failure while replaying WAL": "the log beside it (.wal) can't be read",
}


@contextmanager
def disk_faults_reported(failure: str, file: Path, *, repair: str | None = None) -> Iterator[None]:
    """Turns the error of a library about a full, read-only or broken disk, or a damaged file, into a NyckeltalError.

    `failure` begins its text ("the warehouse can't be opened"), and `repair` says what to do about a damaged file.
    Other errors pass unchanged.
    """
    try:
        yield
    except NyckeltalError:
        raise
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            if fault := disk_fault(cause, repair):
                raise NyckeltalError(f"{failure}: {fault}", file=file) from None
            cause = cause.__cause__ or cause.__context__
        raise


def disk_fault(error: BaseException | str, repair: str | None = None) -> str | None:
    """The fault of the disk or file that the error is about, and what to do about it; None for any other error."""
    text = str(error)
    for words, fault in _SYSTEM_FAULTS.items():
        if words in text:
            return f"{fault}; make room, then run again: nothing is lost" if fault in _DISK_FULL else fault
    for words, fault in _DAMAGED_FILES.items():
        if words in text:
            return f"{fault}; {repair}" if repair else fault
    return None
