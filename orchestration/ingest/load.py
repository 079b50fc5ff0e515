"""Ingest from start to end: plan each feed, load new files with dlt, then record everything in one transaction."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from data_quality import intact
from data_quality.intact import Relation
from metrics.core import clock
from metrics.core.deployment import data_dir
from metrics.core.errors import NyckeltalError, did_you_mean, without_values
from metrics.definitions.company import Company
from metrics.definitions.feeds import Feed
from orchestration.ingest.feed_plan import FeedPlan, plan_feed
from orchestration.ingest.feed_reading import FeedReading, stored_columns
from orchestration.ingest.personal import PseudonymKey, pseudonym_key
from orchestration.ingest.raw.bookkeeping import Bookkeeping
from orchestration.ingest.raw.connection import warehouse
from orchestration.ingest.raw.landing import Landing, land
from orchestration.ingest.raw.rejected_rows import RejectedRows
from orchestration.ingest.record import FeedLoad, FeedReport, record_ingest
from orchestration.ingest.sources.files import Listing

Progress = Callable[[str], None]


def ingest(
    company: Company,
    feeds: Sequence[str] | None = None,
    progress: Progress | None = None,
    listing: Listing | None = None,
) -> list[FeedReport]:
    """Loads the new and changed files of the feeds (default: all), and returns a report for each feed.

    `listing` has the files of feeds that were listed already.

    Faulty input of a feed is in its report and stops no other feed. An interrupted ingest loses and duplicates no rows:
    the next ingest completes it.

    Raises NyckeltalError for an unknown feed, a warehouse that another process has open, a data folder that can't be
    written to, or rows that were read but aren't in raw.
    """
    chosen = _chosen(company, feeds)
    report_progress = progress or (lambda _: None)
    work = data_dir() / "dlt"
    with warehouse() as connection:
        books = Bookkeeping(connection)
        moment = books.after_newest_load(clock.now())
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        try:
            run = _Run(company, books, moment, work, report_progress, listing or Listing(), intact.of(connection))
            feed_loads = run.land([run.plan(feed) for feed in chosen])
            reports = record_ingest(company, books, feed_loads, moment)
            # A table that ingest alone has written to has what ingest recorded of it.
            intact.add(connection, run.intact_before & _tables(load for load in feed_loads if not load.failure))
            return reports
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _chosen(company: Company, names: Sequence[str] | None) -> list[Feed]:
    """The feeds with these names; all feeds for None. Raises NyckeltalError for a name that no feed has."""
    for name in names or ():
        if name not in company.feeds:
            suggestion = did_you_mean(name, list(company.feeds))
            expected = f"one of {', '.join(company.feeds)}"
            raise NyckeltalError(f"there is no feed '{name}'{suggestion}", expected=expected)
    return [feed for name, feed in company.feeds.items() if names is None or name in names]


@dataclass
class _Run:
    """One call of ingest. `moment` is written to the rows as `_loaded_at`; `work` is a folder for temporary files.

    `intact_before` are the tables that had the rows that ingest and dbt wrote, when ingest began.
    """

    company: Company
    books: Bookkeeping
    moment: datetime
    work: Path
    report_progress: Progress
    listing: Listing
    intact_before: set[Relation]
    _key: PseudonymKey | None = None
    _attempts: int = 0
    _faulty: dict[str, dict[str, str]] = field(default_factory=dict)

    def plan(self, feed: Feed) -> FeedLoad:
        began = time.perf_counter()
        if self._key is None and "hash" in feed.personal.values():
            self._key = pseudonym_key(self.books.connection)
        plan = plan_feed(feed, self.books, self._key, self.work / "fetched", self.listing)
        if plan.to_read:
            self.report_progress(f"{feed.name}: {len(plan.to_read)} new or changed files")
        return FeedLoad(plan, planning_seconds=time.perf_counter() - began)

    def land(self, feed_loads: list[FeedLoad]) -> list[FeedLoad]:
        """Loads what the plans say, and creates tables for feeds without one: every staging model needs its source."""
        for feed_load in feed_loads:
            if feed_load.plan.reload:
                self.books.forget(feed_load.plan.feed.name)
        to_load = [feed_load for feed_load in feed_loads if feed_load.plan.to_read or not feed_load.plan.columns]
        chosen = {feed_load.plan.feed.name for feed_load in feed_loads}
        not_chosen = [feed for name, feed in self.company.feeds.items() if name not in chosen]
        without_table = [feed for feed in not_chosen if not self.books.table_columns(feed.name)]
        if to_load or without_table:
            self._land_together(to_load, [_empty_table(feed) for feed in without_table])
        return feed_loads

    def _land_together(self, feed_loads: list[FeedLoad], empty_tables: list[Landing]) -> None:
        """Loads all feeds in one pipeline run. When that fails, each is loaded by itself: only the faulty one fails."""
        intact.remove(self.books.connection, _tables(feed_loads))
        while True:
            self._attempts += 1
            spool = RejectedRows(self.work / f"rejected_rows_{self._attempts}.parquet")
            for feed_load in feed_loads:
                feed_load.reading = self._reading(feed_load.plan, spool)
                feed_load.rejected_rows = spool.path
            try:
                land(
                    self.books.connection,
                    [*(self._landing(feed_load) for feed_load in feed_loads), *empty_tables],
                    self.work / "pipeline",
                )
                return
            except Exception as error:  # dlt wraps any error of a reader or of the database
                if not self._note_retracted(feed_loads):
                    if len(feed_loads) + len(empty_tables) > 1:
                        break
                    if not feed_loads:
                        raise
                    feed_loads[0].failure = _cause(error)
                    return
            finally:
                spool.close()
        for feed_load in feed_loads:
            self._land_together([feed_load], [])
        for landing in empty_tables:
            self._land_together([], [landing])

    def _note_retracted(self, feed_loads: list[FeedLoad]) -> bool:
        """Notes files that turned out to be faulty after some of their rows were loaded; whether there were any.

        The next attempt leaves them out.
        """
        any_retracted = False
        for feed_load in feed_loads:
            if feed_load.reading is not None and feed_load.reading.retracted is not None:
                name, problem = feed_load.reading.retracted
                self._faulty.setdefault(feed_load.plan.feed.name, {})[name] = problem
                any_retracted = True
        return any_retracted

    def _reading(self, plan: FeedPlan, spool: RejectedRows) -> FeedReading:
        return FeedReading(
            plan.feed,
            plan.to_read,
            contents=plan.contents(),
            faulty=self._faulty.get(plan.feed.name, {}),
            key=plan.key,
            loaded_at=self.moment,
            rejected_rows=spool,
            progress=self.report_progress,
        )

    def _landing(self, feed_load: FeedLoad) -> Landing:
        feed = feed_load.plan.feed
        # An interrupted run may have left rows that aren't recorded, so the table itself is queried.
        exists = bool(self.books.table_columns(feed.name))
        names = [file.name for file in feed_load.plan.to_read]
        return Landing(
            name=feed.name,
            columns=stored_columns(feed),
            tables=lambda: _timed(feed_load),
            replaces=exists and bool(self.books.row_counts(feed.name, names)),
            creates=not exists,
        )


def _tables(feed_loads: Iterable[FeedLoad]) -> set[Relation]:
    return {("raw", feed_load.plan.feed.name) for feed_load in feed_loads}


def _timed(feed_load: FeedLoad) -> Iterator[pa.Table]:
    """The feed's tables; adds the time that reading takes to `reading_seconds`."""
    assert feed_load.reading is not None
    tables = feed_load.reading.tables()
    while True:
        began = time.perf_counter()
        try:
            table = next(tables)
        except StopIteration:
            return
        finally:
            feed_load.reading_seconds += time.perf_counter() - began
        yield table


def _empty_table(feed: Feed) -> Landing:
    return Landing(feed.name, stored_columns(feed), tables=lambda: iter(()), replaces=False, creates=True)


def _cause(error: BaseException) -> str:
    """The text of the error's innermost cause, without values."""
    while (deeper := error.__cause__ or error.__context__) is not None:
        error = deeper
    return without_values(error)
