"""JSON-lines files as chunks of text columns, streamed; DuckDB takes the objects apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from metrics.definitions.feeds import Feed
from orchestration.ingest.chunk import Chunk, UnreadRow
from orchestration.ingest.engine import engine
from orchestration.ingest.faults import FileFault
from orchestration.ingest.header import required_columns, settled_names
from orchestration.ingest.line_numbers import LineNumbers
from orchestration.ingest.text_stream import BLOCK_BYTES, Utf8Stream

_NOT_JSON = "the line is not a JSON object"
# A control character can't stand in valid JSON unescaped, so no good line is split at it.
_NO_DELIMITER = "\x1f"


def read_jsonl(path: Path, feed: Feed, known: Iterable[str], note: Callable[[str], None]) -> Iterator[Chunk]:
    """The objects of a JSON-lines file; nested values stay JSON text. Lines that are no JSON objects are unread rows.

    A key that only some objects have is NULL in the others.
    Raises FileFault: empty file, wrong encoding, a required key that no object has.
    """
    stream = Utf8Stream(path, feed.options.encoding)
    seen: dict[str, None] = {}
    told: set[str] = set()

    def note_once(text: str) -> None:
        if text not in told:
            told.add(text)
            note(text)

    try:
        if not stream.peek_text(8):
            raise FileFault("the file is empty (0 bytes)")
        objects = False
        for lines, numbers, unread in _lines(stream):
            chunk, keys = _objects(lines, numbers, unread, feed, list(known), note_once)
            objects = objects or chunk.rows.num_rows > 0
            seen.update(dict.fromkeys(keys))
            yield chunk
        if objects:
            _require(feed, seen)
    except pa.ArrowException as error:
        if stream.fault:
            raise stream.fault from None
        if "straddling" in str(error):
            raise FileFault(f"a line is longer than {BLOCK_BYTES >> 20} MB") from None
        raise
    finally:
        stream.close()


def _require(feed: Feed, seen: dict[str, None]) -> None:
    if missing := [name for name in required_columns(feed) if name not in seen]:
        settled_names(list(seen), feed, (), lambda _: None)
        raise FileFault(f"no object has the key '{missing[0]}'")


def _lines(stream: Utf8Stream) -> Iterator[tuple[pa.Array, pa.Array, tuple[UnreadRow, ...]]]:
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
        numbers, unread = line_numbers.of(batch)
        yield batch.column(0), numbers, unread
    if rest := line_numbers.rest():
        yield pa.array([], pa.string()), pa.array([], pa.int64()), rest


def _objects(
    lines: pa.Array,
    numbers: pa.Array,
    unread: tuple[UnreadRow, ...],
    feed: Feed,
    known: list[str],
    note: Callable[[str], None],
) -> tuple[Chunk, list[str]]:
    filled = pc.not_equal(pc.utf8_trim_whitespace(lines), "")
    lines, numbers = lines.filter(filled), numbers.filter(filled)
    cursor = engine()
    cursor.register("lines", pa.table({"line": lines}))
    good = cursor.sql("SELECT coalesce(json_type(try_cast(line AS JSON)) = 'OBJECT', false) AS good FROM lines")
    is_good = good.to_arrow_table().column("good").combine_chunks()
    if not pc.all(is_good).as_py():
        is_bad = pc.invert(is_good)
        bad = zip(numbers.filter(is_bad).to_pylist(), lines.filter(is_bad).to_pylist(), strict=True)
        unread += tuple(UnreadRow(number, _NOT_JSON, line) for number, line in bad)
        lines, numbers = lines.filter(is_good), numbers.filter(is_good)
    cursor.register("lines", pa.table({"line": lines}))
    there = {key for (key,) in cursor.sql("SELECT DISTINCT unnest(json_keys(line)) FROM lines").fetchall()}
    # A required key that this stretch happens to lack is no fault: the whole file is judged at its end.
    required = required_columns(feed)
    keys = [name for name in required if name in there] + sorted(there - set(required))
    lacking = [name for name in required if name not in there]
    names = settled_names([*keys, *lacking], feed, known, note)
    columns: list[pa.ChunkedArray | pa.Array] = []
    if keys:
        pointers = ["/" + key.replace("~", "~0").replace("/", "~1") for key in keys]
        picked = ", ".join(f"v[{number}]" for number in range(1, len(keys) + 1))
        query = f"SELECT {picked} FROM (SELECT json_extract_string(line, $pointers) AS v FROM lines)"
        columns = cursor.execute(query, {"pointers": pointers}).to_arrow_table().columns
        columns = [_with_nulls(column, feed.options.null_values) for column in columns]
    columns += [pa.nulls(len(lines), pa.string()) for _ in lacking]
    return Chunk(pa.table(columns, names=names), numbers, unread), keys


def _with_nulls(column: pa.ChunkedArray, null_values: tuple[str, ...]) -> pa.ChunkedArray:
    is_null = pc.is_in(column, value_set=pa.array(null_values, pa.string()))
    return pc.if_else(is_null, pa.scalar(None, pa.string()), column)
