"""Reads the files of one feed: combines chunks into batches, converts types, handles personal columns, counts rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from metrics.definitions.feeds import ColumnType, Feed
from orchestration.ingest.column_values import ARROW_TYPES, to_declared_type, type_in_words
from orchestration.ingest.faults import FileFault, Retracted
from orchestration.ingest.parsing.chunk import Chunk
from orchestration.ingest.parsing.header import with_raw_names
from orchestration.ingest.personal import PseudonymKey
from orchestration.ingest.raw.rejected_rows import RejectedRows
from orchestration.ingest.readers import reader
from orchestration.ingest.sources.files import Delivery, library_errors_as_faults

BATCH_ROWS = 100_000
_HASHED = ColumnType(type="text")  # a person's pseudonym must not depend on the type of the file's column


@dataclass
class Outcome:
    """The result of reading one file.

    `rows` and `rejected_rows` are counts; `first_reason` says why the first rejected row was rejected. `problem` says
    why no row of the file is loaded; `same_as` names a loaded file with the same content, for which this one is left
    out. `notes` are messages for the feed's report.
    """

    rows: int = 0
    rejected_rows: int = 0
    problem: str | None = None
    same_as: str | None = None
    first_reason: str | None = None
    notes: list[str] = field(default_factory=list)


def stored_columns(feed: Feed) -> dict[str, pa.DataType]:
    """The columns that raw stores, with their types: the declared ones without dropped ones; hashed ones are text."""
    feed = with_raw_names(feed)
    declared = {name: ARROW_TYPES[column.type] for name, column in feed.columns.items()}
    hashed = {name: pa.string() for name, treatment in feed.personal.items() if treatment == "hash"}
    return {name: kind for name, kind in (declared | hashed).items() if feed.personal.get(name) != "drop"}


class FeedReading:
    """Reads each delivery of a feed once. After `tables` is exhausted, `outcomes` has an entry for each file.

    `contents` has the name of each loaded file by the sha256 of its content. `faulty` are files that an earlier attempt
    found faulty, with their problem. `loaded_at` is written to each row.
    """

    def __init__(
        self,
        feed: Feed,
        deliveries: Sequence[Delivery],
        *,
        contents: Mapping[str, str],
        faulty: Mapping[str, str],
        key: PseudonymKey | None,
        loaded_at: datetime,
        rejected_rows: RejectedRows,
        progress: Callable[[str], None],
    ) -> None:
        self.feed = with_raw_names(feed)
        self._feed_as_declared = feed
        self.deliveries = deliveries
        self.outcomes: dict[str, Outcome] = {delivery.name: Outcome() for delivery in deliveries}
        self.retracted: tuple[str, str] | None = None
        self._stored = stored_columns(feed)
        self._file_by_content = dict(contents)
        self._content_by_file = {name: sha256 for sha256, name in contents.items()}
        self._pending: list[tuple[str, Chunk]] = []  # (file name, chunk), not yet yielded
        self._pending_rows = 0
        self._rows_read = 0
        self._faulty = faulty
        self._key = key
        self._loaded_at = pa.scalar(loaded_at, pa.timestamp("us", "UTC"))
        self._rejected_rows = rejected_rows
        self._progress = progress

    def tables(self) -> Iterator[pa.Table]:
        """Tables of about BATCH_ROWS typed rows each, with the columns of the feed's table in raw.

        Raises Retracted if a file proves faulty after some of its rows were yielded; `retracted` then has its name and
        the problem.
        """
        queue = deque(enumerate(self.deliveries, start=1))
        postponed = 0
        while queue:
            number, delivery = queue.popleft()
            outcome = self.outcomes[delivery.name]
            outcome.problem = self._faulty.get(delivery.name)
            outcome.same_as = self._same_content(delivery)
            if outcome.problem is not None:
                outcome.same_as = None
            elif outcome.same_as is None:
                postponed = 0
                yield from self._read_file(delivery, outcome, f"file {number} of {len(self.deliveries)}")
            else:
                self._forget_content(delivery)
                if postponed < len(queue):
                    # The loaded file with the same content may itself be replaced by a file that comes later: some
                    # systems rename their files at each delivery.
                    queue.append((number, delivery))
                    postponed += 1
        yield from self._pending_tables()
        for outcome in self.outcomes.values():
            if outcome.rejected_rows and not outcome.rows:
                count = f"{outcome.rejected_rows} row{'s' * (outcome.rejected_rows != 1)}"
                outcome.problem = f"none of its {count} could be read: {outcome.first_reason}"

    def _same_content(self, delivery: Delivery) -> str | None:
        """The name of another loaded file with the same content."""
        name = self._file_by_content.get(delivery.sha256)
        return name if name != delivery.name else None

    def _read_file(self, delivery: Delivery, outcome: Outcome, place: str) -> Iterator[pa.Table]:
        """Reads one file; yields tables when enough rows are pending. `place` is for messages: "file 2 of 9"."""
        chunks_before, rows_before, has_yielded = len(self._pending), self._pending_rows, False
        row_count = 0
        try:
            for chunk in self._chunks(delivery, outcome):
                self._pending.append((delivery.name, chunk))
                self._pending_rows += chunk.rows.num_rows
                row_count += chunk.rows.num_rows + len(chunk.unread)
                if self._pending_rows >= BATCH_ROWS:
                    yield from self._pending_tables()
                    has_yielded = True
                    self._progress(f"{self.feed.name}: {place}, {self._rows_read:,} rows")
            delivery.check_unchanged()
        except FileFault as fault:
            if has_yielded:
                self.retracted = (delivery.name, str(fault))
                raise Retracted from fault
            del self._pending[chunks_before:]
            self._pending_rows = rows_before
            outcome.problem = str(fault)
            outcome.notes.clear()
            return
        self._forget_content(delivery)
        if row_count:
            self._file_by_content[delivery.sha256] = delivery.name
            self._content_by_file[delivery.name] = delivery.sha256
        else:
            outcome.notes.append("no rows")

    def _forget_content(self, delivery: Delivery) -> None:
        """Forgets the content of the file's earlier version, which is replaced: no file can be a duplicate of it."""
        self._file_by_content.pop(self._content_by_file.pop(delivery.name, ""), None)

    def _pending_tables(self) -> Iterator[pa.Table]:
        """The pending chunks as tables of raw."""
        chunks, self._pending, self._pending_rows = self._pending, [], 0
        yield from self._tables_of(chunks)

    def _chunks(self, delivery: Delivery, outcome: Outcome) -> Iterator[Chunk]:
        with library_errors_as_faults():
            read_file = reader(self.feed.format).read
            for chunk in read_file(delivery.path, self._feed_as_declared, outcome.notes.append):
                stored = [name for name in chunk.rows.column_names if name in self._stored]
                unread = chunk.unread
                if len(stored) < chunk.rows.num_columns:  # a row that can't be split has values of the others, too
                    unread = tuple(replace(row, text="") for row in unread)
                yield Chunk(chunk.rows.select(stored), chunk.lines, unread)

    def _tables_of(self, chunks: list[tuple[str, Chunk]]) -> Iterator[pa.Table]:
        """The chunks (file name, chunk) as tables of raw, one for each run of chunks with the same columns."""
        for name, chunk in chunks:
            if chunk.unread:
                self._reject(
                    pa.repeat(name, len(chunk.unread)),
                    pa.array([row.line for row in chunk.unread], pa.int64()),
                    pa.array([row.reason for row in chunk.unread], pa.string()),
                    pa.array([row.text or None for row in chunk.unread], pa.string()),
                )
        for _, named_chunks in groupby(chunks, key=lambda named_chunk: named_chunk[1].rows.schema):
            same_schema = list(named_chunks)
            rows = pa.concat_tables([chunk.rows for _, chunk in same_schema]).combine_chunks()
            files = pa.concat_arrays([pa.repeat(name, chunk.rows.num_rows) for name, chunk in same_schema])
            lines = pa.concat_arrays([chunk.lines for _, chunk in same_schema])
            if rows.num_rows:
                table = self._typed(rows, files, lines)
                if table.num_rows:
                    yield table

    def _typed(self, rows: pa.Table, files: pa.Array, lines: pa.Array) -> pa.Table:
        """The rows with declared types, pseudonyms and raw's own columns; rows that can't be converted are rejected.

        `files` and `lines` are the rows' file names and line numbers.
        """
        columns: dict[str, pa.ChunkedArray] = {}
        reasons: pa.ChunkedArray | None = None
        for name, column in zip(rows.column_names, rows.columns, strict=True):
            declared = self.feed.columns.get(name, _HASHED)
            columns[name], is_unreadable = to_declared_type(column, declared)
            if is_unreadable is not None:
                # The reason quotes no value, because it is shown where the row itself may not be.
                reason_text = f"column {name}: the value is not {type_in_words(declared)}"
                reason = pc.if_else(is_unreadable, pa.scalar(reason_text), pa.scalar(None, pa.string()))
                reasons = reason if reasons is None else pc.coalesce(reasons, reason)
        table = pa.table(columns)
        if reasons is not None:
            is_unreadable = pc.is_valid(reasons)
            texts = _row_texts(rows.filter(is_unreadable), self.feed.options.delimiter)
            is_rejected = is_unreadable.combine_chunks()
            rejected_reasons = reasons.filter(is_unreadable).combine_chunks()
            self._reject(files.filter(is_rejected), lines.filter(is_rejected), rejected_reasons, texts)
            is_accepted = pc.invert(is_rejected)
            table, files, lines = table.filter(is_accepted), files.filter(is_accepted), lines.filter(is_accepted)
        for name, treatment in self.feed.personal.items():
            if treatment == "hash" and name in table.column_names and self._key is not None:
                position = table.column_names.index(name)
                text = table.column(position).cast(pa.string())
                table = table.set_column(position, name, self._key.pseudonyms(text))
        for name, count in _counted(files):
            self.outcomes[name].rows += count
        self._rows_read += len(files)
        table = table.append_column("_loaded_at", pa.repeat(self._loaded_at, table.num_rows))
        return table.append_column("_source_file", files).append_column("_source_line", lines)

    def _reject(self, files: pa.Array, lines: pa.Array, reasons: pa.Array, texts: pa.Array) -> None:
        """Stores rejected rows, without their texts where the feed has personal columns, and counts them by file."""
        if self.feed.personal:
            texts = pa.nulls(len(files), pa.string())
        columns = {"source_file": files, "source_line": lines, "reason": reasons, "row_text": texts}
        rejected = pa.table(columns)
        self._rejected_rows.add(self.feed.name, rejected)
        for name, count in _counted(files):
            outcome = self.outcomes[name]
            outcome.rejected_rows += count
            if outcome.first_reason is None:
                first = rejected.filter(pc.equal(rejected["source_file"], name)).slice(0, 1).to_pylist()[0]
                outcome.first_reason = f"line {first['source_line']}, {first['reason']}"


def _counted(names: pa.Array) -> list[tuple[str, int]]:
    """Each name with how often it occurs."""
    return [(entry["values"], entry["counts"]) for entry in pc.value_counts(names).to_pylist()]


def _row_texts(rows: pa.Table, delimiter: str) -> pa.Array:
    """Each row as a line of CSV; NULL is an empty field."""
    cells = []
    for column in rows.columns:
        text = pc.fill_null(column.cast(pa.string()), "")
        special = pc.or_(pc.match_substring_regex(text, '["\r\n]'), pc.match_substring(text, delimiter))
        quoted = pc.binary_join_element_wise('"', pc.replace_substring(text, '"', '""'), '"', "")
        cells.append(pc.if_else(special, quoted, text))
    joined = pc.binary_join_element_wise(*cells, delimiter) if len(cells) > 1 else cells[0]
    return joined.combine_chunks()
