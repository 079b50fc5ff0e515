"""The watermark of a feed: the last day for which all its rows are known to be there."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from metrics.definitions.feeds import CompleteThrough, Feed


def watermark(
    feed: Feed,
    *,
    newest_event: datetime | None,
    newest_delivery: datetime | None,
    files_loaded: int,
    today: date,
    time_zone: str,
) -> date | None:
    """The last day that the feed is known to cover; None when no file was loaded, or no event or delivery shows a day.

    `newest_event` is the newest time of rows that are dated no later than their delivery: a row dated ahead says
    nothing about the days in between. A delivery covers the days before the day on which it came, in the company's
    time zone. No feed is complete after `today`, whatever the company states and whatever time a file has. A feed that
    has ended is complete until `today`, because no more rows are expected.
    """
    if not files_loaded:
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
