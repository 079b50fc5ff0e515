"""Parquet files as chunks of columns with the types that they have there, streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from metrics.definitions.feeds import Feed
from orchestration.ingest.chunk import Chunk
from orchestration.ingest.engine import engine
from orchestration.ingest.faults import FileFault
from orchestration.ingest.header import as_stored, settled_names

_CHUNK_ROWS = 100_000
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
# From 1970 to well beyond the year 9999: no valid value lies further out.
_SECONDS = 300_000_000_000


def read_parquet(path: Path, feed: Feed, known: Iterable[str], note: Callable[[str], None]) -> Iterator[Chunk]:
    """The rows of a Parquet file, numbered from 1.

    Raises FileFault: not a Parquet file, columns that aren't those of the feed.
    """
    if path.stat().st_size == 0:
        raise FileFault("the file is empty (0 bytes)")
    try:
        # Without that unit, a timestamp of the old type INT96 beyond 2262 becomes another one.
        file = pq.ParquetFile(path, coerce_int96_timestamp_unit="us")
    except (pa.ArrowException, OSError):
        raise FileFault("not a Parquet file, or a damaged one") from None
    with file:
        names = settled_names(file.schema_arrow.names, feed, known, note)
        first, declared = 1, as_stored(feed).columns
        for batch in file.iter_batches(batch_size=_CHUNK_ROWS):
            columns = [
                # A declared float keeps its width, which says up to where it is exact.
                column if name in declared and pa.types.is_floating(column.type) else _plain(column)
                for name, column in zip(names, batch.columns, strict=True)
            ]
            rows = pa.table(columns, names=names)
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
        return _within(column, _SECONDS * _PER_SECOND[kind.unit]).cast(
            pa.timestamp("us", "UTC" if kind.tz else None), safe=False
        )
    if pa.types.is_date(kind):
        return column if kind == pa.date32() else _within(column, _SECONDS * 1000).cast(pa.date32(), safe=False)
    if pa.types.is_string(kind) or pa.types.is_boolean(kind) or pa.types.is_decimal128(kind) or kind == pa.int64():
        return column
    cursor = engine()
    cursor.register("one", pa.table({"value": column}))
    expression = "to_json(value)::VARCHAR" if pa.types.is_nested(kind) else "value::VARCHAR"
    return cursor.sql(f"SELECT CASE WHEN value IS NOT NULL THEN {expression} END AS v FROM one").to_arrow_table()[0]


def _within(column: pa.Array, limit: int) -> pa.Array:
    """Times no further from 1970 than that, so that a change of their unit turns none into another valid one."""
    if limit > 2**63 - 1:
        return column
    numbers = column.cast(pa.int64())
    return pc.max_element_wise(pc.min_element_wise(numbers, limit, skip_nulls=False), -limit, skip_nulls=False).cast(
        column.type
    )
