"""The errors that readers raise for a faulty file, and helpers for their texts."""

from __future__ import annotations

from collections.abc import Sequence

from metrics.core.text import visible

_NAMED = 3


class FileFault(Exception):
    """A file that can't be loaded, with all its rows.

    Its text says what is wrong and what was expected, without the file's name. It reaches the ledger and the published
    file, so it quotes nothing from the file except names that the feed declares.
    """


class Retracted(Exception):
    """A file was found faulty after some of its rows had been loaded: the attempt must start again without the file."""


def quoted_names(names: Sequence[str], limit: int = 12) -> str:
    """The first `limit` names in quotes, and the number of the rest."""
    shown = ", ".join(f"'{name}'" for name in names[:limit])
    rest = len(names) - limit
    return f"{shown} and {rest} more" if rest > 0 else shown


def problems_in_one_text(problems: Sequence[str]) -> str | None:
    """The first three problems in one text, and the number of the rest; None when there are none."""
    if not problems:
        return None
    rest = len(problems) - _NAMED
    return visible("; ".join(problems[:_NAMED]) + (f"; and {rest} more" if rest > 0 else ""))
