"""Checks a file's column names against the feed, and decides the names under which raw stores the columns.

A file without a header row has values where the names should be. So no message shows a name that the feed doesn't
declare: such a column is named by its position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches

from metrics.definitions.feeds import Feed, stored_name
from orchestration.ingest.faults import FileFault, quoted_names

RESERVED = ("_loaded_at", "_source_file", "_source_line")
LOOK_FOR_HEADER_IN = 10
_DELIMITERS = {",": "','", ";": "';'", "\t": "a tab", "|": "'|'"}


def required_columns(feed: Feed) -> list[str]:
    """The columns that every file must have: the declared and the personal ones.

    A personal column that was renamed in the source would otherwise be stored as it is.
    """
    return list(dict.fromkeys([*feed.columns, *feed.personal]))


def names_in_raw(
    header: Sequence[str], feed: Feed, table_columns: Iterable[str], note: Callable[[str], None]
) -> list[str]:
    """The names under which raw stores the columns of `header`, in the file's order.

    `table_columns` are the columns that the raw table has so far. `note` takes messages about columns that are stored
    under another name, and about new columns that aren't declared.

    Raises FileFault for a required column that is missing or there twice, or whose name differs in case only.
    """
    required = required_columns(feed)
    missing = [name for name in required if name not in header]
    if missing:
        raise FileFault(_missing_columns(missing, header, required))
    declared = {stored_name(name): name for name in required}
    folded = {name.casefold(): name for name in table_columns}
    folded.update({name.casefold(): name for name in declared})
    names: list[str] = []
    used_names: set[str] = set(RESERVED)
    for position, header_name in enumerate(header, start=1):
        name = stored_name(header_name) or f"column_{position}"
        stored = folded.get(name.casefold(), name)
        if stored in declared and name.casefold() in used_names:
            raise FileFault(f"column '{stored}' is there twice; the second is column {position}")
        if stored in declared and name != stored:
            raise FileFault(f"column {position} differs from the declared column '{stored}' in case only")
        number, unique = 2, stored
        while unique.casefold() in used_names:
            unique, number = f"{stored}_{number}", number + 1
        if unique != header_name and unique in declared:
            note(f"column '{header_name}' is stored as '{unique}'")
        elif unique != header_name:
            note(f"column {position}, which isn't declared, is stored under another name than in the file")
        used_names.add(unique.casefold())
        names.append(unique)
    if table_columns:
        new = [str(position) for position, name in enumerate(names, start=1) if name.casefold() not in folded]
        if new:
            note(f"new columns that aren't declared: {_shortened(new)}")
    return names


def _missing_columns(missing: Sequence[str], header: Sequence[str], required: Sequence[str]) -> str:
    """A message: which declared columns are missing, which are there, and which column may be a misspelt one."""
    present = [f"'{name}'" for name in required if name in header]
    undeclared = {
        _visible(name).casefold(): position
        for position, name in enumerate(header, start=1)
        if name and name not in required
    }
    hints = []
    for name in missing:
        for closest in get_close_matches(name.casefold(), list(undeclared), n=1):
            is_same = closest == name.casefold()
            hint = "has an invisible character in its name" if is_same else "has a similar name"
            hints.append(f"column {undeclared[closest]} {hint}")
    count = f"{len(header)} column{'s' * (len(header) != 1)}"
    header_text = f"the header has {count}; of the declared columns {', '.join(present) if present else 'none'}"
    if not present:
        header_text += ": does the file have a header row?"
    missing_text = "; ".join(f"column '{name}' is missing" for name in missing)
    if len(missing) > 3:
        missing_text = f"columns {quoted_names(missing, 3)} are missing"
    return "; ".join([f"{missing_text} ({header_text})", *hints])


def _visible(name: str) -> str:
    """The name without invisible characters, such as a byte-order mark, and with plain blanks."""
    return " ".join("".join(sign for sign in name if sign.isprintable() or sign.isspace()).split())


def _shortened(names: Sequence[str], limit: int = 12) -> str:
    """The first `limit` names, separated by commas, and the number of the rest."""
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")


def delimiter_hint(header_line: str, feed: Feed) -> str:
    """ "; the file seems to be delimited by ';' …" when another delimiter gives the required columns, else empty."""
    required = set(required_columns(feed))
    for delimiter, label in _DELIMITERS.items():
        if delimiter == feed.options.delimiter:
            continue
        if required <= {cell.strip().strip('"') for cell in header_line.split(delimiter)}:
            declared_label = _DELIMITERS.get(feed.options.delimiter, repr(feed.options.delimiter))
            return (
                f"; the file seems to be delimited by {label} and the feed says {declared_label}: set options.delimiter"
            )
    return ""


def header_row_hint(rows: Iterable[Sequence[str]], feed: Feed) -> str:
    """ "; the header seems to be in row 3 …" when one of the first rows has the required columns, else empty."""
    required = set(required_columns(feed))
    for number, row in enumerate(rows, start=1):
        if number > LOOK_FOR_HEADER_IN:
            break
        if number != feed.options.header_row and required <= set(row):
            return f"; the header seems to be in row {number}: set options.header_row: {number}"
    return ""


def is_storable(name: str) -> bool:
    """Whether raw can have a column of that name."""
    return stored_name(name) == name


def with_raw_names(feed: Feed) -> Feed:
    """The feed with its column names replaced by those that raw stores."""
    columns = {stored_name(name): declared for name, declared in feed.columns.items()}
    personal = {stored_name(name): treatment for name, treatment in feed.personal.items()}
    return feed.model_copy(update={"columns": columns, "personal": personal})
