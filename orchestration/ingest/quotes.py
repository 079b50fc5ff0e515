"""Values of a CSV file that swallowed lines of it: `"5 inch` opens a quote that only some later line closes.

Such a row has the right number of fields, so no parser objects. A value over several lines is suspected when its parts
have as many fields as whole lines would have there, and these fit the columns that they would be in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

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
    delimiter, others = feed.options.delimiter, len(names) - 1
    parts = lines_of(value)
    if not others or len(parts) < 2:
        return False
    first, *middle, last = parts
    if any(line.count(delimiter) == others and _fits(names, line.split(delimiter), feed) for line in middle):
        return True
    if first.count(delimiter) != others - position or last.count(delimiter) != position:
        return False
    # The row's own fields after the quote, and those of the last line before it.
    own, later = first.split(delimiter)[1:], last.split(delimiter)[:-1]
    return _fits([*names[position + 1 :], *names[:position]], [*own, *later], feed)


def _fits(names: Sequence[str], cells: Sequence[str], feed: Feed) -> bool:
    """Whether the cells could be values of those columns: of the declared types, and no prose, with its blanks."""
    if not any(cells) or any(cell.startswith(" ") for cell in cells):
        return False
    for name, cell in zip(names, cells, strict=True):
        declared = feed.columns.get(name)
        if declared is None or declared.type == "text" or cell in feed.options.null_values:
            continue
        if typed(pa.chunked_array([[cell]]), declared)[1] is not None:
            return False
    return True


def without_swallowing(chunk: Chunk, names: Sequence[str], feed: Feed) -> Chunk:
    """The chunk with rows that swallowed lines as unread ones: each line by itself, as each was a row."""
    suspect = [row for row in _over_several_lines(chunk) if _is_suspect(chunk, row, names, feed)]
    unread = tuple(part for row in chunk.unread for part in _by_line(row, len(names) - 1, feed.options.delimiter))
    if not suspect:
        return Chunk(chunk.rows, chunk.lines, unread)
    for row in suspect:
        cells = [str(value or "") for value in chunk.rows.slice(row, 1).to_pylist()[0].values()]
        unread += tuple(_lines(chunk.lines[row].as_py(), REASON, feed.options.delimiter.join(cells)))
    keep = np.ones(chunk.rows.num_rows, dtype=bool)
    keep[suspect] = False
    return Chunk(chunk.rows.filter(pa.array(keep)), chunk.lines.filter(pa.array(keep)), unread)


def _over_several_lines(chunk: Chunk) -> list[int]:
    """Positions of rows that may be longer than a line: those that don't have the next one right below them."""
    lines = chunk.lines.to_numpy(zero_copy_only=False)
    if not len(lines):
        return []
    return [*np.flatnonzero(np.diff(lines) > 1).tolist(), len(lines) - 1]


def _is_suspect(chunk: Chunk, row: int, names: Sequence[str], feed: Feed) -> bool:
    values = [column[row].as_py() for column in chunk.rows.columns]
    return any(
        swallows_lines(value, position, names, feed)
        for position, value in enumerate(values)
        if value and _LINE_END.search(value)
    )


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
