"""Values of a CSV file that swallowed lines of it: `"5 inch` opens a quote that only some later line closes.

Such a row has the right number of fields, so no parser objects. A value over several lines is taken for lines of the
file where text stands after its closing quote, as before a quoted field of a line inside it; and where its parts have
as many fields as whole lines would have there, these fit the columns that they would be in, and one of them is a
number, a date or the like where such a one is declared. In texts alone a comma proves nothing (an address has some):
there it is said that rows may lack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metrics.definitions.feeds import Feed
from orchestration.ingest.chunk import Chunk, UnreadRow
from orchestration.ingest.column_values import typed

REASON = 'a value holds whole lines of the file: is there a quote in it that is not doubled ("")?'
NOT_DOUBLED = 'text stands after the closing quote of a value over several lines: is a quote in it not doubled ("")?'
UNCERTAIN = (
    "a value over several lines may hold whole rows, which can't be told from its text: is a quote in it not doubled"
    ' ("")?'
)
_LINE_END = re.compile(r"\r\n|\n|\r")
TextOf = Callable[[int, int], str]  # of the file: that many physical lines from that one on


def lines_of(text: str) -> list[str]:
    """The physical lines of a text."""
    return _LINE_END.split(text)


def swallows_lines(value: str, position: int, names: Sequence[str], feed: Feed) -> bool:
    """Whether the name of the column at that position (from 0) seems to hold lines of a file with those columns."""
    rows = list(_likely_rows(value, position, names, feed.options.delimiter, spaced=True))
    return bool((_are_rows(rows, feed) == _CERTAIN).any())


class _Likely(NamedTuple):
    """The cells, by column, of what may be a line of the file; whether it has exactly as many fields as one."""

    cells: dict[str, str]
    is_exact: bool = True


def _likely_rows(value: str, position: int, names: Sequence[str], delimiter: str, *, spaced: bool) -> Iterator[_Likely]:
    """Each line in the value that has as many fields as a row, and no prose, with its blanks.

    The first and the last line count as one row: the row's own fields after the quote, and those of the last line
    before it; more delimiters than that may be in the values that the quotes are of. `spaced`: this file writes blanks
    after delimiters, so that these make no prose.
    """
    others = len(names) - 1
    parts = lines_of(value)
    if len(parts) < 2:
        return
    first, *middle, last = parts
    rows = [(names, line.split(delimiter), True) for line in middle if line.count(delimiter) == others]
    after, before = first.count(delimiter) - (others - position), last.count(delimiter) - position
    if after >= 0 and before >= 0:
        own, later = first.split(delimiter)[1 + after :], last.split(delimiter)[:position]
        rows.append(([*names[position + 1 :], *names[:position]], [*own, *later], after == before == 0))
    for columns, cells, is_exact in rows:
        if (any(cells) or not others) and (spaced or not any(cell.startswith(" ") for cell in cells)):
            yield _Likely(dict(zip(columns, cells, strict=True)), is_exact)


_NOT, _PERHAPS, _CERTAIN = 0, 1, 2


def _are_rows(likely: Sequence[_Likely], feed: Feed) -> np.ndarray:
    """Which of those are rows: _CERTAIN where the cells fit the declared types, and one at least is of another type
    than text; _PERHAPS where none is, so that there is nothing to tell by, or there are more fields; else _NOT.
    """
    rows = [one.cells for one in likely]
    is_exact = np.array([one.is_exact for one in likely], dtype=bool)
    fit, confirmed = np.ones(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    for name, declared in feed.columns.items():
        if declared.type == "text":
            continue
        there = [at for at, row in enumerate(rows) if name in row and row[name] not in feed.options.null_values]
        if there:
            values, wrong = typed(pa.chunked_array([[rows[at][name] for at in there]], pa.string()), declared)
            confirmed[there] |= pc.is_valid(values).to_numpy()
            if wrong is not None:
                fit[there] &= ~wrong.to_numpy()
    return np.select([fit & confirmed & is_exact, fit & (confirmed | is_exact)], [_CERTAIN, _PERHAPS], _NOT)


def without_swallowing(chunk: Chunk, names: Sequence[str], feed: Feed, text_of: TextOf) -> tuple[Chunk, bool]:
    """The chunk with rows that swallowed lines as unread ones, each line by itself, and whether others may have some.

    `text_of` gives lines of the chunk's file.
    """
    unread = [part for row in chunk.unread for part in _by_line(row, len(names) - 1, feed.options.delimiter)]
    suspect: dict[int, str] = {}
    likely: list[_Likely] = []
    of_row: list[int] = []
    texts: dict[int, tuple[int, str]] = {}
    longer = pa.array(_over_several_lines(chunk), pa.int64())
    well_formed = _well_formed(feed.options.delimiter)
    for at, first, row in zip(
        longer.to_pylist(), chunk.lines.take(longer).to_pylist(), _values(chunk.rows.take(longer)), strict=True
    ):
        breaks = sum(len(_LINE_END.findall(value)) for value in row)
        if not breaks:
            continue
        texts[at] = first, text_of(first, breaks + 1).rstrip("\r\n")
        if well_formed.fullmatch(texts[at][1]) is None:
            suspect[at] = NOT_DOUBLED
        for position, value in enumerate(row):
            if _LINE_END.search(value):
                spaced = any(other.startswith(" ") for other in [*row[:position], *row[position + 1 :]])
                found = list(_likely_rows(value, position, names, feed.options.delimiter, spaced=spaced))
                likely += found
                of_row += [at] * len(found)
    are_rows = _are_rows(likely, feed)
    suspect |= {of_row[number]: REASON for number in np.flatnonzero(are_rows == _CERTAIN)}
    doubtful = any(of_row[number] not in suspect for number in np.flatnonzero(are_rows == _PERHAPS))
    for at in sorted(suspect):
        unread += _lines(texts[at][0], suspect[at], texts[at][1])
    keep = np.ones(chunk.rows.num_rows, dtype=bool)
    keep[list(suspect)] = False
    kept = pa.array(keep)
    rows, lines = (chunk.rows.filter(kept), chunk.lines.filter(kept)) if suspect else (chunk.rows, chunk.lines)
    return Chunk(rows, lines, tuple(unread)), doubtful


def _values(rows: pa.Table) -> Iterator[list[str]]:
    """The cells of each row, by position; a missing one is an empty text."""
    for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        yield [value or "" for value in row]


def _well_formed(delimiter: str) -> re.Pattern[str]:
    """What a row's text is where every quote that opens a field is closed at its end, and those in it are doubled."""
    sign = re.escape(delimiter)
    field = rf'(?:"(?:[^"]|"")*+"|(?!")[^{sign}\r\n]*+)'
    return re.compile(f"{field}(?:{sign}{field})*+")


def _over_several_lines(chunk: Chunk) -> list[int]:
    """Positions of rows that may be longer than a line: those that don't have the next one right below them."""
    lines = chunk.lines.to_numpy(zero_copy_only=False)
    if not len(lines):
        return []
    return [*np.flatnonzero(np.diff(lines) > 1).tolist(), len(lines) - 1]


def _by_line(row: UnreadRow, others: int, delimiter: str) -> Iterator[UnreadRow]:
    """A row with too few or too many fields that swallowed whole lines counts as that many rows."""
    text = row.text.rstrip("\r\n")
    if any(line.count(delimiter) >= max(others, 1) for line in lines_of(text)[1:]):
        yield from _lines(row.line, row.reason, text)
    else:
        yield row


def _lines(first: int, reason: str, text: str) -> Iterator[UnreadRow]:
    for number, line in enumerate(lines_of(text), start=first):
        if line:
            yield UnreadRow(number, reason, line)
