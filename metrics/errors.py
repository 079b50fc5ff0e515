"""Errors that tell a user what to mend. A mistake in a program is never one of these."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path


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


# DuckDB and dlt have errors of their own for what the system refuses, but quote its words.
_REFUSED = {
    os.strerror(number): os.strerror(number)
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EACCES)
}
_DAMAGED = {
    "Could not read enough bytes": "the file is cut off",
    "Corrupt database file": "the file is damaged",
}


@contextmanager
def disk_faults_told(what: str, file: Path) -> Iterator[None]:
    """Turns what a library raises on a full, read-only or broken disk, or a damaged file, into a NyckeltalError.

    `what` begins its text. Other errors pass, such as one of a program's own.
    """
    try:
        yield
    except NyckeltalError:
        raise
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            for words, told in (_REFUSED | _DAMAGED).items():
                if words in str(cause):
                    raise NyckeltalError(f"{what}: {told}", file=file) from None
            cause = cause.__cause__ or cause.__context__
        raise
