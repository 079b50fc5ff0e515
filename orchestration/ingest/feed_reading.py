"""One feed's files on their way to raw: combined into batches, typed, personal columns handled, counted by file."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from metrics.definitions.feeds import ColumnType, Feed
from orchestration.ingest.chunk import Chunk
from orchestration.ingest.column_values import ARROW_TYPES, beyond_calendar, described, typed
from orchestration.ingest.faults import FileFault, Retracted
from orchestration.ingest.header import as_stored
from orchestration.ingest.personal import PseudonymKey
from orchestration.ingest.readers import READERS
from orchestration.ingest.rejected_rows import RejectedRows
from orchestration.ingest.source_files import Delivery, faults_of_reading

BATCH_ROWS = 100_000
_HASHED = ColumnType(type="text")  # so that a person's pseudonym doesn't depend on the type of a file's column


@dataclass
class Outcome:
    """What became of one file: counts of rows, or the problem for which it isn't taken in as a whole."""

    rows: int = 0
    rejected_rows: int = 0
    problem: str | None = None
    same_as: str | None = None
    first_reason: str | None = None
    notes: list[str] = field(default_factory=list)


def stored_columns(feed: Feed) -> dict[str, pa.DataType]:
    """The declared columns that are stored, with their types: dropped ones left out, hashed ones as text."""
    feed = as_stored(feed)
    return {
        name: pa.string() if feed.personal.get(name) == "hash" else ARROW_TYPES[declared.type]
        for name, declared in feed.columns.items()
        if feed.personal.get(name) != "drop"
    }


class FeedReading:
    """Reads deliveries of a feed, once each. After `tables` is exhausted, `outcomes` has one entry per file.

    `known` has the columns of the feed's table so far; `contents` maps the sha256 of every file that gave rows to
    its name; `faulty` are files found faulty in an earlier attempt, with their problem.
    """

    def __init__(
        self,
        feed: Feed,
        deliveries: Sequence[Delivery],
        *,
        known: Mapping[str, pa.DataType],
        contents: Mapping[str, str],
        faulty: Mapping[str, str],
        key: PseudonymKey | None,
        loaded_at: datetime,
        rejected_rows: RejectedRows,
        progress: Callable[[str], None],
    ) -> None:
        self.feed = as_stored(feed)
        self._in_files = feed
        self.deliveries = deliveries
        self.outcomes: dict[str, Outcome] = {one.name: Outcome() for one in deliveries}
        self.retracted: tuple[str, str] | None = None
        self._types = {**known, **stored_columns(feed)}
        self._is_new = not known
        self._contents = dict(contents)
        self._content_of = {name: sha256 for sha256, name in contents.items()}
        self._waiting: list[tuple[str, Chunk]] = []
        self._waiting_rows = 0
        self._rows_read = 0
        self._faulty = faulty
        self._key = key
        self._loaded_at = pa.scalar(loaded_at, pa.timestamp("us", "UTC"))
        self._set_aside = rejected_rows
        self._progress = progress

    def tables(self) -> Iterator[pa.Table]:
        """Typed rows of about BATCH_ROWS each, ready for raw.

        Raises Retracted, after noting the file in `retracted`, when a file of which rows were handed on is faulty.
        """
        queue = deque(enumerate(self.deliveries, start=1))
        put_off = 0
        while queue:
            number, one = queue.popleft()
            outcome = self.outcomes[one.name]
            outcome.problem = self._faulty.get(one.name)
            outcome.same_as = self._twin(one)
            if outcome.problem is not None:
                outcome.same_as = None
            elif outcome.same_as is None:
                put_off = 0
                yield from self._file(one, outcome, f"file {number} of {len(self.deliveries)}")
            else:
                self._replaced(one)
                if put_off < len(queue):
                    # The twin may itself be replaced by a file still to come: files that rotate their names.
                    queue.append((number, one))
                    put_off += 1
        yield from self._hand_on()
        for outcome in self.outcomes.values():
            if outcome.rejected_rows and not outcome.rows:
                count = f"{outcome.rejected_rows} row{'s' * (outcome.rejected_rows != 1)}"
                outcome.problem = f"none of its {count} could be read: {outcome.first_reason}"

    def _twin(self, one: Delivery) -> str | None:
        name = self._contents.get(one.sha256)
        return name if name != one.name else None

    def _file(self, one: Delivery, outcome: Outcome, place: str) -> Iterator[pa.Table]:
        kept, kept_rows, handed_on = len(self._waiting), self._waiting_rows, False
        found = 0
        try:
            for chunk in self._chunks(one, outcome):
                self._waiting.append((one.name, chunk))
                self._waiting_rows += chunk.rows.num_rows
                found += chunk.rows.num_rows + len(chunk.unread)
                if self._waiting_rows >= BATCH_ROWS:
                    yield from self._hand_on()
                    handed_on = True
                    self._progress(f"{self.feed.name}: {place}, {self._rows_read:,} rows")
            one.check_unchanged()
        except FileFault as fault:
            if handed_on:
                self.retracted = (one.name, str(fault))
                raise Retracted from fault
            del self._waiting[kept:]
            self._waiting_rows = kept_rows
            outcome.problem = str(fault)
            outcome.notes.clear()
            return
        self._replaced(one)
        if found:
            self._contents[one.sha256] = one.name
            self._content_of[one.name] = one.sha256
        else:
            outcome.notes.append("no rows")

    def _replaced(self, one: Delivery) -> None:
        """What the file's earlier version brought goes, so no other file is a double of it any more."""
        self._contents.pop(self._content_of.pop(one.name, ""), None)

    def _hand_on(self) -> Iterator[pa.Table]:
        waiting, self._waiting, self._waiting_rows = self._waiting, [], 0
        yield from self._finished(waiting)

    def _chunks(self, one: Delivery, outcome: Outcome) -> Iterator[Chunk]:
        known = [] if self._is_new else list(self._types)
        with faults_of_reading():
            for chunk in READERS[self.feed.format](one.path, self._in_files, known, outcome.notes.append):
                dropped = [name for name, how in self.feed.personal.items() if how == "drop"]
                rows = chunk.rows.drop_columns([name for name in dropped if name in chunk.rows.column_names])
                yield Chunk(self._settled(rows), chunk.lines, chunk.unread)

    def _settled(self, rows: pa.Table) -> pa.Table:
        """Undeclared columns in the type that they have in raw, which the first file decides."""
        for position, name in enumerate(rows.column_names):
            if name in self.feed.columns or name in self.feed.personal:
                continue
            column = rows.column(position)
            wanted = self._types.setdefault(name, column.type)
            if column.type != wanted:
                try:
                    rows = rows.set_column(position, name, column.cast(wanted))
                except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                    place = f"column {position + 1}, which isn't declared,"  # its name may be anything
                    message = f"{place} is {column.type} here and {wanted} in earlier files: declare its type"
                    raise FileFault(message) from None
        return rows

    def _finished(self, waiting: list[tuple[str, Chunk]]) -> Iterator[pa.Table]:
        for name, chunk in waiting:
            if chunk.unread:
                self._put_aside(
                    pa.repeat(name, len(chunk.unread)),
                    pa.array([row.line for row in chunk.unread], pa.int64()),
                    pa.array([row.reason for row in chunk.unread], pa.string()),
                    pa.array([row.text for row in chunk.unread], pa.string()),
                )
        for _, group in groupby(waiting, key=lambda one: one[1].rows.schema):
            together = list(group)
            rows = pa.concat_tables([chunk.rows for _, chunk in together]).combine_chunks()
            files = pa.concat_arrays([pa.repeat(name, chunk.rows.num_rows) for name, chunk in together])
            lines = pa.concat_arrays([chunk.lines for _, chunk in together])
            if rows.num_rows:
                table = self._typed(rows, files, lines)
                if table.num_rows:
                    yield table

    def _typed(self, rows: pa.Table, files: pa.Array, lines: pa.Array) -> pa.Table:
        columns: dict[str, pa.ChunkedArray] = {}
        reasons: pa.ChunkedArray | None = None
        for name, column in zip(rows.column_names, rows.columns, strict=True):
            declared = self.feed.columns.get(name)
            if declared is None and self.feed.personal.get(name) == "hash":
                declared = _HASHED
            if declared is not None:
                columns[name], wrong = typed(column, declared)
                what = f"column {name}: the value is not {described(declared)}"
            else:
                columns[name], wrong = column, beyond_calendar(column)
                what = "a column that isn't declared: the value is not a date of the years 1 to 9999"
            if wrong is not None:
                # The reason quotes no value: it is shown where the row itself isn't.
                reason = pc.if_else(wrong, pa.scalar(what), pa.scalar(None, pa.string()))
                reasons = reason if reasons is None else pc.coalesce(reasons, reason)
        table = pa.table(columns)
        if reasons is not None:
            wrong = pc.is_valid(reasons)
            texts = _row_texts(rows.filter(wrong), self.feed.options.delimiter)
            aside = wrong.combine_chunks()
            self._put_aside(files.filter(aside), lines.filter(aside), reasons.filter(wrong).combine_chunks(), texts)
            good = pc.invert(aside)
            table, files, lines = table.filter(good), files.filter(good), lines.filter(good)
        for name, how in self.feed.personal.items():
            if how == "hash" and name in table.column_names and self._key is not None:
                place = table.column_names.index(name)
                text = table.column(place).cast(pa.string())
                table = table.set_column(place, name, self._key.pseudonyms(text))
        for name, count in _counted(files):
            self.outcomes[name].rows += count
        self._rows_read += len(files)
        table = table.append_column("_loaded_at", pa.repeat(self._loaded_at, table.num_rows))
        return table.append_column("_source_file", files).append_column("_source_line", lines)

    def _put_aside(self, files: pa.Array, lines: pa.Array, reasons: pa.Array, texts: pa.Array) -> None:
        if self.feed.personal:
            texts = pa.nulls(len(files), pa.string())
        columns = {"source_file": files, "source_line": lines, "reason": reasons, "row_text": texts}
        aside = pa.table(columns)
        self._set_aside.add(self.feed.name, aside)
        for name, count in _counted(files):
            outcome = self.outcomes[name]
            outcome.rejected_rows += count
            if outcome.first_reason is None:
                first = aside.filter(pc.equal(aside["source_file"], name)).slice(0, 1).to_pylist()[0]
                outcome.first_reason = f"line {first['source_line']}, {first['reason']}"


def _counted(names: pa.Array) -> list[tuple[str, int]]:
    return [(one["values"], one["counts"]) for one in pc.value_counts(names).to_pylist()]


def _row_texts(rows: pa.Table, delimiter: str) -> pa.Array:
    """Rows as CSV text, NULL as nothing."""
    cells = []
    for column in rows.columns:
        text = pc.fill_null(column.cast(pa.string()), "")
        special = pc.or_(pc.match_substring_regex(text, '["\r\n]'), pc.match_substring(text, delimiter))
        quoted = pc.binary_join_element_wise('"', pc.replace_substring(text, '"', '""'), '"', "")
        cells.append(pc.if_else(special, quoted, text))
    joined = pc.binary_join_element_wise(*cells, delimiter) if len(cells) > 1 else cells[0]
    return joined.combine_chunks()
