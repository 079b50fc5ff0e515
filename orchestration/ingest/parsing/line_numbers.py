"""Physical line numbers of the rows that pyarrow's CSV reader yields; values may have newlines in them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from orchestration.ingest.parsing.chunk import UnreadRow


class LineNumbers:
    """Counts the lines of a file while a CSV reader reads it.

    Pass `unreadable` as the parser's invalid_row_handler, and each record batch to `of_batch`, in order. The reader
    must keep blank lines as rows (`ignore_empty_lines=False`) and use one thread, without which rows have no number.
    """

    def __init__(self, first_line: int, reason: Callable[[csv.InvalidRow], str]) -> None:
        self._row = 1  # number of the next row as pyarrow counts: readable, blank and unreadable rows
        self._line = first_line
        self._reason = reason
        self._invalid: list[csv.InvalidRow] = []

    def unreadable(self, row: csv.InvalidRow) -> str:
        """pyarrow's invalid_row_handler: records the row and makes the reader go on."""
        self._invalid.append(row)
        return "skip"

    def of_batch(self, batch: pa.RecordBatch) -> tuple[pa.Array, tuple[UnreadRow, ...]]:
        """The line at which each row of the batch begins (int64), and the unreadable rows between these rows."""
        extra = _newlines_in(batch)
        if extra is None and not self._invalid:
            lines = np.arange(self._line, self._line + batch.num_rows, dtype=np.int64)
            self._row += batch.num_rows
            self._line += batch.num_rows
            return pa.array(lines), ()
        return self._among_invalid(batch.num_rows, extra)

    def after_last_batch(self) -> tuple[UnreadRow, ...]:
        """The unreadable rows after the last batch."""
        return self._among_invalid(0, None, last=True)[1]

    def _among_invalid(
        self, readable: int, extra: np.ndarray | None, last: bool = False
    ) -> tuple[pa.Array, tuple[UnreadRow, ...]]:
        # pyarrow reads ahead, so some of the unreadable rows recorded so far may belong to later batches.
        numbers = np.array([row.number for row in self._invalid], dtype=np.int64)
        invalid_count = len(numbers) if last else 0
        while not last:
            end = self._row + readable + invalid_count
            needed_count = int(np.searchsorted(numbers, end, side="left"))
            if needed_count == invalid_count:
                break
            invalid_count = needed_count
        rows = np.arange(self._row, self._row + readable + invalid_count, dtype=np.int64)
        is_invalid = np.isin(rows, numbers[:invalid_count])
        height = np.ones(len(rows), dtype=np.int64)
        if extra is not None:
            height[~is_invalid] += extra
        invalid, self._invalid = self._invalid[:invalid_count], self._invalid[invalid_count:]
        height[is_invalid] += np.array([_newlines(row.text) for row in invalid], dtype=np.int64)
        first_lines = self._line + np.concatenate(([0], np.cumsum(height)))
        self._row += len(rows)
        self._line = int(first_lines[-1])
        unread = tuple(
            UnreadRow(int(line), self._reason(row), row.text)
            for line, row in zip(first_lines[:-1][is_invalid], invalid, strict=True)
        )
        return pa.array(first_lines[:-1][~is_invalid]), unread


def _newlines(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _newlines_in(batch: pa.RecordBatch) -> np.ndarray | None:
    """The number of newlines in the values of each row (CR, LF and CR LF each count as one); None: there are none."""
    total = None
    for column in batch.columns:
        if not _may_hold_newline(column):
            continue
        column = column.fill_null("")
        line_feeds = pc.count_substring(column, "\n").to_numpy(zero_copy_only=False).astype(np.int64)
        carriage_returns = pc.count_substring(column, "\r").to_numpy(zero_copy_only=False)
        both = pc.count_substring(column, "\r\n").to_numpy(zero_copy_only=False)
        count = line_feeds + carriage_returns - both
        total = count if total is None else total + count
    return total


def _may_hold_newline(column: pa.Array) -> bool:
    # A search in the bytes of all values at once is many times quicker than counting value by value.
    values = column.buffers()[2]
    if values is None:
        return False
    content = values.to_pybytes()
    return b"\n" in content or b"\r" in content
