"""Reads JSON-lines files, streamed, as chunks of text columns. DuckDB parses the objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from metrics.definitions.feeds import Feed
from orchestration.ingest.faults import FileFault
from orchestration.ingest.parsing.chunk import Chunk, UnreadRow
from orchestration.ingest.parsing.duckdb_cursor import duckdb_cursor
from orchestration.ingest.parsing.header import names_in_raw, required_columns
from orchestration.ingest.parsing.line_numbers import LineNumbers
from orchestration.ingest.parsing.text_stream import BLOCK_BYTES, Utf8Stream

EXTENSIONS = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz")
_NOT_JSON = "the line is not a JSON object"
# Valid JSON has no unescaped control characters, so no valid line is split at this one.
_NO_DELIMITER = "\x1f"


def read(path: Path, feed: Feed, note: Callable[[str], None]) -> Iterator[Chunk]:
    """The objects of a JSON-lines file; nested values stay JSON text. A line that is no JSON object is an unread row.

    A key that only some objects have is NULL in the others.
    Raises FileFault for an empty file, a wrong encoding, or a required key that no object has.
    """
    stream = Utf8Stream(path, feed.options.encoding)
    keys_seen: dict[str, None] = {}
    noted: set[str] = set()

    def note_once(text: str) -> None:
        if text not in noted:
            noted.add(text)
            note(text)

    try:
        if not stream.peek_text(8):
            raise FileFault("the file is empty (0 bytes)")
        has_objects = False
        for lines, numbers, unread in _lines(stream):
            chunk, keys = _objects(lines, numbers, unread, feed, note_once)
            has_objects = has_objects or chunk.rows.num_rows > 0
            keys_seen.update(dict.fromkeys(keys))
            yield chunk
        if has_objects:
            _require(feed, keys_seen)
    except pa.ArrowException as error:
        if stream.fault:
            raise stream.fault from None
        if "straddling" in str(error):
            raise FileFault(f"a line is longer than {BLOCK_BYTES >> 20} MB") from None
        raise
    finally:
        stream.close()


def _require(feed: Feed, keys_seen: dict[str, None]) -> None:
    """Raises FileFault when a required key is in no object of the file."""
    if missing := [name for name in required_columns(feed) if name not in keys_seen]:
        names_in_raw(list(keys_seen), feed, lambda _: None)
        raise FileFault(f"no object has the key '{missing[0]}'")


def _lines(stream: Utf8Stream) -> Iterator[tuple[pa.Array, pa.Array, tuple[UnreadRow, ...]]]:
    """The file's lines in blocks: their texts, their line numbers, and the lines that pyarrow can't split."""
    line_numbers = LineNumbers(1, lambda row: _NOT_JSON)
    reader = csv.open_csv(
        pa.PythonFile(stream, mode="r"),
        read_options=csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=["line"]),
        parse_options=csv.ParseOptions(
            delimiter=_NO_DELIMITER,
            quote_char=False,
            ignore_empty_lines=False,
            invalid_row_handler=line_numbers.unreadable,
        ),
        convert_options=csv.ConvertOptions(column_types={"line": pa.string()}, check_utf8=False),
    )
    for batch in reader:
        numbers, unread = line_numbers.of_batch(batch)
        yield batch.column(0), numbers, unread
    if rest := line_numbers.after_last_batch():
        yield pa.array([], pa.string()), pa.array([], pa.int64()), rest


def _objects(
    lines: pa.Array,
    numbers: pa.Array,
    unread: tuple[UnreadRow, ...],
    feed: Feed,
    note: Callable[[str], None],
) -> tuple[Chunk, list[str]]:
    """The objects in a block of lines, with the declared columns, and all keys that they have, required ones first."""
    is_filled = pc.not_equal(pc.utf8_trim_whitespace(lines), "")
    lines, numbers = lines.filter(is_filled), numbers.filter(is_filled)
    cursor = duckdb_cursor()
    cursor.register("lines", pa.table({"line": lines}))
    query = "SELECT coalesce(json_type(try_cast(line AS JSON)) = 'OBJECT', false) AS is_object FROM lines"
    is_object = cursor.sql(query).to_arrow_table().column("is_object").combine_chunks()
    required = required_columns(feed)
    objects = lines.filter(is_object)
    cursor.register("lines", pa.table({"line": objects}))
    keys_present = {key for (key,) in cursor.sql("SELECT DISTINCT unnest(json_keys(line)) FROM lines").fetchall()}
    if not pc.all(is_object).as_py():
        is_no_object = pc.invert(is_object)
        # The text isn't kept: a line that is no object may have any keys.
        unread += tuple(UnreadRow(number, _NOT_JSON, "") for number in numbers.filter(is_no_object).to_pylist())
    lines, numbers = objects, numbers.filter(is_object)
    # A required key that is missing in this chunk is no fault: the keys are checked at the end of the file.
    keys = [name for name in required if name in keys_present]
    keys_missing = [name for name in required if name not in keys_present]
    names = names_in_raw([*keys, *keys_missing], feed, note)
    columns: list[pa.ChunkedArray | pa.Array] = []
    if keys:
        pointers = ["/" + key.replace("~", "~0").replace("/", "~1") for key in keys]
        picked = ", ".join(f"v[{number}]" for number in range(1, len(keys) + 1))
        query = f"SELECT {picked} FROM (SELECT json_extract_string(line, $pointers) AS v FROM lines)"
        columns = cursor.execute(query, {"pointers": pointers}).to_arrow_table().columns
        columns = [_with_nulls(column, feed.options.null_values) for column in columns]
    columns += [pa.nulls(len(lines), pa.string()) for _ in keys_missing]
    all_keys = keys + sorted(keys_present - set(required))
    return Chunk(pa.table(columns, names=names), numbers, unread), all_keys


def _with_nulls(column: pa.ChunkedArray, null_values: tuple[str, ...]) -> pa.ChunkedArray:
    is_null = pc.is_in(column, value_set=pa.array(null_values, pa.string()))
    return pc.if_else(is_null, pa.scalar(None, pa.string()), column)
