"""CSV files as chunks of text columns, streamed. Types are given later, over many files at once."""

from __future__ import annotations

import csv as standard_csv
import io
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from metrics.definitions.feeds import Feed
from orchestration.ingest.chunk import Chunk, UnreadRow
from orchestration.ingest.faults import FileFault
from orchestration.ingest.header import LOOK_FOR_HEADER_IN, as_stored, delimiter_hint, header_row_hint, settled_names
from orchestration.ingest.line_numbers import LineNumbers
from orchestration.ingest.quotes import UNCERTAIN, swallows_lines, without_swallowing
from orchestration.ingest.text_stream import BLOCK_BYTES, Lines, Utf8Stream

_HEADER_BYTES = 1 << 20
_NOT_CLOSED = "a quote is opened and not closed"


def read_csv(path: Path, feed: Feed, known: Iterable[str], note: Callable[[str], None]) -> Iterator[Chunk]:
    """The rows of a CSV file. Rows with too few or too many fields are unread ones; blank lines are no rows.

    Raises FileFault: empty file, wrong encoding, columns that aren't those of the feed, a quote never closed.
    """
    if len(feed.options.delimiter) != 1:
        raise FileFault(f"options.delimiter must be one sign, found '{feed.options.delimiter}'")
    stream = Utf8Stream(path, feed.options.encoding)
    lines = Lines(path, feed.options.encoding)
    try:
        found, lines_before = _header(stream, feed)
        names = settled_names(found, feed, known, note)
        noted = False
        for chunk in _rows(stream, names, feed, lines_before):
            kept, doubtful = without_swallowing(_without_blank(chunk), names, as_stored(feed), lines.text)
            if doubtful and not noted:
                note(UNCERTAIN)
                noted = True
            yield kept
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
    """The column names, and how many physical lines the file has before its first row. Moves on to that row."""
    start = stream.peek_text(_HEADER_BYTES)
    if not start:
        raise FileFault("the file is empty (0 bytes)")
    lines = list(islice(io.StringIO(start, newline=""), LOOK_FOR_HEADER_IN + feed.options.header_row + 100))
    skipped = feed.options.header_row - 1
    cells = standard_csv.reader(iter(lines[skipped:]), delimiter=feed.options.delimiter)
    found = [cell.strip() for cell in next(cells, [])]
    taken = skipped + cells.line_num
    required = {*feed.columns, *feed.personal}
    if not required <= set(found):
        try:
            settled_names(found, feed, (), lambda _: None)
        except FileFault as fault:
            first = lines[skipped] if len(lines) > skipped else ""
            rows = standard_csv.reader(iter(lines), delimiter=feed.options.delimiter)
            hint = delimiter_hint(first.strip(), feed) or header_row_hint(rows, feed)
            raise FileFault(f"{fault}{hint}") from None
    for position, name in enumerate(found):
        if swallows_lines(name, position, found, feed):
            raise FileFault(f"the header in line {skipped + 1} opens a quote that a later line closes")
    stream.read(len("".join(lines[:taken]).encode("utf-8")))
    return found, taken


def _rows(stream: Utf8Stream, names: list[str], feed: Feed, lines_before: int) -> Iterator[Chunk]:
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
            check_utf8=False,  # the stream has seen to it
        ),
    )
    # The last rows wait until the file's end is known, as an open quote there spoils them.
    waiting: Chunk | None = None
    for batch in reader:
        lines, unread = numbers.of(batch)
        if waiting:
            yield waiting
        waiting = Chunk(pa.Table.from_batches([batch]), lines, unread)
    rest = numbers.rest()
    if rest and rest[-1].reason == _NOT_CLOSED and "\n" in rest[-1].text.rstrip("\r\n"):
        raise FileFault(f"line {rest[-1].line}: {_NOT_CLOSED} until the end of the file")
    if waiting is None:
        waiting = Chunk(pa.table({name: pa.array([], pa.string()) for name in names}), pa.array([], pa.int64()))
    waiting = Chunk(waiting.rows, waiting.lines, (*waiting.unread, *rest))
    if not rest:
        waiting = _without_open_end(waiting, stream.tail(), feed.options.delimiter)
    yield waiting


def _without_open_end(chunk: Chunk, tail: bytes, delimiter: str) -> Chunk:
    """pyarrow ends an open quote with the file. Such a last row is half a row; over several lines, a faulty file."""
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
    half = UnreadRow(line, _NOT_CLOSED, delimiter.join(str(one or "") for one in last.values()))
    return Chunk(chunk.rows.slice(0, chunk.rows.num_rows - 1), chunk.lines[:-1], (*chunk.unread, half))


def _ends_in_field(text: str, field: str, delimiter: str) -> bool:
    before = text.removesuffix(field)
    return before != text and (before == "" or before.endswith((delimiter, "\n", "\r")))


def _without_blank(chunk: Chunk) -> Chunk:
    """Drops rows in which every field is empty: blank lines, which pyarrow was told to keep for the line count."""
    blank: pa.ChunkedArray | None = None
    for column in chunk.rows.columns:
        empty = pc.equal(pc.fill_null(column, ""), "")
        blank = empty if blank is None else pc.and_(blank, empty)
        if not pc.any(blank).as_py():
            return chunk
    keep = pc.invert(blank)
    return Chunk(chunk.rows.filter(keep), chunk.lines.filter(keep.combine_chunks()), chunk.unread)
