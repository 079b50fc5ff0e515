"""Stores rejected rows on disk until the run commits: there may be too many of them for memory."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = pa.schema(
    [
        ("feed", pa.string()),
        ("source_file", pa.string()),
        ("source_line", pa.int64()),
        ("reason", pa.string()),
        ("row_text", pa.string()),
    ]
)
_FLUSH_ROWS = 20_000


class RejectedRows:
    """Collects rejected rows in a Parquet file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._writer = pq.ParquetWriter(path, SCHEMA)

    def add(self, feed: str, rows: pa.Table) -> None:
        """Adds rows of a feed; `rows` has the columns source_file, source_line, reason and row_text."""
        table = rows.append_column("feed", pa.repeat(feed, rows.num_rows)).select(SCHEMA.names).cast(SCHEMA)
        self._waiting.append(table)
        self._waiting_rows += table.num_rows
        if self._waiting_rows >= _FLUSH_ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting))
        self._waiting, self._waiting_rows = [], 0
