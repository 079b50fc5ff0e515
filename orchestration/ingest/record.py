"""The end of an ingest: checks that the rows that were read are in raw, and records all feeds in one transaction."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from data_quality import contents, intact
from metrics.core import clock
from metrics.core.errors import NyckeltalError
from metrics.core.text import visible
from metrics.definitions.company import Company
from orchestration.ingest.completeness import watermark
from orchestration.ingest.faults import problems_in_one_text
from orchestration.ingest.feed_plan import FeedPlan
from orchestration.ingest.feed_reading import FeedReading, Outcome
from orchestration.ingest.raw.bookkeeping import Bookkeeping, FeedState, FileRecord
from orchestration.ingest.sources.files import Delivery


@dataclass(frozen=True)
class FeedReport:
    """What one ingest did for one feed.

    `rows_loaded` and `rows_rejected` count this run's rows. `rows_total` and `watermark` (the last day that the feed is
    known to cover) are as of the end of the run. `files_failed` is the number of files whose newest version isn't in
    raw. `outstanding` says what could not be loaded (None: nothing). `seconds` is the time for reading the files.
    """

    feed: str
    rows_loaded: int
    rows_rejected: int
    files_new: int
    files_unchanged: int
    files_failed: int
    watermark: date | None
    rows_total: int
    notes: tuple[str, ...]
    outstanding: str | None
    seconds: float


@dataclass
class FeedLoad:
    """The loading of one feed: its plan, and its result.

    `planning_seconds` and `reading_seconds` are times spent. `rejected_rows` is the Parquet file with the rejected
    rows. `failure` says why no row of the feed could be stored.
    """

    plan: FeedPlan
    planning_seconds: float
    reading: FeedReading | None = None
    reading_seconds: float = 0.0
    rejected_rows: Path | None = None
    failure: str | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether this ingest changed none of the feed's rows, files and records."""
        plan = self.plan
        changes_files = plan.reload or plan.removed or plan.redelivered
        loaded = (record for record in plan.file_records.values() if record.rows_loaded)
        return (
            self.reading is None
            and self.failure is None
            and not changes_files
            and all(contents.is_comparable(record.content) for record in loaded)
        )


def record_ingest(
    company: Company, books: Bookkeeping, feed_loads: list[FeedLoad], moment: datetime
) -> list[FeedReport]:
    """Records the ingest and returns a report for each feed.

    Raises NyckeltalError, after recording the other feeds, when rows that were read aren't in raw.
    """
    differing = {load.plan.feed.name: text for load in feed_loads if (text := _difference(books, load))}
    reports, states = [], []
    books.connection.execute("BEGIN")
    try:
        for feed_load in feed_loads:
            feed = feed_load.plan.feed
            if feed_load.failure is None and feed.name not in differing and not feed_load.is_quiet:
                _record_files(books, feed_load, moment)
            state, report = _state(company, books, feed_load, differing.get(feed.name) or feed_load.failure)
            states.append(state)
            reports.append(report)
        books.record_feeds(states, company.feeds, moment)
        books.connection.execute("COMMIT")
    except BaseException:
        books.connection.execute("ROLLBACK")
        raise
    if differing:
        raise NyckeltalError("; ".join(f"{feed}: {text}" for feed, text in differing.items()))
    return reports


def _outcomes(feed_load: FeedLoad) -> list[tuple[Delivery, Outcome]]:
    """Each file that was read, with its outcome; empty where the feed could not be stored."""
    if feed_load.reading is None or feed_load.failure is not None:
        return []
    return [(file, feed_load.reading.outcomes[file.name]) for file in feed_load.reading.deliveries]


def _difference(books: Bookkeeping, feed_load: FeedLoad) -> str | None:
    """A message: the files whose rows in raw are not as many as were read; None where all are."""
    rows_read = {file.name: outcome.rows for file, outcome in _outcomes(feed_load) if outcome.rows}
    if not rows_read:
        return None
    rows_in_raw = books.row_counts(feed_load.plan.feed.name, rows_read)
    differences = [
        f"{name}: {rows} rows read, {rows_in_raw.get(name, 0)} in raw"
        for name, rows in rows_read.items()
        if rows_in_raw.get(name) != rows
    ]
    return problems_in_one_text(differences)


def _record_files(books: Bookkeeping, feed_load: FeedLoad, moment: datetime) -> None:
    """Records a feed's files and rejected rows, and deletes rows of files that have none any more."""
    plan = feed_load.plan
    name = plan.feed.name
    file_records: list[FileRecord] = []
    rejected_files: dict[str, str] = {}
    for file, outcome in _outcomes(feed_load):
        doubts_from = _doubts_from(books, plan, file) if outcome.problem else None
        file_records.append(_file_record(plan, file, outcome, moment, doubts_from))
        if outcome.problem:
            rejected_files[file.name] = outcome.problem
        elif outcome.same_as:
            rejected_files[file.name] = f"same content as {outcome.same_as}"
    # An earlier version's rows are deleted when the new version has none: it is empty, or a duplicate of another file.
    without_rows = [file.name for file, outcome in _outcomes(feed_load) if not outcome.rows and not outcome.problem]
    if without_rows and books.row_counts(name, without_rows):
        books.delete_rows(name, without_rows)
    loaded_files = [file.name for file, outcome in _outcomes(feed_load) if not outcome.problem]
    faulty = [file.name for file, outcome in _outcomes(feed_load) if outcome.problem]
    forgotten = [removed.source_file for removed in plan.removed if not removed.loaded_sha256]
    file_records += [
        replace(removed, problem=None, same_as=None, doubts_from=None)
        for removed in plan.removed
        if removed.loaded_sha256
    ]
    file_records += plan.redelivered
    books.replace_rejected(
        name,
        loaded_files=loaded_files,
        other_files=[*faulty, *(removed.source_file for removed in plan.removed)],
        rejected_files=rejected_files,
        rejected_rows=feed_load.rejected_rows,
        moment=moment,
    )
    if file_records or forgotten:
        books.record_files(name, file_records, forgotten)
    books.record_contents(name, loaded_files)


def _doubts_from(books: Bookkeeping, plan: FeedPlan, file: Delivery) -> date | None:
    """The first day of which an unreadable file may have rows; None: any day.

    The days that the feed covered before the file came are complete without it, except days of which the file's earlier
    version had rows.
    """
    earlier_version = plan.file_records.get(file.name)
    if earlier_version is not None and earlier_version.problem:
        return earlier_version.doubts_from
    known_watermark = books.watermark(plan.feed.name)
    if known_watermark is None or plan.reload:
        return None
    days = [known_watermark + timedelta(days=1)]
    time_column = plan.feed.time_column
    if earlier_version is not None and time_column in plan.columns:
        days += filter(None, [books.first_day(plan.feed.name, file.name, time_column)])
    return min(days)


def _file_record(
    plan: FeedPlan, file: Delivery, outcome: Outcome, moment: datetime, doubts_from: date | None
) -> FileRecord:
    """The new record of a file that was read."""
    is_loaded = outcome.problem is None and outcome.same_as is None
    file_record = FileRecord(
        feed=plan.feed.name,
        source_file=file.name,
        size=file.file.size,
        modified=file.file.modified,
        sha256=file.sha256,
        declaration=plan.declaration,
        shape=plan.shape,
        loaded_sha256=file.sha256 if is_loaded else None,
        delivered_at=None if outcome.problem else file.file.modified,
        rows_loaded=outcome.rows,
        rows_rejected=outcome.rejected_rows,
        problem=outcome.problem,
        same_as=outcome.same_as,
        loaded_at=moment if is_loaded else None,
        doubts_from=doubts_from,
    )
    earlier_version = plan.file_records.get(file.name)
    if outcome.problem and earlier_version is not None:
        # The earlier version's rows stay in raw, so the record keeps what describes them.
        return replace(
            file_record,
            shape=earlier_version.shape,
            loaded_sha256=earlier_version.loaded_sha256,
            delivered_at=earlier_version.delivered_at,
            rows_loaded=earlier_version.rows_loaded,
            rows_rejected=earlier_version.rows_rejected,
            loaded_at=earlier_version.loaded_at,
            content=earlier_version.content,
        )
    return replace(file_record, rows_loaded=0, rows_rejected=0) if outcome.problem else file_record


def _state(
    company: Company, books: Bookkeeping, feed_load: FeedLoad, failure: str | None
) -> tuple[FeedState, FeedReport]:
    """The feed's new row of raw._feeds, and its report."""
    feed = feed_load.plan.feed
    outcomes = _outcomes(feed_load) if failure is None else []
    files = (feed_load.plan.file_records if feed_load.is_quiet else books.file_records(feed.name)).values()
    loaded = [file for file in files if file.loaded_sha256]
    newest_delivery = max((file.delivered_at for file in files if file.delivered_at), default=None)
    columns = feed_load.plan.columns if feed_load.is_quiet else books.table_columns(feed.name)
    time_column = feed.time_column if feed.time_column in columns else None
    counted_by = f"{time_column} {company.time_zone}"
    rows_total, newest_event, rejected_rows = 0, None, 0
    if columns:
        is_as_before = feed_load.is_quiet and ("raw", feed.name) in intact.of(books.connection)
        totals_before = books.known_totals(feed.name, counted_by) if is_as_before else None
        rows_total, newest_event, rejected_rows = totals_before or books.totals(
            feed.name, time_column, company.time_zone
        )
    problems = feed_load.plan.problems | {file.name: outcome.problem for file, outcome in outcomes if outcome.problem}
    problem_texts = [*feed_load.plan.blocked, *(f"{name}: {problem}" for name, problem in problems.items())]
    if failure is not None:
        problem_texts.insert(0, f"the feed could not be stored: {failure}")
    feed_watermark = watermark(
        feed,
        newest_event=newest_event,
        newest_delivery=newest_delivery,
        files_loaded=len(loaded),
        today=clock.today(company.time_zone),
        time_zone=company.time_zone,
    )
    # A file without a record, and a feed that can't be read, may have rows of any day.
    doubtful_from = {file.source_file: file.doubts_from for file in files if file.problem}
    doubtful_days = [doubtful_from.get(name) for name in problems]
    is_bounded = failure is None and not feed_load.plan.blocked and None not in doubtful_days
    state = FeedState(
        feed=feed.name,
        history_from=feed.history_from,
        grain=feed.grain,
        watermark=feed_watermark,
        newest_event=newest_event,
        newest_delivery=newest_delivery,
        files=len(loaded),
        rows_total=rows_total,
        rows_rejected=rejected_rows,
        outstanding=problems_in_one_text(problem_texts),
        outstanding_from=min((day for day in doubtful_days if day), default=None) if is_bounded else None,
        counted_by=counted_by,
    )
    outcomes_loaded = [outcome for _, outcome in outcomes if not outcome.problem and not outcome.same_as]
    report = FeedReport(
        feed=feed.name,
        rows_loaded=sum(outcome.rows for outcome in outcomes_loaded),
        rows_rejected=sum(outcome.rejected_rows for outcome in outcomes_loaded),
        files_new=len(outcomes_loaded),
        files_unchanged=feed_load.plan.unchanged + sum(outcome.same_as is not None for _, outcome in outcomes),
        files_failed=len(problems),
        watermark=feed_watermark,
        rows_total=rows_total,
        notes=_notes(feed_load, outcomes),
        outstanding=state.outstanding,
        seconds=round(feed_load.planning_seconds + feed_load.reading_seconds, 3),
    )
    return state, report


def _notes(feed_load: FeedLoad, outcomes: list[tuple[Delivery, Outcome]]) -> tuple[str, ...]:
    """Notes about the feed, and notes about its files: each note once, with the first file and the number of others."""
    files_by_note: dict[str, list[str]] = defaultdict(list)
    for file, outcome in outcomes:
        for note in outcome.notes:
            files_by_note[note].append(file.name)
        if outcome.same_as:
            files_by_note[f"same content as {outcome.same_as}, not loaded"].append(file.name)
        if outcome.rejected_rows and not outcome.problem:
            plural = "s" * (outcome.rejected_rows != 1)
            files_by_note[f"{outcome.rejected_rows} row{plural} rejected: {outcome.first_reason}"].append(file.name)
    file_notes = [
        f"{names[0]}{f' and {len(names) - 1} more files' if len(names) > 1 else ''}: {note}"
        for note, names in files_by_note.items()
    ]
    return tuple(map(visible, (*feed_load.plan.notes, *file_notes)))
