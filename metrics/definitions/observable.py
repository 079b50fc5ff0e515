"""The last day of a KPI's values, where feeds have ended or are paused, or the KPI is retired. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta

from metrics.core.periods import later
from metrics.definitions.feeds import Feed
from metrics.definitions.kpis.adoption import Retired


def observable_to(
    feeds: Mapping[str, Feed],
    upstream: Collection[str],
    events: Collection[str],
    matures_after: str | None,
    retired: Retired | None = None,
) -> date | None:
    """The last day on which an observable period may end; None without a limit.

    `upstream` are the names of all feeds that the KPI reads. `events` are the feeds among them that bring its events,
    and not only values that it looks up. A feed that has ended is complete, so periods are observable until the last of
    the feeds with events has ended. A paused feed is not complete: a period is observable only if it, and a cohort's
    window, ends before the pause. If the KPI is retired, periods are observable that end by the day of its retirement.
    """
    event_feeds = [feeds[name] for name in events if feeds[name].time_column] or [feeds[name] for name in events]
    end_days = [feed.ended for feed in event_feeds if feed.ended is not None]
    last_days = [max(end_days)] if end_days and len(end_days) == len(event_feeds) else []
    pause_days = [paused.since for name in upstream if (paused := feeds[name].paused)]
    if pause_days:
        first_pause = min(pause_days)
        day = first_pause - timedelta(days=1)
        while matures_after and later(day, matures_after) >= first_pause:
            day -= timedelta(days=1)
        last_days.append(day)
    if retired:
        last_days.append(retired.on)
    return min(last_days, default=None)


def pauses(feeds: Mapping[str, Feed], upstream: Collection[str]) -> str | None:
    """A text that says which of those feeds are paused, since when and why; None where none is paused."""
    sentences = [
        f"feed {name} is paused from {paused.since} on: {paused.why}"
        for name in upstream
        if (paused := feeds[name].paused)
    ]
    return "; ".join(sentences) or None
