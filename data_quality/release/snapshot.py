"""The release snapshot: what a release reads of the warehouse, at one moment.

It holds candidates and their cells, builds, verdicts, and how complete the feeds are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import duckdb
import pyarrow as pa

from data_quality import warehouse
from data_quality.disclosure import histories
from data_quality.gate import candidates, verdict
from data_quality.gate.candidates import Loaded
from data_quality.gate.keys import Planned, plan
from data_quality.gate.verdict import Verdict
from data_quality.release.comparison import refactorings
from data_quality.release.comparison.refactorings import Refactoring
from metrics.definitions.catalog import Catalog, Key

# A sum to date is NULL where the feeds don't cover the whole time that it adds up.
_ROWS = """
select * replace (
    case when $observable_from::date <= date_trunc('year', period_end) then year_to_date end as year_to_date,
    case when $observable_from::date <= date_trunc('month', period_end) - interval 11 month
        then rolling_12_months end as rolling_12_months
)
from (from candidate_rows union all from candidate_parts)
where kpi_id = $kpi_id
"""


@dataclass(frozen=True)
class FeedState:
    """How far a feed has come. It is complete up to and including `watermark`; `outstanding` says what is missing.

    `newest_load` is when rows of it were last ingested, which may be long after they were delivered. `newest_event` is
    the time of its newest row, and the counts are of its rows.
    """

    feed: str
    watermark: date | None
    newest_delivery: datetime | None
    outstanding: str | None
    newest_load: datetime | None = None
    newest_event: datetime | None = None
    rows_total: int = 0
    rows_rejected: int = 0

    @property
    def arrivals(self) -> list[datetime]:
        """When its newest rows were delivered and when they were ingested, as far as is known."""
        return [moment for moment in (self.newest_delivery, self.newest_load) if moment is not None]


@dataclass(frozen=True)
class ReleaseSnapshot:
    """Everything that eligibility and release need of the warehouse, so that it can be closed meanwhile.

    `rows` are the cells by kpi_id, with the columns of candidates.COLUMNS, including cells of parts of weeks. For
    protected KPIs they are all cells, for others the loaded ones. `histories` are, by kpi_id, the rows of
    `disclosure.histories` of KPIs that sum amounts of persons.
    """

    planned: dict[Key, Planned]
    loaded: Loaded
    verdicts: dict[Key, Verdict]
    rows: dict[str, pa.Table]
    feeds: dict[str, FeedState]
    histories: dict[str, pa.Table] = field(default_factory=dict)
    refactorings: tuple[Refactoring, ...] = ()


def empty() -> ReleaseSnapshot:
    """The snapshot of a release without values, such as that of a review. The warehouse isn't read."""
    return ReleaseSnapshot({}, Loaded({}, {}, {}), {}, {}, {})


def read(
    connection: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    first: date,
    last: date,
) -> ReleaseSnapshot:
    """The snapshot of the keys whose period ended in [first, last], from an open warehouse."""
    planned = {planned_key.key: planned_key for planned_key in plan(catalog, first, last)}
    loaded = candidates.load(connection, catalog, since=first)
    # Every protected KPI is read, as its published cells can reveal suppressed cells of other protected KPIs.
    kpis = {kpi.kpi_id: kpi for kpi in catalog.kpis if kpi.protected and kpi.supplied}
    kpis |= {planned_key.kpi.kpi_id: planned_key.kpi for planned_key in planned.values()}
    rows = {}
    for kpi_id, kpi in sorted(kpis.items()):
        parameters = {"kpi_id": kpi_id, "observable_from": kpi.observable_from}
        rows[kpi_id] = connection.execute(_ROWS, parameters).to_arrow_table()
    feeds: dict[str, FeedState] = {}
    if warehouse.has_table(connection, "raw", "_feeds"):
        query = (
            "select feed, watermark, newest_delivery, outstanding, newest_event, rows_total, rows_rejected"
            " from raw._feeds"
        )
        newest_loads: dict[str, datetime] = {}
        if warehouse.has_table(connection, "raw", "_files"):
            loads_query = "select feed, max(loaded_at) from raw._files where loaded_at is not null group by feed"
            newest_loads = dict(connection.execute(loads_query).fetchall())
        for name, watermark, delivery, outstanding, *counts in connection.execute(query).fetchall():
            feeds[name] = FeedState(name, watermark, delivery, outstanding, newest_loads.get(name), *counts)
    histories_of_amounts = {
        kpi.kpi_id: histories.read(connection, kpi) for kpi in catalog.kpis if kpi.contributions and kpi.supplied
    }
    verdicts = verdict.stored(connection, first, last)
    return ReleaseSnapshot(planned, loaded, verdicts, rows, feeds, histories_of_amounts, refactorings.read(connection))
