"""What can be wrong with a delivered file. Only the error type and its wording helpers; readers raise it."""

from __future__ import annotations

from collections.abc import Sequence

from metrics.core.text import visible

_NAMED = 3


class FileFault(Exception):
    """A file that can't be taken in as a whole.

    Its text says what is wrong and what was expected, without the file's name. It quotes nothing that stands in the
    file but what the feed declares too: the text reaches the ledger and the published file.
    """


class Retracted(Exception):
    """A file turned out faulty after some of its rows had been handed on: the attempt must start again without it."""


def named(names: Sequence[str], limit: int = 12) -> str:
    """The names, quoted and cut off after `limit`."""
    shown = ", ".join(f"'{name}'" for name in names[:limit])
    rest = len(names) - limit
    return f"{shown} and {rest} more" if rest > 0 else shown


def joined(problems: Sequence[str]) -> str | None:
    """Several problems in one text, the first few in full; None when there are none."""
    if not problems:
        return None
    rest = len(problems) - _NAMED
    return visible("; ".join(problems[:_NAMED]) + (f"; and {rest} more" if rest > 0 else ""))
