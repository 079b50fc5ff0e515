"""Recovery from releases that were made with the clock ahead: a release that records it.

No row of the ledger changes. A release counts as made no later than the one after it, so that the time of the recording
release corrects the times of those before it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from data_quality import warehouse
from data_quality.ledger.lock import releasing
from data_quality.ledger.schemas import OBSERVATIONS, VERDICTS
from data_quality.ledger.store import Ledger
from data_quality.ledger.verify import verify
from data_quality.release import readiness
from metrics.core import clock, deployment
from metrics.core.errors import NyckeltalError
from metrics.core.quoting import identifier
from metrics.definitions.company import Company
from metrics.definitions.roles import listed_spelling

# Columns that this machine's clock filled. Times that sources state are not corrected.
_TIMES = ("_loaded_at", "loaded_at", "built_at", "checked_at")


def set_back(company: Company, *, reason: str, by: str) -> dict[str, Any]:
    """Record that the clock was ahead at the newest release, so that releases continue from now; the release's row.

    Times in the warehouse that are after now are set to now too.
    Raises NyckeltalError when the clock isn't before the newest release, the person isn't named in roles.yml, the
    reason is empty, or the ledger is damaged.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise NyckeltalError("setting the clock back needs a reason", field="--reason")
    deciders = tuple(dict.fromkeys(name for names in company.roles.decides.values() for name in names))
    person = listed_spelling(by, deciders)
    if person is None:
        raise NyckeltalError(
            "may not set the clock back", file=company.path / "roles.yml", field="by", found=by,
            expected=" or ".join(deciders) or "names under `decides`",
        )  # fmt: skip
    with releasing():
        root = deployment.ledger_path()
        ledger = Ledger.open(root, make=False)
        verify(ledger).require_sound(root)
        readiness.require_published(ledger)
        newest, now = ledger.newest, clock.now()
        if newest is None or newest["published_at"] <= now:
            raise NyckeltalError("the clock isn't before the newest release; there is nothing to set back", file=root)
        _set_warehouse_back(now)
        return Ledger.open(root).append(
            OBSERVATIONS.empty_table(),
            VERDICTS.empty_table(),
            realtime_start=clock.today(company.time_zone),
            published_at=now,
            catalog=newest["catalog"],
            batch_id=None,
            company=newest["company"],
            note=f"The clock had been ahead, at {newest['published_at']:%Y-%m-%d}: {reason} ({person})",
        )


def _set_warehouse_back(now: datetime) -> None:
    """Set times in the warehouse that are after `now` to it, because rows that come later must have later times."""
    if not deployment.warehouse_path().exists():
        return
    with warehouse.connect() as connection:
        connection.execute("begin")
        tables = connection.execute(
            "select table_schema, table_name, column_name from information_schema.columns"
            " where table_catalog = current_database() and table_schema in ('raw', 'kpi')"
            " and data_type = 'TIMESTAMP WITH TIME ZONE' and list_contains($times, column_name)",
            {"times": list(_TIMES)},
        ).fetchall()
        for schema, table, column in tables:
            name = f"{identifier(schema)}.{identifier(table)}"
            connection.execute(f"update {name} set {column} = $now where {column} > $now", {"now": now})
        connection.execute("commit")
