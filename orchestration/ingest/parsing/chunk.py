"""What a reader yields: consecutive rows of a file, with their line numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa


@dataclass(frozen=True)
class UnreadRow:
    """A row that can't be parsed. `line` begins at 1; `text` is the row as it is written in the file,
    and empty where it may have values that aren't to be stored.
    """

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows, in the order of the file.

    `rows` has the declared columns under the names that raw stores them by: as text, and for Parquet with their types.
    It may have others, too, which aren't stored.
    `lines` (int64) is the physical line at which each row begins, from 1; in formats without lines, the row's number.
    `unread` are the rows among them that can't be parsed.
    """

    rows: pa.Table
    lines: pa.Array
    unread: tuple[UnreadRow, ...] = field(default=())
