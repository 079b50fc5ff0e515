"""The months of publication."""

from __future__ import annotations

from datetime import date, timedelta

from dagster import MonthlyPartitionsDefinition

from metrics import clock
from metrics.company import Company
from metrics.errors import NyckeltalError
from metrics.periods import Period, parse, period_of


def months(company: Company) -> MonthlyPartitionsDefinition:
    """One partition a month (`2026-10`), from the first feed's history to the running month."""
    first = min(feed.history_from for feed in company.feeds.values())
    return MonthlyPartitionsDefinition(
        start_date=period_of("M", first).code, fmt="%Y-%m", timezone=company.time_zone, end_offset=1
    )


def open_months(company: Company) -> tuple[str, str]:
    """The first and last partition with a period that isn't closed yet."""
    today = clock.today(company.time_zone)
    first = period_of("M", today - timedelta(days=company.closes_after_days + 1))
    return first.code, period_of("M", today).code


def span(company: Company, period: str | None) -> tuple[date, date]:
    """The days that a run is for: those of the months in which a period ends, or the whole history.

    Raises NyckeltalError for a code that names no period, or none of the company's history.
    """
    today = clock.today(company.time_zone)
    first = min(feed.history_from for feed in company.feeds.values())
    if period is None:
        return period_of("M", first).start, period_of("M", today).end
    asked = parse(period)
    if asked.end < first or asked.start > today:
        raise NyckeltalError(
            "lies outside the company's history", field="period", found=period, expected=f"{first} to {today}"
        )
    end = min(asked.end, period_of("M", today).end)
    return max(_month(asked.start), period_of("M", first)).start, _month(end).end


def _month(day: date) -> Period:
    return period_of("M", day)
