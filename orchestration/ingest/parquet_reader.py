"""Parquet files as chunks of columns with the types that they have there, streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from metrics.feeds import Feed
from orchestration.ingest.chunk import Chunk
from orchestration.ingest.engine import engine
from orchestration.ingest.faults import FileFault
from orchestration.ingest.header import settled_names

_CHUNK_ROWS = 100_000


def read_parquet(path: Path, feed: Feed, known: Iterable[str], note: Callable[[str], None]) -> Iterator[Chunk]:
    """The rows of a Parquet file, numbered from 1.

    Raises FileFault: not a Parquet file, columns that aren't those of the feed.
    """
    if path.stat().st_size == 0:
        raise FileFault("the file is empty (0 bytes)")
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowException as error:
        raise FileFault(f"not a Parquet file: {error}") from error
    with file:
        names = settled_names(file.schema_arrow.names, feed, known, note)
        first = 1
        for batch in file.iter_batches(batch_size=_CHUNK_ROWS):
            rows = pa.table([_plain(column) for column in batch.columns], names=names)
            yield Chunk(rows, pa.array(range(first, first + batch.num_rows), pa.int64()))
            first += batch.num_rows


def _plain(column: pa.Array) -> pa.Array | pa.ChunkedArray:
    """The column in one of few types, so that files that differ in width only fit together."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.dictionary_decode())
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return column.cast(pa.int64())
    if pa.types.is_floating(kind):
        return column.cast(pa.float64())
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us", "UTC" if kind.tz else None), safe=False)
    if pa.types.is_date(kind):
        return column.cast(pa.date32())
    if pa.types.is_string(kind) or pa.types.is_boolean(kind) or pa.types.is_decimal128(kind) or kind == pa.int64():
        return column
    cursor = engine()
    cursor.register("one", pa.table({"value": column}))
    expression = "to_json(value)::VARCHAR" if pa.types.is_nested(kind) else "value::VARCHAR"
    return cursor.sql(f"SELECT CASE WHEN value IS NOT NULL THEN {expression} END AS v FROM one").to_arrow_table()[0]
