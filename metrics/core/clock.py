"""The one clock. Nothing else asks the machine for the time."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from metrics.core.errors import NyckeltalError


def now() -> datetime:
    """The current time in UTC, or the time in `NYCKELTAL_NOW` (ISO 8601; without an offset, UTC).

    Raises NyckeltalError when that variable isn't a time.
    """
    override = os.environ.get("NYCKELTAL_NOW")
    if not override:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(override)
    except ValueError:
        raise NyckeltalError(
            "not a time", field="NYCKELTAL_NOW", found=override, expected="a time such as 2026-11-23T06:00:00+00:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def today(time_zone: str) -> date:
    """The current date in a time zone such as Europe/Stockholm."""
    return now().astimezone(ZoneInfo(time_zone)).date()
