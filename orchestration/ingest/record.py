"""The end of an ingest: checks that what was read is in raw, and records it for all feeds in one transaction."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from metrics.core import clock
from metrics.core.errors import NyckeltalError
from metrics.core.text import visible
from metrics.definitions.company import Company
from orchestration.ingest.bookkeeping import Bookkeeping, FeedState, KnownFile
from orchestration.ingest.completeness import watermark
from orchestration.ingest.faults import joined
from orchestration.ingest.feed_plan import FeedPlan
from orchestration.ingest.feed_reading import FeedReading, Outcome
from orchestration.ingest.source_files import Delivery


@dataclass(frozen=True)
class FeedReport:
    """What one ingest did for one feed.

    `rows_loaded` and `rows_set_aside` are of this run, `rows_total` and `watermark` (the last day known whole) of the
    table after it. `files_failed` counts files whose newest version isn't in. `outstanding` says what could not be
    taken in, None when all is well. `seconds` went into reading this feed's files.
    """

    feed: str
    rows_loaded: int
    rows_set_aside: int
    files_new: int
    files_unchanged: int
    files_failed: int
    watermark: date | None
    rows_total: int
    notes: tuple[str, ...]
    outstanding: str | None
    seconds: float


@dataclass
class Landed:
    """A plan and what became of it. `failure` says why nothing of the feed could be stored."""

    plan: FeedPlan
    seconds: float
    reading: FeedReading | None = None
    reading_seconds: float = 0.0
    rejected_rows: Path | None = None
    failure: str | None = None


def recorded(company: Company, books: Bookkeeping, feeds: list[Landed], moment: datetime) -> list[FeedReport]:
    """Records the run and reports it.

    Raises NyckeltalError, after recording the other feeds, when rows that were read aren't in raw.
    """
    differing = {one.plan.feed.name: text for one in feeds if (text := _difference(books, one))}
    reports, states = [], []
    books.connection.execute("BEGIN")
    try:
        for one in feeds:
            feed = one.plan.feed
            if one.failure is None and feed.name not in differing:
                _record_files(books, one, moment)
            state, report = _state(company, books, one, differing.get(feed.name) or one.failure)
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


def _outcomes(one: Landed) -> list[tuple[Delivery, Outcome]]:
    if one.reading is None or one.failure is not None:
        return []
    return [(file, one.reading.outcomes[file.name]) for file in one.reading.deliveries]


def _difference(books: Bookkeeping, one: Landed) -> str | None:
    wanted = {file.name: outcome.rows for file, outcome in _outcomes(one) if outcome.rows}
    if not wanted:
        return None
    found = books.rows_of(one.plan.feed.name, wanted)
    wrong = [
        f"{name}: {rows} rows read, {found.get(name, 0)} in raw"
        for name, rows in wanted.items()
        if found.get(name) != rows
    ]
    return joined(wrong)


def _record_files(books: Bookkeeping, one: Landed, moment: datetime) -> None:
    plan = one.plan
    name = plan.feed.name
    known: list[KnownFile] = []
    whole: dict[str, str] = {}
    for file, outcome in _outcomes(one):
        doubts_from = _doubts_from(books, plan, file) if outcome.problem else None
        known.append(_known(plan, file, outcome, moment, doubts_from))
        if outcome.problem:
            whole[file.name] = outcome.problem
        elif outcome.same_as:
            whole[file.name] = f"same content as {outcome.same_as}"
    # Rows of an earlier version go when the new one has none: an emptied file, or one that is another's double.
    without = [file.name for file, outcome in _outcomes(one) if not outcome.rows and not outcome.problem]
    if without and books.rows_of(name, without):
        books.delete_rows(name, without)
    taken_in = [file.name for file, outcome in _outcomes(one) if not outcome.problem]
    faulty = [file.name for file, outcome in _outcomes(one) if outcome.problem]
    forgotten = [gone.source_file for gone in plan.gone if not gone.loaded_sha256]
    known += [replace(gone, problem=None, same_as=None, doubts_from=None) for gone in plan.gone if gone.loaded_sha256]
    known += plan.redelivered
    books.replace_set_aside(
        name,
        rows_of=taken_in,
        files=[*faulty, *(g.source_file for g in plan.gone)],
        whole=whole,
        rows=one.rejected_rows,
        moment=moment,
    )
    if known or forgotten:
        books.record_files(name, known, forgotten)
    books.record_contents(name, taken_in)


def _doubts_from(books: Bookkeeping, plan: FeedPlan, file: Delivery) -> date | None:
    """The first day of which a file that can't be read may have rows; None where it may be any.

    The days that the feed was known to cover before the file came were complete without it; but for those of which its
    earlier version has rows.
    """
    before = plan.known.get(file.name)
    if before is not None and before.problem:
        return before.doubts_from
    covered = books.watermark(plan.feed.name)
    if covered is None or plan.anew:
        return None
    days = [covered + timedelta(days=1)]
    time_column = plan.feed.time_column
    if before is not None and time_column in plan.columns:
        days += filter(None, [books.first_day(plan.feed.name, file.name, time_column)])
    return min(days)


def _known(plan: FeedPlan, file: Delivery, outcome: Outcome, moment: datetime, doubts_from: date | None) -> KnownFile:
    taken_in = outcome.problem is None and outcome.same_as is None
    seen = KnownFile(
        feed=plan.feed.name,
        source_file=file.name,
        size=file.file.size,
        modified=file.file.modified,
        sha256=file.sha256,
        declaration=plan.declaration,
        shape=plan.shape,
        loaded_sha256=file.sha256 if taken_in else None,
        delivered_at=None if outcome.problem else file.file.modified,
        rows_loaded=outcome.rows,
        rows_set_aside=outcome.rejected_rows,
        problem=outcome.problem,
        same_as=outcome.same_as,
        loaded_at=moment if taken_in else None,
        doubts_from=doubts_from,
    )
    before = plan.known.get(file.name)
    if outcome.problem and before is not None:
        # The earlier version's rows stay, and with them what was recorded of them.
        return replace(
            seen,
            shape=before.shape,
            loaded_sha256=before.loaded_sha256,
            delivered_at=before.delivered_at,
            rows_loaded=before.rows_loaded,
            rows_set_aside=before.rows_set_aside,
            loaded_at=before.loaded_at,
            content=before.content,
        )
    return replace(seen, rows_loaded=0, rows_set_aside=0) if outcome.problem else seen


def _state(company: Company, books: Bookkeeping, one: Landed, failure: str | None) -> tuple[FeedState, FeedReport]:
    feed = one.plan.feed
    outcomes = _outcomes(one) if failure is None else []
    files = books.known_files(feed.name).values()
    loaded = [file for file in files if file.loaded_sha256]
    newest_delivery = max((file.delivered_at for file in files if file.delivered_at), default=None)
    rows_total, newest_event, rows_aside = 0, None, 0
    columns = books.table_columns(feed.name)
    if columns:
        rows_total, newest_event, rows_aside = books.totals(
            feed.name, feed.time_column if feed.time_column in columns else None, company.time_zone
        )
    problems = {**one.plan.standing, **{file.name: out.problem for file, out in outcomes if out.problem}}
    said = [*one.plan.blocked, *(f"{name}: {problem}" for name, problem in problems.items())]
    if failure is not None:
        said.insert(0, f"the feed could not be stored: {failure}")
    reached = watermark(
        feed,
        newest_event=newest_event,
        newest_delivery=newest_delivery,
        files=len(loaded),
        today=clock.today(company.time_zone),
        time_zone=company.time_zone,
    )
    # A file that isn't recorded, and a feed that can't be read, may be of any day.
    doubts = {file.source_file: file.doubts_from for file in files if file.problem}
    since = [doubts.get(name) for name in problems]
    is_known = failure is None and not one.plan.blocked and None not in since
    state = FeedState(
        feed=feed.name,
        history_from=feed.history_from,
        grain=feed.grain,
        watermark=reached,
        newest_event=newest_event,
        newest_delivery=newest_delivery,
        files=len(loaded),
        rows_total=rows_total,
        rows_set_aside=rows_aside,
        outstanding=joined(said),
        outstanding_from=min((day for day in since if day), default=None) if is_known else None,
    )
    taken_in = [outcome for _, outcome in outcomes if not outcome.problem and not outcome.same_as]
    report = FeedReport(
        feed=feed.name,
        rows_loaded=sum(outcome.rows for outcome in taken_in),
        rows_set_aside=sum(outcome.rejected_rows for outcome in taken_in),
        files_new=len(taken_in),
        files_unchanged=one.plan.unchanged + sum(outcome.same_as is not None for _, outcome in outcomes),
        files_failed=len(problems),
        watermark=reached,
        rows_total=rows_total,
        notes=_notes(one, outcomes),
        outstanding=state.outstanding,
        seconds=round(one.seconds + one.reading_seconds, 3),
    )
    return state, report


def _notes(one: Landed, outcomes: list[tuple[Delivery, Outcome]]) -> tuple[str, ...]:
    """Notes of the feed, and those of its files, each told once with the files that it holds for."""
    about: dict[str, list[str]] = defaultdict(list)
    for file, outcome in outcomes:
        for note in outcome.notes:
            about[note].append(file.name)
        if outcome.same_as:
            about[f"same content as {outcome.same_as}, set aside"].append(file.name)
        if outcome.rejected_rows and not outcome.problem:
            plural = "s" * (outcome.rejected_rows != 1)
            about[f"{outcome.rejected_rows} row{plural} set aside: {outcome.first_reason}"].append(file.name)
    told = [
        f"{names[0]}{f' and {len(names) - 1} more files' if len(names) > 1 else ''}: {note}"
        for note, names in about.items()
    ]
    return tuple(map(visible, (*one.plan.notes, *told)))
