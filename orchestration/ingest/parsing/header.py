"""Checks a file's column names against the feed, and finds the columns that raw stores: the declared ones.

A file without a header row has values where the names should be. So no message shows a name that the feed doesn't
declare: such a column is named by its position.
"""

from __future__ import annotations

from collections import Counter
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


def names_in_raw(header: Sequence[str], feed: Feed, note: Callable[[str], None]) -> list[str]:
    """A name for each column of `header`, in the file's order: the name in raw, or a made-up one if it isn't declared.

    If a name occurs several times in the header, the second column is declared as `name_2`, the third as `name_3`.
    `note` takes messages about columns that are stored under another name.

    Raises FileFault for a required column that is missing, or that is there twice and declared once.
    """
    required = required_columns(feed)
    numbered = _numbered(header)
    missing = [name for name in required if name not in numbered]
    if missing:
        raise FileFault(_missing_columns(missing, header, required))
    names = []
    for position, (header_name, name) in enumerate(zip(header, numbered, strict=True), start=1):
        if name in required:
            names.append(stored_name(name))
            if names[-1] != header_name:
                note(f"column '{header_name}' is stored as '{names[-1]}'")
        elif header_name in required:
            raise FileFault(
                f"column '{header_name}' is there twice; the second is column {position}: declare that as '{name}'"
            )
        else:
            names.append(_made_up_name(position, required))
    return names


def _numbered(header: Sequence[str]) -> list[str]:
    """The header's names; where one repeats, each but the first gets a number: x, x_2, x_3."""
    counts: Counter[str] = Counter()
    names = []
    for name in header:
        counts[name] += 1
        names.append(f"{name}_{counts[name]}" if counts[name] > 1 else name)
    return names


def _made_up_name(position: int, required: Sequence[str]) -> str:
    name = f"column_{position}"
    while name in map(stored_name, required):
        name += "_"
    return name


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


def with_raw_names(feed: Feed) -> Feed:
    """The feed with its column names replaced by those that raw stores."""
    columns = {stored_name(name): declared for name, declared in feed.columns.items()}
    personal = {stored_name(name): treatment for name, treatment in feed.personal.items()}
    return feed.model_copy(update={"columns": columns, "personal": personal})
