"""Values of a CSV file that swallowed lines of it: `"5 inch` opens a quote that only some later line closes.

Such a row has the right number of fields, so no parser objects. A value over several lines is suspected when its parts
have as many fields as whole lines would have there, these fit the columns that they would be in, and one of them is a
number, a date or the like where such a one is declared: in texts alone, a comma proves nothing (an address has some).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metrics.feeds import Feed
from orchestration.ingest.chunk import Chunk, UnreadRow
from orchestration.ingest.column_values import typed

REASON = 'a value holds whole lines of the file: is there a quote in it that is not doubled ("")?'
_LINE_END = re.compile(r"\r\n|\n|\r")


def lines_of(text: str) -> list[str]:
    """The physical lines of a text."""
    return _LINE_END.split(text)


def swallows_lines(value: str, position: int, names: Sequence[str], feed: Feed) -> bool:
    """Whether the value of the column at that position (from 0) seems to hold lines of a file with those columns."""
    return bool(_are_rows(list(_likely_rows(value, position, names, feed.options.delimiter)), feed).any())


def _likely_rows(value: str, position: int, names: Sequence[str], delimiter: str) -> Iterator[dict[str, str]]:
    """The cells, by column, of each line in the value that has as many fields as a row, and no prose, with its blanks.

    The first and the last line count as one row: the row's own fields after the quote, and those of the last line
    before it.
    """
    others = len(names) - 1
    parts = lines_of(value)
    if not others or len(parts) < 2:
        return
    first, *middle, last = parts
    rows = [(names, line.split(delimiter)) for line in middle if line.count(delimiter) == others]
    if first.count(delimiter) == others - position and last.count(delimiter) == position:
        own, later = first.split(delimiter)[1:], last.split(delimiter)[:-1]
        rows.append(([*names[position + 1 :], *names[:position]], [*own, *later]))
    for columns, cells in rows:
        if any(cells) and not any(cell.startswith(" ") for cell in cells):
            yield dict(zip(columns, cells, strict=True))


def _are_rows(rows: Sequence[Mapping[str, str]], feed: Feed) -> np.ndarray:
    """Which of those cells, by column, fit the declared types, with one at least that is of another type than text."""
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
    return fit & confirmed


def without_swallowing(chunk: Chunk, names: Sequence[str], feed: Feed) -> Chunk:
    """The chunk with rows that swallowed lines as unread ones: each line by itself, as each was a row."""
    suspect = _suspect(chunk, names, feed)
    unread = [part for row in chunk.unread for part in _by_line(row, len(names) - 1, feed.options.delimiter)]
    if not suspect:
        return Chunk(chunk.rows, chunk.lines, tuple(unread))
    for first, values in zip(chunk.lines.take(suspect).to_pylist(), chunk.rows.take(suspect).to_pylist(), strict=True):
        cells = [str(value or "") for value in values.values()]
        unread += _lines(first, REASON, feed.options.delimiter.join(cells))
    keep = np.ones(chunk.rows.num_rows, dtype=bool)
    keep[suspect] = False
    return Chunk(chunk.rows.filter(pa.array(keep)), chunk.lines.filter(pa.array(keep)), tuple(unread))


def _over_several_lines(chunk: Chunk) -> list[int]:
    """Positions of rows that may be longer than a line: those that don't have the next one right below them."""
    lines = chunk.lines.to_numpy(zero_copy_only=False)
    if not len(lines):
        return []
    return [*np.flatnonzero(np.diff(lines) > 1).tolist(), len(lines) - 1]


def _suspect(chunk: Chunk, names: Sequence[str], feed: Feed) -> list[int]:
    """Positions of rows with a value that seems to hold lines of the file."""
    longer = _over_several_lines(chunk)
    likely: list[dict[str, str]] = []
    of_row: list[int] = []
    for position, column in enumerate(chunk.rows.take(longer).columns if longer else ()):
        for row, value in zip(longer, column.to_pylist(), strict=True):
            if value and _LINE_END.search(value):
                found = list(_likely_rows(value, position, names, feed.options.delimiter))
                likely += found
                of_row += [row] * len(found)
    return sorted({of_row[at] for at in np.flatnonzero(_are_rows(likely, feed))})


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
