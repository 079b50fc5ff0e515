"""Checking a file's column names against the feed, and settling the names under which they are stored.

A file without a header row has cells where the names should be. So no message shows a name that the feed doesn't
declare; such a column is named by its position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches

from metrics.definitions.feeds import Feed, stored_name
from orchestration.ingest.faults import FileFault, named

RESERVED = ("_loaded_at", "_source_file", "_source_line")
LOOK_FOR_HEADER_IN = 10
_DELIMITERS = {",": "','", ";": "';'", "\t": "a tab", "|": "'|'"}


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
    declared = {stored_name(name): name for name in required}
    folded = {name.casefold(): name for name in known}
    folded.update({name.casefold(): name for name in declared})
    names: list[str] = []
    taken: set[str] = set(RESERVED)
    for position, raw in enumerate(found, start=1):
        name = stored_name(raw) or f"column_{position}"
        plain = folded.get(name.casefold(), name)
        if plain in declared and name.casefold() in taken:
            raise FileFault(f"column '{plain}' is there twice; the second is column {position}")
        if plain in declared and name != plain:
            raise FileFault(f"column {position} differs from the declared column '{plain}' in case only")
        number, unique = 2, plain
        while unique.casefold() in taken:
            unique, number = f"{plain}_{number}", number + 1
        if unique != raw and unique in declared:
            note(f"column '{raw}' is stored as '{unique}'")
        elif unique != raw:
            note(f"column {position}, which isn't declared, is stored under another name than the file's")
        taken.add(unique.casefold())
        names.append(unique)
    if known:
        new = [str(position) for position, name in enumerate(names, start=1) if name.casefold() not in folded]
        if new:
            note(f"new columns that aren't declared: {counted(new)}")
    return names


def _what_is_missing(missing: Sequence[str], found: Sequence[str], required: Sequence[str]) -> str:
    """Which declared columns lack, which are there, and which column may be a misspelt one."""
    there = [f"'{name}'" for name in required if name in found]
    others = {name: position for position, name in enumerate(found, start=1) if name and name not in required}
    hints = []
    for name in missing:
        near = get_close_matches(name.casefold(), [_visible(other).casefold() for other in others], n=1)
        position = next((at for other, at in others.items() if near == [_visible(other).casefold()]), None)
        if position is not None:
            how = "has an invisible sign in its name" if near == [name.casefold()] else "is spelt nearly like it"
            hints.append(f"column {position} {how}")
    count = f"{len(found)} column{'s' * (len(found) != 1)}"
    known = f"the header has {count}, of the declared ones {', '.join(there) if there else 'none'}"
    if not there:
        known += ": does the file have a header row?"
    said = "; ".join(f"column '{name}' is missing" for name in missing)
    if len(missing) > 3:
        said = f"columns {named(missing, 3)} are missing"
    return "; ".join([f"{said} ({known})", *hints])


def _visible(name: str) -> str:
    """The name without signs that nobody sees, such as a byte-order mark, and with plain blanks."""
    return " ".join("".join(sign for sign in name if sign.isprintable() or sign.isspace()).split())


def counted(names: Sequence[str], limit: int = 12) -> str:
    """The names one after the other, cut off after `limit`."""
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")


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


def is_storable(name: str) -> bool:
    """Whether a column of raw can be written to under that name."""
    return stored_name(name) == name


def as_stored(feed: Feed) -> Feed:
    """The feed with its columns under the names that they have in raw."""
    columns = {stored_name(name): declared for name, declared in feed.columns.items()}
    personal = {stored_name(name): how for name, how in feed.personal.items()}
    return feed.model_copy(update={"columns": columns, "personal": personal})
