"""Readiness: whether a release can be made now. Checked before a run ingests, builds or judges, and by each release.

A release with the clock ahead would block every later one until that time. A release without the ledger's history
would erase it from the published file. Runs start unattended, so that they also require a clock near the newest
delivery; decisions and purges may come long after the newest release.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from data_quality import warehouse
from data_quality.ledger.store import Ledger
from metrics.core import clock, deployment
from metrics.core.errors import NyckeltalError
from metrics.definitions.company import Company

# How far the clock may be after everything known: a source that delivers once a quarter has delivered within that time.
FARTHEST = timedelta(days=100)


def require(company: Company, newest_delivery: datetime | None = None) -> None:
    """Raises NyckeltalError when a run can make no release now, or the clock is far after everything known.

    `newest_delivery` is that of all sources; without it, the newest in raw counts. Before the first release the clock
    isn't compared with deliveries, as those of an archive may be years old. Writes nothing.
    """
    ledger = require_past(company)
    if ledger is None or ledger.newest is None:
        return
    released, now = ledger.newest["published_at"], clock.now()
    known = max(released, newest_delivery or _newest_in_raw() or released)
    if now - known > FARTHEST:
        raise NyckeltalError(
            f"the clock is {(now - known).days} days after the newest release and the newest delivery; set it right"
            " (NYCKELTAL_NOW, else the machine's), or if it is right, run again once a source has delivered",
            found=now.isoformat(timespec="seconds"),
            expected=f"at most {FARTHEST.days} days after {known.isoformat(timespec='seconds')}",
        )


def require_past(company: Company) -> Ledger | None:
    """The ledger, None where there is none yet. Writes nothing.

    Raises NyckeltalError when it lacks a release that is published, or the clock is before its newest release.
    """
    ledger = Ledger.find(deployment.ledger_path())
    require_published(ledger)
    if ledger is not None:
        require_clock(ledger, company)
    return ledger


def require_clock(ledger: Ledger, company: Company) -> None:
    """Raises NyckeltalError when the clock is before the newest release."""
    newest, now = ledger.newest, clock.now()
    if newest is None:
        return
    if now < newest["published_at"] or clock.today(company.time_zone) < newest["realtime_start"]:
        raise NyckeltalError(
            f"the clock is before the newest release, number {newest['sequence']}; set the clock right, or if it was"
            " ahead at that release, record that with `kpi ledger set-clock-back`",
            found=now.isoformat(timespec="seconds"),
            expected=f"{newest['published_at'].isoformat(timespec='seconds')} or later",
        )


def require_published(ledger: Ledger | None) -> None:
    """Raises NyckeltalError when a published file (here or where earlier versions wrote it) has a release not in it."""
    known = {row["release_id"] for row in ledger.releases} if ledger else set()
    for path in (deployment.published_path(), deployment.former_published_path()):
        newest = _newest_published(path)
        if newest is not None and newest[0] not in known:
            raise NyckeltalError(
                f"{path} holds release {newest[1]}, which the ledger lacks: the ledger is lost, or is an older copy, or"
                " NYCKELTAL_LEDGER names another one. Restore it. To publish what this ledger holds, run `kpi ledger"
                " rebuild`; to start a new ledger, move that file away",
                file=deployment.ledger_path(),
            )


def _newest_published(path: Path) -> tuple[str, int] | None:
    """The id and sequence of the newest release in the published file; None where it can't be read."""
    if not path.exists():
        return None
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            query = "select release_id, sequence from kpi.releases order by sequence desc limit 1"
            row = connection.execute(query).fetchone()
    except duckdb.Error:
        return None  # the next release renders it again
    return (row[0], row[1]) if row else None


def _newest_in_raw() -> datetime | None:
    """The newest delivery of everything ingested; None where there is none."""
    if not deployment.warehouse_path().exists():
        return None
    with warehouse.connect() as connection:
        if not warehouse.has_table(connection, "raw", "_feeds"):
            return None
        row = connection.execute("select max(newest_delivery) from raw._feeds").fetchone()
    return row[0] if row else None
