"""Reads Parquet files, streamed, as chunks of typed columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from metrics.definitions.feeds import Feed
from orchestration.ingest.faults import FileFault
from orchestration.ingest.parsing.chunk import Chunk
from orchestration.ingest.parsing.duckdb_cursor import duckdb_cursor
from orchestration.ingest.parsing.header import names_in_raw, with_raw_names

EXTENSIONS = (".parquet",)
_CHUNK_ROWS = 100_000
_UNITS_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
# Seconds from 1970 to a time well after the year 9999: no valid timestamp is further from 1970, in either direction.
_LIMIT_SECONDS = 300_000_000_000


def read(path: Path, feed: Feed, note: Callable[[str], None]) -> Iterator[Chunk]:
    """The rows of a Parquet file, numbered from 1.

    Raises FileFault for an empty file, a file that is not Parquet or is damaged, or missing columns.
    """
    if path.stat().st_size == 0:
        raise FileFault("the file is empty (0 bytes)")
    try:
        # Without this unit, a timestamp of the old type INT96 after the year 2262 is read as another timestamp.
        file = pq.ParquetFile(path, coerce_int96_timestamp_unit="us")
    except (pa.ArrowException, OSError):
        raise FileFault("not a Parquet file, or a damaged one") from None
    with file:
        names = names_in_raw(file.schema_arrow.names, feed, note)
        first, declared = 1, with_raw_names(feed)
        places = [place for place, name in enumerate(names) if name in declared.columns or name in declared.personal]
        for batch in file.iter_batches(batch_size=_CHUNK_ROWS):
            # A float keeps its width: the width decides up to which size whole numbers are exact.
            columns = [
                column if pa.types.is_floating(column.type) else _plain(column) for column in map(batch.column, places)
            ]
            rows = pa.table(columns, names=[names[place] for place in places])
            yield Chunk(rows, pa.array(range(first, first + batch.num_rows), pa.int64()))
            first += batch.num_rows


def _plain(column: pa.Array) -> pa.Array | pa.ChunkedArray:
    """The column in one of a few types, so that files whose columns differ only in width fit into one table."""
    data_type = column.type
    if pa.types.is_dictionary(data_type):
        return _plain(column.dictionary_decode())
    if pa.types.is_large_string(data_type) or pa.types.is_string_view(data_type) or pa.types.is_null(data_type):
        return column.cast(pa.string())
    if pa.types.is_integer(data_type) and data_type != pa.uint64():
        return column.cast(pa.int64())
    if pa.types.is_timestamp(data_type):
        return _clamped(column, _LIMIT_SECONDS * _UNITS_PER_SECOND[data_type.unit]).cast(
            pa.timestamp("us", "UTC" if data_type.tz else None), safe=False
        )
    if pa.types.is_date(data_type):
        milliseconds = _LIMIT_SECONDS * 1000
        return column if data_type == pa.date32() else _clamped(column, milliseconds).cast(pa.date32(), safe=False)
    if (
        pa.types.is_string(data_type)
        or pa.types.is_boolean(data_type)
        or pa.types.is_decimal128(data_type)
        or data_type == pa.int64()
    ):
        return column
    cursor = duckdb_cursor()
    cursor.register("input", pa.table({"value": column}))
    expression = "to_json(value)::VARCHAR" if pa.types.is_nested(data_type) else "value::VARCHAR"
    return cursor.sql(f"SELECT CASE WHEN value IS NOT NULL THEN {expression} END AS v FROM input").to_arrow_table()[0]


def _clamped(column: pa.Array, limit: int) -> pa.Array:
    """Times limited to -limit … limit around 1970, in the column's unit.

    Otherwise an overflow at the change of the unit could turn an invalid time into a valid one.
    """
    if limit > 2**63 - 1:
        return column
    numbers = column.cast(pa.int64())
    return pc.max_element_wise(pc.min_element_wise(numbers, limit, skip_nulls=False), -limit, skip_nulls=False).cast(
        column.type
    )
