"""The planned keys (KPI, freq, time_period): those that a run judges. A planned key without a candidate is held."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from metrics.core import clock
from metrics.core.periods import Period, periods_between
from metrics.definitions.catalog import Catalog, CatalogKpi


@dataclass(frozen=True)
class Planned:
    """One key to judge. `is_over`: the last day that its value is computed from has passed."""

    kpi: CatalogKpi
    period: Period
    is_over: bool

    @property
    def key(self) -> tuple[str, str, str]:
        """(kpi_id, freq, time_period)."""
        return self.kpi.kpi_id, self.period.freq, self.period.code


def plan(
    catalog: Catalog, first: date, last: date, also: Collection[tuple[str, str, str]] = frozenset()
) -> list[Planned]:
    """Every key of the supplied KPIs whose period ended in [first, last], and those of `also`, by KPI and freq.

    Only periods that ended before today and are observable are planned. A period that begins before the history of the
    feeds, or whose value needs earlier data than that, can't be computed; it is neither judged nor held.
    """
    yesterday = clock.today(catalog.calendar.time_zone) - timedelta(days=1)
    start, end = history(catalog) if also else (first, last)
    start, end = min(start, first), min(max(end, last), yesterday)
    planned = []
    for kpi in catalog.kpis:
        if not kpi.supplied:
            continue
        for freq in kpi.freqs:
            for period in periods_between(freq, max(start, kpi.observable_from or start), end):
                planned_key = Planned(kpi, period, kpi.reaches_to(period) <= yesterday)
                if kpi.observes(period) and (first <= period.end <= last or planned_key.key in also):
                    planned.append(planned_key)
    return planned


def history(catalog: Catalog) -> tuple[date, date]:
    """The first day that any supplied KPI's feeds cover, and yesterday."""
    today = clock.today(catalog.calendar.time_zone)
    starts = [kpi.observable_from for kpi in catalog.kpis if kpi.supplied and kpi.observable_from]
    return min(starts, default=today), today - timedelta(days=1)
