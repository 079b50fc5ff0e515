"""Checking a file's column names against the feed, and settling the names under which they are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from metrics.errors import did_you_mean
from metrics.feeds import Feed
from orchestration.ingest.faults import FileFault, named

RESERVED = ("_loaded_at", "_source_file", "_source_line")
LOOK_FOR_HEADER_IN = 10
_DELIMITERS = {",": "','", ";": "';'", "\t": "a tab", "|": "'|'"}
# Signs that a warehouse column name can't have, as dlt's naming convention "direct" replaces them.
_SIGNS = str.maketrans("\n\r'\"▶", "_____")


def required_columns(feed: Feed) -> list[str]:
    """What must be in every file: the declared columns, and the personal ones, as a renamed one would slip through."""
    return list(dict.fromkeys([*feed.columns, *feed.personal]))


def settled_names(found: Sequence[str], feed: Feed, known: Iterable[str], note: Callable[[str], None]) -> list[str]:
    """The names under which the columns are stored, in the file's order; `known` are the table's so far.

    Raises FileFault for a required column that is missing, misspelt, or there twice.
    """
    required = required_columns(feed)
    missing = [name for name in required if name not in found]
    if missing:
        raise FileFault(_what_is_missing(missing, found, required))
    folded = {name.casefold(): name for name in known}
    folded.update({name.casefold(): name for name in required})
    names: list[str] = []
    taken: set[str] = set(RESERVED)
    for position, raw in enumerate(found, start=1):
        name = raw.translate(_SIGNS) or f"column_{position}"
        plain = folded.get(name.casefold(), name)
        if plain in required and name.casefold() in taken:
            raise FileFault(f"column '{plain}' is there twice (found: {named(found)})")
        if plain in required and name != plain:
            raise FileFault(f"column '{raw}' differs from column '{plain}' in case only (found: {named(found)})")
        number, unique = 2, plain
        while unique.casefold() in taken:
            unique, number = f"{plain}_{number}", number + 1
        if unique != raw:
            note(f"column {position} '{raw}' is stored as '{unique}'")
        taken.add(unique.casefold())
        names.append(unique)
    if known:
        new = [name for name in names if name.casefold() not in folded]
        if new:
            note(f"new column {named(new)}")
    return names


def _what_is_missing(missing: Sequence[str], found: Sequence[str], required: Sequence[str]) -> str:
    said = [f"column '{name}' is missing" for name in missing]
    others = [name for name in found if name and name not in required]
    near = next((hint for name in missing if (hint := did_you_mean(name, others))), "")
    near = near.strip(" ()")
    return "; ".join(said) + f" (found: {named(found)}{'; ' + near if near else ''})"


def delimiter_hint(header_line: str, feed: Feed) -> str:
    """ ", but the file seems to be delimited by ';' …" when another delimiter would give the columns, else empty."""
    wanted = set(required_columns(feed))
    for delimiter, label in _DELIMITERS.items():
        if delimiter == feed.options.delimiter:
            continue
        if wanted <= {cell.strip().strip('"') for cell in header_line.split(delimiter)}:
            says = _DELIMITERS.get(feed.options.delimiter, repr(feed.options.delimiter))
            return f"; the file seems to be delimited by {label} and the feed says {says}: set options.delimiter"
    return ""


def header_row_hint(rows: Iterable[Sequence[str]], feed: Feed) -> str:
    """ "; the header seems to be in row 3 …" when one of the first rows has the columns, else empty."""
    wanted = set(required_columns(feed))
    for number, row in enumerate(rows, start=1):
        if number > LOOK_FOR_HEADER_IN:
            break
        if number != feed.options.header_row and wanted <= set(row):
            return f"; the header seems to be in row {number}: set options.header_row: {number}"
    return ""
