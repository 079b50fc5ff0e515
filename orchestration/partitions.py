"""The months of publication."""

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
    """One partition a month (`2026-10`), from the first feed's history to the running month."""
    first = min(feed.history_from for feed in company.feeds.values())
    return MonthlyPartitionsDefinition(
        start_date=period_of("M", first).code, fmt="%Y-%m", timezone=company.time_zone, end_offset=1
    )


def open_months(company: Company) -> tuple[str, str]:
    """The first and last partition with a period that is open, or closed yesterday, or is still published provisional.

    So a period is told again once more after it has closed, however long no run came. What a run judges beside them,
    such as the history of a KPI with a new definition, is what `data_quality/release/unsettled.py` finds.
    """
    catalog = Catalog.read(company)
    today = clock.today(company.time_zone)
    last = period_of("M", today)
    first = period_of("M", provisional) if (provisional := reader.first_provisional()) else last
    # No period that ends in a month closes later than the month itself.
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
    """The first and last day of the months of a period.

    Raises NyckeltalError for a code that names no period, or none of the company's history.
    """
    first, last = history(company)
    asked = parse(code)
    if asked.end < first or asked.start > last:
        raise NyckeltalError(
            "lies outside the company's history", field="period", found=code, expected=f"{first:%Y-%m} to {last:%Y-%m}"
        )
    return max(period_of("M", asked.start).start, first), min(period_of("M", asked.end).end, last)
