"""What a reader hands on: a stretch of a file's rows, with their line numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa


@dataclass(frozen=True)
class UnreadRow:
    """A row that the file's format can't make sense of. `line` is 1-based; `text` is the row as it stands there."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Chunk:
    """Rows in the order of the file.

    `rows` holds text columns as they stand in the file (typed ones for Parquet), under their source names;
    `lines` is the 1-based physical line (row, for formats without lines) at which each row begins.
    """

    rows: pa.Table
    lines: pa.Array
    unread: tuple[UnreadRow, ...] = field(default=())
