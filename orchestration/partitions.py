"""The months that Dagster's partitions stand for, and which of them a run judges."""

from __future__ import annotations

from datetime import date, timedelta

from dagster import MonthlyPartitionsDefinition

from metrics.core import clock
from metrics.core.errors import NyckeltalError
from metrics.core.periods import parse, period_of
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from publishing import reader


def months(company: Company) -> MonthlyPartitionsDefinition:
    """One partition per month (`2026-10`), from the first month of any feed's history to the present month."""
    first = min(feed.history_from for feed in company.feeds.values())
    return MonthlyPartitionsDefinition(
        start_date=period_of("M", first).code, fmt="%Y-%m", timezone=company.time_zone, end_offset=1
    )


def open_months(company: Company) -> tuple[str, str]:
    """The first and last partition with a period that is open, closed yesterday, or is still published as provisional.

    So each period is judged once more after it has closed, however long ago the last run was. A run also judges the
    periods that `data_quality/release/unsettled.py` finds, such as the history of a KPI with a new definition.
    """
    catalog = Catalog.read(company)
    today = clock.today(company.time_zone)
    last = period_of("M", today)
    first = period_of("M", provisional) if (provisional := reader.first_provisional()) else last
    # No period that ends in a month closes later than the month.
    while any(catalog.closes_on(kpi, first.shift(-1)) >= today - timedelta(days=1) for kpi in catalog.kpis):
        first = first.shift(-1)
    return max(first, period_of("M", history(company)[0])).code, last.code


def history(company: Company) -> tuple[date, date]:
    """The first and last day of all months."""
    first = min(feed.history_from for feed in company.feeds.values())
    return period_of("M", first).start, period_of("M", clock.today(company.time_zone)).end


def still_open(company: Company) -> tuple[date, date]:
    """The first and last day of the open months."""
    first, last = open_months(company)
    return parse(first).start, parse(last).end


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
