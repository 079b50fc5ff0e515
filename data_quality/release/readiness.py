"""Whether a release could be made now: asked before a run brings in, builds or judges anything, and by each release.

Runs are asked for more, as they go by themselves: a decision or a purge may come long after the newest release.
A release with the clock ahead would keep every later one waiting; one without the ledger's past would erase it.
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

# A source that delivers once a quarter has delivered within that time.
FARTHEST = timedelta(days=100)


def require(company: Company, newest_delivery: datetime | None = None) -> None:
    """Raises NyckeltalError when a run could make no release now, or the clock stands far beyond all that is known.

    `newest_delivery` is that of all sources, else of raw. Before the first release only the deliveries could tell, and
    those of an archive may be years old. It writes nothing.
    """
    ledger = require_past(company)
    if ledger is None or ledger.newest is None:
        return
    released, now = ledger.newest["published_at"], clock.now()
    known = max(released, newest_delivery or _newest_in_raw() or released)
    if now - known > FARTHEST:
        raise NyckeltalError(
            f"the clock stands {(now - known).days} days after the newest release and the newest delivery; set it right"
            " (NYCKELTAL_NOW, else the machine's), or if it is right, run again once a source has delivered",
            found=now.isoformat(timespec="seconds"),
            expected=f"at most {FARTHEST.days} days after {known.isoformat(timespec='seconds')}",
        )


def require_past(company: Company) -> Ledger | None:
    """The ledger, None where there is none yet. It writes nothing.

    Raises NyckeltalError when it lacks what is published, or the clock stands before its newest release.
    """
    ledger = Ledger.find(deployment.ledger_path())
    require_published(ledger)
    if ledger is not None:
        require_clock(ledger, company)
    return ledger


def require_clock(ledger: Ledger, company: Company) -> None:
    """Raises NyckeltalError when the clock stands before the newest release."""
    newest, now = ledger.newest, clock.now()
    if newest is None:
        return
    if now < newest["published_at"] or clock.today(company.time_zone) < newest["realtime_start"]:
        raise NyckeltalError(
            f"the clock stands before the newest release, number {newest['sequence']}; set the clock right, or where it"
            " stood ahead at that release, `kpi ledger set-clock-back` records that",
            found=now.isoformat(timespec="seconds"),
            expected=f"{newest['published_at'].isoformat(timespec='seconds')} or later",
        )


def require_published(ledger: Ledger | None) -> None:
    """Raises NyckeltalError when the published file, or an earlier version's, holds a release not in the ledger."""
    known = {row["release_id"] for row in ledger.releases} if ledger else set()
    for path in (deployment.published_path(), deployment.former_published_path()):
        newest = _newest_published(path)
        if newest is not None and newest[0] not in known:
            raise NyckeltalError(
                f"{path} holds release {newest[1]}, which the ledger lacks: the ledger is lost, or an older copy, or"
                " another than NYCKELTAL_LEDGER should name. Restore it. If what it holds is to stand, run `kpi ledger"
                " rebuild`; to begin a new one, move that file away",
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
        return None  # it is rendered anew by the next release
    return (row[0], row[1]) if row else None


def _newest_in_raw() -> datetime | None:
    """The newest delivery of all that was brought in; None where there is none."""
    if not deployment.warehouse_path().exists():
        return None
    with warehouse.connect() as connection:
        if not warehouse.has_table(connection, "raw", "_feeds"):
            return None
        row = connection.execute("select max(newest_delivery) from raw._feeds").fetchone()
    return row[0] if row else None
