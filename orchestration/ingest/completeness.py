"""How far a feed is complete: its watermark, the last day known whole."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from metrics.definitions.feeds import CompleteThrough, Feed


def watermark(
    feed: Feed,
    *,
    newest_event: datetime | None,
    newest_delivery: datetime | None,
    files: int,
    today: date,
    time_zone: str,
) -> date | None:
    """The last day that the feed is known to cover, or None when nothing arrived.

    `newest_event` is that of rows dated no later than their delivery: a booking ahead or a wrong date proves nothing
    of the days between. A delivery covers the days before the one on which it came, in the company's time zone. No
    feed is complete beyond `today`, whatever the company states or the time is that a file's system wrote on it. One
    that ended before is complete until then, as nothing of it is awaited.
    """
    if not files:
        return None
    if feed.ended is not None and feed.ended < today:
        return today
    if isinstance(feed.watermark, CompleteThrough):
        return min(feed.watermark.complete_through, today)
    if feed.watermark == "delivery":
        if newest_delivery is None:
            return None
        return min(newest_delivery.astimezone(ZoneInfo(time_zone)).date(), today) - timedelta(days=1)
    return min(newest_event.date(), today) if newest_event is not None else None
