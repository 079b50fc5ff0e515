"""The one clock. Nothing else asks the machine for the time."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from metrics.core.errors import NyckeltalError


def now() -> datetime:
    """This moment in UTC; `NYCKELTAL_NOW` (ISO 8601) sets another.

    Raises NyckeltalError when that variable holds no time.
    """
    stated = os.environ.get("NYCKELTAL_NOW")
    if not stated:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(stated)
    except ValueError:
        raise NyckeltalError(
            "not a time", field="NYCKELTAL_NOW", found=stated, expected="like 2026-11-23T06:00:00+00:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def today(time_zone: str) -> date:
    """The date of this moment in a time zone such as Europe/Stockholm."""
    return now().astimezone(ZoneInfo(time_zone)).date()
