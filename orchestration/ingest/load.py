"""Ingest from end to end: plan each feed, land what is new with dlt, then record it all in one transaction."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from metrics.core import clock
from metrics.core.deployment import data_dir
from metrics.core.errors import NyckeltalError, did_you_mean, without_values
from metrics.definitions.company import Company
from metrics.definitions.feeds import Feed
from orchestration.ingest.bookkeeping import Bookkeeping
from orchestration.ingest.feed_plan import FeedPlan, planned
from orchestration.ingest.feed_reading import FeedReading, stored_columns
from orchestration.ingest.landing import Landing, land
from orchestration.ingest.personal import PseudonymKey, pseudonym_key
from orchestration.ingest.raw_connection import warehouse
from orchestration.ingest.record import FeedReport, Landed, recorded
from orchestration.ingest.rejected_rows import RejectedRows

Progress = Callable[[str], None]


def ingest(company: Company, feeds: Sequence[str] | None = None, progress: Progress | None = None) -> list[FeedReport]:
    """Takes in what is new of the feeds (default: all), and reports on each of them.

    A feed's bad input is told in its report and stops no other feed. A run that is cut short loses and doubles
    nothing: the next one completes it.

    Raises NyckeltalError: an unknown feed, a warehouse that another process has open, a data folder that can't be
    written to, or rows that were read and aren't in raw.
    """
    chosen = _chosen(company, feeds)
    tell = progress or (lambda _: None)
    work = data_dir() / "dlt"
    with warehouse() as connection:
        books = Bookkeeping(connection)
        moment = books.later_than_all(clock.now())
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        try:
            run = _Run(company, books, moment, work, tell)
            landed = run.land([run.plan(feed) for feed in chosen])
            return recorded(company, books, landed, moment)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _chosen(company: Company, names: Sequence[str] | None) -> list[Feed]:
    for name in names or ():
        if name not in company.feeds:
            near = did_you_mean(name, list(company.feeds))
            raise NyckeltalError(f"there is no feed '{name}'{near}", expected=f"one of {', '.join(company.feeds)}")
    return [feed for name, feed in company.feeds.items() if names is None or name in names]


@dataclass
class _Run:
    """One call of ingest."""

    company: Company
    books: Bookkeeping
    moment: datetime
    work: Path
    tell: Progress
    _key: PseudonymKey | None = None
    _attempts: int = 0
    _faulty: dict[str, dict[str, str]] = field(default_factory=dict)

    def plan(self, feed: Feed) -> Landed:
        began = time.perf_counter()
        notes: list[str] = []
        if self._key is None and "hash" in feed.personal.values():
            self._key = pseudonym_key(self.books.connection, notes.append)
        plan = planned(feed, self.books, self._key, self.work / "fetched")
        plan.notes += notes
        if plan.to_read:
            self.tell(f"{feed.name}: {len(plan.to_read)} new or changed files")
        return Landed(plan, seconds=time.perf_counter() - began)

    def land(self, feeds: list[Landed]) -> list[Landed]:
        """Lands what the plans say, and tables for feeds that have none, so that every staging model has its source."""
        for one in feeds:
            if one.plan.anew:
                self.books.forget(one.plan.feed.name)
        busy = [one for one in feeds if one.plan.to_read or not one.plan.columns]
        chosen = {one.plan.feed.name for one in feeds}
        others = [feed for name, feed in self.company.feeds.items() if name not in chosen]
        bare = [feed for feed in others if not self.books.table_columns(feed.name)]
        if busy or bare:
            self._land_together(busy, [_bare(feed) for feed in bare])
        return feeds

    def _land_together(self, feeds: list[Landed], bare: list[Landing]) -> None:
        """All in one pipeline run; when that fails, each by itself, so that the fault is found and the rest gets in."""
        while True:
            self._attempts += 1
            spool = RejectedRows(self.work / f"set_aside_{self._attempts}.parquet")
            for one in feeds:
                one.reading = self._reading(one.plan, spool)
                one.rejected_rows = spool.path
            try:
                land(
                    self.books.connection,
                    [*(self._landing(one) for one in feeds), *bare],
                    self.work / "pipeline",
                )
                return
            except Exception as error:  # dlt wraps whatever happens in a reader or in the data base
                if not self._take_back(feeds):
                    if len(feeds) + len(bare) > 1:
                        break
                    if not feeds:
                        raise
                    feeds[0].failure = _cause(error)
                    return
            finally:
                spool.close()
        for one in feeds:
            self._land_together([one], [])
        for landing in bare:
            self._land_together([], [landing])

    def _take_back(self, feeds: list[Landed]) -> bool:
        """Notes the files that turned out faulty half-way; the next attempt leaves them out."""
        found = False
        for one in feeds:
            if one.reading is not None and one.reading.retracted is not None:
                name, problem = one.reading.retracted
                self._faulty.setdefault(one.plan.feed.name, {})[name] = problem
                found = True
        return found

    def _reading(self, plan: FeedPlan, spool: RejectedRows) -> FeedReading:
        return FeedReading(
            plan.feed,
            plan.to_read,
            known=plan.columns,
            contents=plan.contents(),
            faulty=self._faulty.get(plan.feed.name, {}),
            key=plan.key,
            loaded_at=self.moment,
            rejected_rows=spool,
            progress=self.tell,
        )

    def _landing(self, one: Landed) -> Landing:
        feed = one.plan.feed
        # A run that was cut short may have left rows that aren't recorded, so it is the table that is asked.
        exists = bool(self.books.table_columns(feed.name))
        names = [file.name for file in one.plan.to_read]
        return Landing(
            name=feed.name,
            columns=stored_columns(feed),
            tables=lambda: _timed(one),
            replaces=exists and bool(self.books.rows_of(feed.name, names)),
            creates=not exists,
        )


def _timed(one: Landed) -> Iterator[pa.Table]:
    assert one.reading is not None
    tables = one.reading.tables()
    while True:
        began = time.perf_counter()
        try:
            table = next(tables)
        except StopIteration:
            return
        finally:
            one.reading_seconds += time.perf_counter() - began
        yield table


def _bare(feed: Feed) -> Landing:
    return Landing(feed.name, stored_columns(feed), tables=lambda: iter(()), replaces=False, creates=True)


def _cause(error: BaseException) -> str:
    while (deeper := error.__cause__ or error.__context__) is not None:
        error = deeper
    return without_values(error)
