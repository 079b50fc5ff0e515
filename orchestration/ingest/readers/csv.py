"""Reads CSV files, streamed, as chunks of text columns. Values are converted to their types later, in large batches."""

from __future__ import annotations

import csv as standard_csv
import io
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from metrics.definitions.feeds import Feed
from orchestration.ingest.faults import FileFault
from orchestration.ingest.parsing.chunk import Chunk, UnreadRow
from orchestration.ingest.parsing.header import (
    LOOK_FOR_HEADER_IN,
    delimiter_hint,
    header_row_hint,
    names_in_raw,
    with_raw_names,
)
from orchestration.ingest.parsing.line_numbers import LineNumbers
from orchestration.ingest.parsing.quotes import UNCERTAIN, holds_lines, without_merged_rows
from orchestration.ingest.parsing.text_stream import BLOCK_BYTES, Lines, Utf8Stream

EXTENSIONS = (".csv", ".csv.gz", ".txt", ".txt.gz", ".tsv", ".tsv.gz")
_HEADER_BYTES = 1 << 20
_NOT_CLOSED = "a quote is opened and not closed"


def read(path: Path, feed: Feed, note: Callable[[str], None]) -> Iterator[Chunk]:
    """The rows of a CSV file, in chunks. Blank lines are skipped.

    A row with too few or too many fields is not loaded but reported as unread. So are rows that a stray quote has
    merged into one; where that is uncertain, `note` is called once.
    Raises FileFault for an empty file, a wrong encoding or delimiter, missing columns, or a quote that is never closed.
    """
    if len(feed.options.delimiter) != 1:
        raise FileFault(f"options.delimiter must be one character, found '{feed.options.delimiter}'")
    stream = Utf8Stream(path, feed.options.encoding)
    lines = Lines(path, feed.options.encoding)
    try:
        header, lines_before = _header(stream, feed)
        names = names_in_raw(header, feed, note)
        is_noted = False
        for raw_chunk in _rows(stream, names, feed, lines_before):
            chunk, is_uncertain = without_merged_rows(
                _without_blank(raw_chunk), names, with_raw_names(feed), lines.text
            )
            if is_uncertain and not is_noted:
                note(UNCERTAIN)
                is_noted = True
            yield chunk
    except pa.ArrowException as error:
        if stream.fault:
            raise stream.fault from None
        if "straddling" in str(error):
            message = f"a row is longer than {BLOCK_BYTES >> 20} MB: is a quote opened and never closed?"
            raise FileFault(message) from None
        raise
    finally:
        stream.close()
        lines.close()


def _header(stream: Utf8Stream, feed: Feed) -> tuple[list[str], int]:
    """The column names, and the number of physical lines before the first row. Moves the stream to that row."""
    start = stream.peek_text(_HEADER_BYTES)
    if not start:
        raise FileFault("the file is empty (0 bytes)")
    lines = list(islice(io.StringIO(start, newline=""), LOOK_FOR_HEADER_IN + feed.options.header_row + 100))
    skipped = feed.options.header_row - 1
    cells = standard_csv.reader(iter(lines[skipped:]), delimiter=feed.options.delimiter)
    header = [cell.strip() for cell in next(cells, [])]
    header_lines = skipped + cells.line_num
    required = {*feed.columns, *feed.personal}
    if not required <= set(header):
        try:
            names_in_raw(header, feed, lambda _: None)
        except FileFault as fault:
            first = lines[skipped] if len(lines) > skipped else ""
            rows = standard_csv.reader(iter(lines), delimiter=feed.options.delimiter)
            hint = delimiter_hint(first.strip(), feed) or header_row_hint(rows, feed)
            raise FileFault(f"{fault}{hint}") from None
    for position, name in enumerate(header):
        if holds_lines(name, position, header, feed):
            raise FileFault(f"the header in line {skipped + 1} opens a quote that a later line closes")
    stream.read(len("".join(lines[:header_lines]).encode("utf-8")))
    return header, header_lines


def _rows(stream: Utf8Stream, names: list[str], feed: Feed, lines_before: int) -> Iterator[Chunk]:
    """The rows of the file's text, in chunks, with their line numbers."""
    if not stream.peek_text(8):
        return
    expected = len(names)

    def reason(row: csv.InvalidRow) -> str:
        if row.text.count('"') % 2:
            return _NOT_CLOSED
        return f"the row has {row.actual_columns} fields, the header has {expected}"

    numbers = LineNumbers(lines_before + 1, reason)
    reader = csv.open_csv(
        pa.PythonFile(stream, mode="r"),
        read_options=csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=names),
        parse_options=csv.ParseOptions(
            delimiter=feed.options.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=numbers.unreadable,
        ),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=list(feed.options.null_values),
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            check_utf8=False,  # the stream has checked it
        ),
    )
    # The last chunk is kept back until the end of the file is known, because an open quote there makes its last row
    # unreadable.
    last_chunk: Chunk | None = None
    for batch in reader:
        lines, unread = numbers.of_batch(batch)
        if last_chunk:
            yield last_chunk
        last_chunk = Chunk(pa.Table.from_batches([batch]), lines, unread)
    rest = numbers.after_last_batch()
    if rest and rest[-1].reason == _NOT_CLOSED and "\n" in rest[-1].text.rstrip("\r\n"):
        raise FileFault(f"line {rest[-1].line}: {_NOT_CLOSED} until the end of the file")
    if last_chunk is None:
        last_chunk = Chunk(pa.table({name: pa.array([], pa.string()) for name in names}), pa.array([], pa.int64()))
    last_chunk = Chunk(last_chunk.rows, last_chunk.lines, (*last_chunk.unread, *rest))
    if not rest:
        last_chunk = _without_open_end(last_chunk, stream.tail(), feed.options.delimiter)
    yield last_chunk


def _without_open_end(chunk: Chunk, tail: bytes, delimiter: str) -> Chunk:
    """The chunk without a last row whose quote is never closed: pyarrow closes an open quote at the end of the file.

    Raises FileFault where that row covers several lines, because good rows may have become part of it.
    """
    if not chunk.rows.num_rows:
        return chunk
    value = chunk.rows.column(chunk.rows.num_columns - 1)[-1].as_py() or ""
    opened = '"' + value.replace('"', '""')
    end = tail.decode("utf-8", errors="ignore")
    closed = any(_ends_in_field(end, f'{opened}"{newline}', delimiter) for newline in ("", "\n", "\r\n", "\r"))
    if closed or not _ends_in_field(end, opened, delimiter):
        return chunk
    line = chunk.lines[-1].as_py()
    if "\n" in value.rstrip("\r\n"):
        raise FileFault(f"line {line}: {_NOT_CLOSED} until the end of the file")
    last = chunk.rows.slice(chunk.rows.num_rows - 1).to_pylist()[0]
    unfinished_row = UnreadRow(line, _NOT_CLOSED, delimiter.join(str(cell or "") for cell in last.values()))
    return Chunk(chunk.rows.slice(0, chunk.rows.num_rows - 1), chunk.lines[:-1], (*chunk.unread, unfinished_row))


def _ends_in_field(text: str, field: str, delimiter: str) -> bool:
    before = text.removesuffix(field)
    return before != text and (before == "" or before.endswith((delimiter, "\n", "\r")))


def _without_blank(chunk: Chunk) -> Chunk:
    """The chunk without rows whose fields are all empty: blank lines, which pyarrow keeps for the line count."""
    blank: pa.ChunkedArray | None = None
    for column in chunk.rows.columns:
        empty = pc.equal(pc.fill_null(column, ""), "")
        blank = empty if blank is None else pc.and_(blank, empty)
        if not pc.any(blank).as_py():
            return chunk
    keep = pc.invert(blank)
    return Chunk(chunk.rows.filter(keep), chunk.lines.filter(keep.combine_chunks()), chunk.unread)
