"""Finds rows of a CSV file into which a quote that isn't doubled has merged further rows.

`"5 inch` opens a quote that only some later line closes. The merged row has the right number of fields, so no parser
objects. A value over several lines is regarded as merged rows in two cases:
- There is text after its closing quote. This happens if a line inside the value has a quoted field.
- Its lines have as many fields as rows of the file, the fields fit the declared types of their columns, and at least
  one of these types is not text.
If all columns are text, commas prove nothing (an address has commas): a note says that rows may be missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metrics.definitions.feeds import Feed
from orchestration.ingest.column_values import to_declared_type
from orchestration.ingest.parsing.chunk import Chunk, UnreadRow

REASON = 'a value holds whole lines of the file: is there a quote in it that is not doubled ("")?'
NOT_DOUBLED = 'text stands after the closing quote of a value over several lines: is a quote in it not doubled ("")?'
UNCERTAIN = (
    "a value over several lines may hold whole rows, which its text doesn't show for certain: is a quote in it not"
    ' doubled ("")?'
)
_LINE_END = re.compile(r"\r\n|\n|\r")
FileLines = Callable[
    [int, int], str
]  # (first, count): the text of `count` physical lines of the file from line `first`


def lines_of(text: str) -> list[str]:
    """The physical lines of a text."""
    return _LINE_END.split(text)


def holds_lines(name: str, position: int, header: Sequence[str], feed: Feed) -> bool:
    """Whether the column name at `position` (from 0) of the header seems to hold rows of a file with these columns."""
    possible_rows = list(_possible_rows(name, position, header, feed.options.delimiter, spaced=True))
    return bool((_certainty(possible_rows, feed) == _CERTAIN).any())


class _PossibleRow(NamedTuple):
    """The cells, by column, of text that may be a row; `is_exact`: it has exactly as many fields as a row."""

    cells: dict[str, str]
    is_exact: bool = True


def _possible_rows(
    value: str, position: int, names: Sequence[str], delimiter: str, *, spaced: bool
) -> Iterator[_PossibleRow]:
    """Each line in the value of column `position` that has as many fields as a row and isn't prose.

    The first and the last line together count as one row: the first has the row's own fields after the quote, the last
    has the fields before it. More delimiters than that may be in the value itself. A field that begins with a blank
    means prose, except where the file writes blanks after its delimiters (`spaced`).
    """
    delimiter_count = len(names) - 1
    lines = lines_of(value)
    if len(lines) < 2:
        return
    first, *middle, last = lines
    rows = [(names, line.split(delimiter), True) for line in middle if line.count(delimiter) == delimiter_count]
    extra_in_first = first.count(delimiter) - (delimiter_count - position)
    extra_in_last = last.count(delimiter) - position
    if extra_in_first >= 0 and extra_in_last >= 0:
        fields_after, fields_before = first.split(delimiter)[1 + extra_in_first :], last.split(delimiter)[:position]
        is_exact = extra_in_first == extra_in_last == 0
        rows.append(([*names[position + 1 :], *names[:position]], [*fields_after, *fields_before], is_exact))
    for columns, cells, is_exact in rows:
        if (any(cells) or not delimiter_count) and (spaced or not any(cell.startswith(" ") for cell in cells)):
            yield _PossibleRow(dict(zip(columns, cells, strict=True)), is_exact)


_NOT, _PERHAPS, _CERTAIN = 0, 1, 2


def _certainty(possible_rows: Sequence[_PossibleRow], feed: Feed) -> np.ndarray:
    """For each possible row whether it is one.

    _CERTAIN: the cells fit the declared types, and at least one of these is not text. _PERHAPS: the cells fit, but all
    are text or there are more fields than a row has. _NOT: a cell doesn't fit.
    """
    rows = [possible_row.cells for possible_row in possible_rows]
    is_exact = np.array([possible_row.is_exact for possible_row in possible_rows], dtype=bool)
    fits, confirmed = np.ones(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    for name, declared in feed.columns.items():
        if declared.type == "text":
            continue
        filled = [place for place, row in enumerate(rows) if name in row and row[name] not in feed.options.null_values]
        if filled:
            texts = pa.chunked_array([[rows[place][name] for place in filled]], pa.string())
            values, is_unreadable = to_declared_type(texts, declared)
            confirmed[filled] |= pc.is_valid(values).to_numpy()
            if is_unreadable is not None:
                fits[filled] &= ~is_unreadable.to_numpy()
    return np.select([fits & confirmed & is_exact, fits & (confirmed | is_exact)], [_CERTAIN, _PERHAPS], _NOT)


def without_merged_rows(chunk: Chunk, names: Sequence[str], feed: Feed, file_lines: FileLines) -> tuple[Chunk, bool]:
    """The chunk with each merged row replaced by unread rows, one for each of its lines.

    The second result is whether further rows may be merged ones. `file_lines` gives lines of the chunk's file.
    """
    delimiter = feed.options.delimiter
    unread = [part for row in chunk.unread for part in _by_line(row, len(names) - 1, delimiter)]
    reasons: dict[int, str] = {}  # why a row is a merged one, by its place in the chunk
    possible_rows: list[_PossibleRow] = []
    places: list[int] = []  # for each possible row the place of the row that holds it
    texts: dict[int, tuple[int, str]] = {}  # by place, the row's first line and its text in the file
    candidates = pa.array(_over_several_lines(chunk), pa.int64())
    well_formed = _well_formed(delimiter)
    for place, first_line, row in zip(
        candidates.to_pylist(),
        chunk.lines.take(candidates).to_pylist(),
        _values(chunk.rows.take(candidates)),
        strict=True,
    ):
        breaks = sum(len(_LINE_END.findall(value)) for value in row)
        if not breaks:
            continue
        text = file_lines(first_line, breaks + 1).rstrip("\r\n")
        texts[place] = first_line, text
        if well_formed.fullmatch(text) is None:
            reasons[place] = NOT_DOUBLED
        for position, value in enumerate(row):
            if _LINE_END.search(value):
                spaced = any(cell.startswith(" ") for cell in [*row[:position], *row[position + 1 :]])
                in_value = list(_possible_rows(value, position, names, delimiter, spaced=spaced))
                possible_rows += in_value
                places += [place] * len(in_value)
    certainty = _certainty(possible_rows, feed)
    reasons |= {places[number]: REASON for number in np.flatnonzero(certainty == _CERTAIN)}
    is_uncertain = any(places[number] not in reasons for number in np.flatnonzero(certainty == _PERHAPS))
    for place in sorted(reasons):
        first_line, text = texts[place]
        unread += _lines(first_line, reasons[place], text)
    rows, lines = chunk.rows, chunk.lines
    if reasons:
        is_single = np.ones(rows.num_rows, dtype=bool)
        is_single[list(reasons)] = False
        rows, lines = rows.filter(pa.array(is_single)), lines.filter(pa.array(is_single))
    return Chunk(rows, lines, tuple(unread)), is_uncertain


def _values(rows: pa.Table) -> Iterator[list[str]]:
    """The cells of each row, by position; a missing value is an empty text."""
    for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        yield [value or "" for value in row]


def _well_formed(delimiter: str) -> re.Pattern[str]:
    """Matches a row's text if each quote that opens a field is closed at its end, and quotes in it are doubled."""
    sign = re.escape(delimiter)
    field = rf'(?:"(?:[^"]|"")*+"|(?!")[^{sign}\r\n]*+)'
    return re.compile(f"{field}(?:{sign}{field})*+")


def _over_several_lines(chunk: Chunk) -> list[int]:
    """Places of rows that may have several lines: the next row doesn't begin on the next line, or there is none."""
    lines = chunk.lines.to_numpy(zero_copy_only=False)
    if not len(lines):
        return []
    return [*np.flatnonzero(np.diff(lines) > 1).tolist(), len(lines) - 1]


def _by_line(row: UnreadRow, delimiter_count: int, delimiter: str) -> Iterator[UnreadRow]:
    """The unread row, or one for each of its lines where a line after the first has at least a row's delimiters."""
    text = row.text.rstrip("\r\n")
    if any(line.count(delimiter) >= max(delimiter_count, 1) for line in lines_of(text)[1:]):
        yield from _lines(row.line, row.reason, text)
    else:
        yield row


def _lines(first: int, reason: str, text: str) -> Iterator[UnreadRow]:
    for number, line in enumerate(lines_of(text), start=first):
        if line:
            yield UnreadRow(number, reason, line)
