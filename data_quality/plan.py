"""Which keys (KPI, freq, time_period) a gate must judge: a key that is planned and has no candidate is held."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from data_quality.warehouse import has_table
from metrics import clock
from metrics.catalog import Catalog, CatalogKpi
from metrics.company import Company
from metrics.periods import Period, later, periods_between


@dataclass(frozen=True)
class Planned:
    """One key to judge.

    `observable_from` is the first day that the KPI's whole input covers, with its look-back; `is_over` says whether the
    last day that the value is computed from has passed.
    """

    kpi: CatalogKpi
    period: Period
    observable_from: date | None
    is_over: bool

    @property
    def key(self) -> tuple[str, str, str]:
        """(kpi_id, freq, time_period)."""
        return self.kpi.kpi_id, self.period.freq, self.period.code


def plan(
    connection: duckdb.DuckDBPyConnection, company: Company, catalog: Catalog, first: date, last: date
) -> list[Planned]:
    """Every key of the supplied KPIs whose period ended in [first, last] and before today.

    Periods wholly before the KPI is observable are left out. One that is observable in part is planned: it fails for
    incomplete inputs, which is better than being forgotten.
    """
    history = _history(connection, company)
    yesterday = clock.today(company.time_zone) - timedelta(days=1)
    planned = []
    for kpi in catalog.kpis:
        if not kpi.supplied:
            continue
        observable = _observable_from(kpi, history)
        start = first if observable is None else max(first, observable)
        for freq in kpi.freqs:
            for period in periods_between(freq, start, min(last, yesterday)):
                planned.append(Planned(kpi, period, observable, kpi.reaches_to(period) <= yesterday))
    return planned


def _history(connection: duckdb.DuckDBPyConnection, company: Company) -> dict[str, date]:
    """The first day of each feed: as its last ingest knew it, else as the company states it."""
    history = {name: feed.history_from for name, feed in company.feeds.items()}
    if has_table(connection, "raw", "_feeds"):
        history.update(connection.execute("select feed, history_from from raw._feeds").fetchall())
    return history


def _observable_from(kpi: CatalogKpi, history: dict[str, date]) -> date | None:
    starts = [history[feed] for feed in kpi.feeds if history.get(feed) is not None]
    if not starts:
        return None
    return later(max(starts), kpi.lookback) if kpi.lookback else max(starts)
