"""Which days a KPI's feeds can tell of: up to when values are awaited where feeds ended or are paused. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta

from metrics.core.periods import later
from metrics.definitions.feeds import Feed


def observable_to(
    feeds: Mapping[str, Feed], upstream: Collection[str], events: Collection[str], matures_after: str | None
) -> date | None:
    """The last day on which a period may end that is awaited; None where none is the last.

    `upstream` are the names of all feeds that the KPI reads, `events` of those that it doesn't only look things up in.
    A feed that ended is complete: there are periods until the last of those with events has. A feed that is paused
    isn't: what is computed from its days on waits for it.
    """
    bringing = [feeds[name] for name in events if feeds[name].time_column] or [feeds[name] for name in events]
    last = [] if any(feed.ended is None for feed in bringing) else [feed.ended for feed in bringing if feed.ended]
    days = [max(last)] if last else []
    pauses = [paused.since for name in upstream if (paused := feeds[name].paused)]
    if pauses:
        day = min(pauses) - timedelta(days=1)
        while matures_after and later(day, matures_after) >= min(pauses):
            day -= timedelta(days=1)
        days.append(day)
    return min(days, default=None)


def pauses(feeds: Mapping[str, Feed], upstream: Collection[str]) -> str | None:
    """Which of those feeds are paused, since when and why, for a reader; None where none is."""
    told = [
        f"feed {name} is paused from {paused.since} on: {paused.why}"
        for name in upstream
        if (paused := feeds[name].paused)
    ]
    return "; ".join(told) or None
