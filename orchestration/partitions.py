"""The months that Dagster's partitions stand for, and which of them a run judges."""

from __future__ import annotations

from datetime import date

from dagster import MonthlyPartitionsDefinition

from metrics.core import clock
from metrics.core.errors import NyckeltalError
from metrics.core.periods import Period, parse, period_of
from metrics.definitions.company import Company


def months(company: Company) -> MonthlyPartitionsDefinition:
    """One partition per month (`2026-10`), from the first month of any feed's history to the present month."""
    first = min(feed.history_from for feed in company.feeds.values())
    return MonthlyPartitionsDefinition(
        start_date=period_of("M", first).code, fmt="%Y-%m", timezone=company.time_zone, end_offset=1
    )


def present_month(company: Company) -> Period:
    """The partition of a run that nobody chose months for.

    Such a run judges what `data_quality/release/unsettled.py` finds in the whole history, the open periods among them.
    """
    return period_of("M", clock.today(company.time_zone))


def history(company: Company) -> tuple[date, date]:
    """The first and last day of all months."""
    first = min(feed.history_from for feed in company.feeds.values())
    return period_of("M", first).start, period_of("M", clock.today(company.time_zone)).end


def of_period(company: Company, code: str) -> tuple[date, date]:
    """The first and last day of the months that a period touches, cut to the company's history.

    2026-Q3 gives 1 July to 30 September; a week may touch two months. Raises NyckeltalError for a code that is not a
    period, or a period that lies wholly outside the history.
    """
    first, last = history(company)
    period = parse(code)
    if period.end < first or period.start > last:
        raise NyckeltalError(
            "lies outside the company's history", field="period", found=code, expected=f"{first:%Y-%m} to {last:%Y-%m}"
        )
    return max(period_of("M", period.start).start, first), min(period_of("M", period.end).end, last)
