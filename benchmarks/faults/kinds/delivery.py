"""Faults of delivery: files and rows that don't come, come twice, come late, or come again as they were."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from benchmarks.faults.files import Change, Files, Span
from benchmarks.faults.kinds.kind import DAYS, kind, moved, new_keys, scaled, some


@kind(
    {"1 day": 1, "3 days": 3, "10 days": 10},
    dict.fromkeys(("order_lines", "orders", "google_ads", "sessions", "leads", "tickets", "incidents", "readings")),
    adventureworks={"sales": None, "returns": None},
    ravenstack={"support_tickets": None, "accounts": None},
)
def missing_day(files: Files, feed: str, _: None, days: float) -> None:
    """Days in the middle of the month are missing."""
    files.remove(feed, files.middle(days))


@kind(
    {"last 10 days": 10, "last 20 days": 20, "whole month": 31},
    dict.fromkeys(("order_lines", "deliveries", "meta_ads", "sessions", "leads", "tickets", "incidents", "readings")),
    adventureworks={"sales": None, "returns": None},
    ravenstack={"support_tickets": None},
)
def missing_feed(files: Files, feed: str, _: None, days: float) -> None:
    """The feed stopped in the month, and nothing of it has come since."""
    files.remove(feed, files.tail(days))


@kind(
    {"2 days": 2, "4 days": 4, "7 days": 7},
    dict.fromkeys(("orders", "google_ads", "sessions", "incidents", "readings")),
    adventureworks={"sales": None},
    ravenstack={"support_tickets": None},
)
def truncated_last_week(files: Files, feed: str, _: None, days: float) -> None:
    """The month's last days are missing; what came after them is there."""
    files.remove(feed, Span(files.tail(days).first, files.month.end))


@kind(
    {"5 %": 0.05, "25 %": 0.25, "50 %": 0.5},
    dict.fromkeys(("order_lines", "linkedin_ads", "leads", "tickets", "incidents", "readings")),
    adventureworks={"sales": None},
)
def half_a_file(files: Files, feed: str, _: None, lost: float) -> None:
    """The end of every file of the month is cut off, in the middle of a line."""
    files.edit_bytes(feed, lambda content: content[: int(len(content) * (1 - lost))])


@kind(DAYS, dict.fromkeys(("deliveries", "order_lines", "meta_ads")))
def empty_file(files: Files, feed: str, _: None, days: float) -> None:
    """Files come with their header and no rows."""
    files.edit(feed, lambda rows: rows.iloc[:0], files.middle(days))


@kind(
    {"1 day": 1, "3 days": 3, "10 days": 10},
    dict.fromkeys(("order_lines", "google_ads", "sessions", "readings", "leads")),
    adventureworks={"returns": None},
    ravenstack={"support_tickets": None},
)
def duplicated_day(files: Files, feed: str, _: None, days: float) -> None:
    """Days are delivered twice, the second time in a file of another name or further down in the same one."""
    span = files.middle(days)
    if len(list(files.with_days(feed, span))) == 1 and days > 1:
        files.edit(feed, lambda rows: pd.concat([rows, rows]), span)
        return
    for path in list(files.with_days(feed, span)):
        if days == 1 and files.read(feed, path).pipe(lambda rows: files.days(feed, rows).nunique()) > 2:
            files.edit(feed, lambda rows: pd.concat([rows, rows]), span)
        else:
            files.write(feed, path.with_name(f"again_{path.name}"), files.read(feed, path).iloc[::-1])


@kind(
    {"3 days old": 3, "10 days old": 10, "25 days old": 25},
    dict.fromkeys(("customers", "tickets", "leads", "incidents", "absences")),
    adventureworks={"sales": None, "returns": None},
    ravenstack={"support_tickets": None, "accounts": None},
)
def resent_older_version(files: Files, feed: str, _: None, days: float) -> None:
    """The newest version is replaced by one of some days ago."""
    known_until = pd.Timestamp(files.now.date() - timedelta(days=int(days)))
    columns = files.company.feeds[feed].columns

    def as_it_was(rows: pd.DataFrame) -> pd.DataFrame:
        rows = rows[files.days(feed, rows) < known_until].copy()
        for name, column in columns.items():
            if column.type in ("date", "timestamp") and name in rows and name != files.company.feeds[feed].time_column:
                form = column.format or "ISO8601"
                later = pd.to_datetime(rows[name].replace("", None), format=form) >= known_until
                rows[name] = rows[name].astype(object).mask(later, None)
        return rows

    files.edit_whole(feed, as_it_was)


@kind(
    {"3 days": 3, "10 days": 10, "25 days": 25},
    dict.fromkeys(("exchange_rates", "sessions", "google_ads", "readings")),
)
def stands_still(files: Files, feed: str, _: None, days: float) -> None:
    """The feed stops changing: it delivers the same numbers again every day until now."""
    span = files.tail(days)
    last = span.first - timedelta(days=1)
    seen: list[pd.DataFrame] = []

    def look(rows: pd.DataFrame) -> pd.DataFrame:
        seen.append(rows)
        return rows

    files.edit(feed, look, Span(last, last))
    for number in range(1, (span.last - last).days + 1):
        day = last + timedelta(days=number)
        files.edit(feed, _instead(moved(files, feed, pd.concat(seen), pd.Timedelta(days=number))), Span(day, day))


def _instead(rows: pd.DataFrame) -> Change:
    return lambda _: rows


@kind(
    {"2 %": 0.02, "10 %": 0.1, "50 %": 0.5},
    {
        "order_lines": "order_line_id",
        "leads": "lead_id",
        "tickets": "ticket_id",
        "sessions": "sessions",
        "google_ads": "cost_micros",
        "readings": "kwh",
    },
    adventureworks={"sales": "OrderNumber"},
    ravenstack={"support_tickets": "ticket_id"},
)
def late_after_close(files: Files, feed: str, column: str, more: float) -> None:
    """A month that closed weeks ago is delivered again with more: new rows, or higher numbers where it has no keys."""

    def with_more(rows: pd.DataFrame) -> pd.DataFrame:
        if files.company.feeds[feed].columns[column].type != "text":
            return scaled(rows, column, 1 + more)
        new = rows[some(files, rows, more)]
        return pd.concat([rows, new.assign(**{column: new_keys(new[column])})])

    files.edit(feed, with_more, files.earlier(2))


@kind(
    {"5 %": 0.05, "15 %": 0.15, "40 %": 0.4},
    dict.fromkeys(("orders", "sessions", "tickets", "readings", "leads")),
    adventureworks={"sales": None, "returns": None},
    ravenstack={"support_tickets": None, "accounts": None},
)
def rows_lost(files: Files, feed: str, _: None, share: float) -> None:
    """Rows are lost all over the month, by chance."""
    files.edit(feed, lambda rows: rows[~some(files, rows, share)])


@kind(
    {"up to 10 %": 0.1, "up to 30 %": 0.3, "up to 80 %": 0.8},
    dict.fromkeys(("order_lines", "sessions", "leads")),
    adventureworks={"sales": None},
    ravenstack={"support_tickets": None},
)
def slow_leak(files: Files, feed: str, _: None, worst: float) -> None:
    """Ever more rows are lost from the month's first day to its last."""

    def leak(rows: pd.DataFrame) -> pd.DataFrame:
        age = (files.days(feed, rows) - pd.Timestamp(files.month.start)).dt.days / 30
        return rows[pd.Series(files.rng.random(len(rows)), index=rows.index) >= age * worst]

    files.edit(feed, leak)
