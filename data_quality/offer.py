"""What the warehouse offers for release, read at once: candidates, builds, verdicts, cells and the state of feeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import duckdb
import pyarrow as pa

from data_quality import candidates, verdict, warehouse
from data_quality.candidates import Loaded
from data_quality.disclosure import histories
from data_quality.plan import Planned, plan
from data_quality.verdict import Key, Verdict
from metrics.catalog import Catalog
from metrics.company import Company

# A sum to date is a value only where the input covers the whole time that it adds up.
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
    """How far a feed has come: it is whole up to and including `watermark`; `outstanding` says what it still lacks."""

    feed: str
    watermark: date | None
    newest_delivery: datetime | None
    outstanding: str | None


@dataclass(frozen=True)
class Offer:
    """All that admission and release need of the warehouse, so that it can be closed meanwhile."""

    planned: dict[Key, Planned]
    loaded: Loaded
    verdicts: dict[Key, Verdict]
    rows: dict[str, pa.Table]  # by kpi_id, the columns of candidates.COLUMNS; with those of parts of weeks
    feeds: dict[str, FeedState]
    histories: dict[str, pa.Table] = field(default_factory=dict)  # of KPIs of persons' amounts, by kpi_id


def read(
    connection: duckdb.DuckDBPyConnection,
    company: Company,
    catalog: Catalog,
    first: date,
    last: date,
    only: Key | None = None,
) -> Offer:
    """The offer of the keys whose period ended in [first, last], or of one of them, from an open warehouse."""
    planned = {item.key: item for item in plan(connection, company, catalog, first, last) if only in (None, item.key)}
    loaded = candidates.load(connection, catalog, since=first)
    # Of protected KPIs always all, as they tell of each other.
    observable: dict[str, date | None] = {kpi.kpi_id: None for kpi in catalog.kpis if kpi.protected and kpi.supplied}
    observable |= {item.kpi.kpi_id: item.observable_from for item in planned.values()}
    rows = {
        kpi_id: connection.execute(_ROWS, {"kpi_id": kpi_id, "observable_from": observable[kpi_id]}).to_arrow_table()
        for kpi_id in sorted(observable)
    }
    feeds: dict[str, FeedState] = {}
    if warehouse.has_table(connection, "raw", "_feeds"):
        query = "select feed, watermark, newest_delivery, outstanding from raw._feeds"
        feeds = {name: FeedState(name, *facts) for name, *facts in connection.execute(query).fetchall()}
    behind = {kpi.kpi_id: histories.read(connection, kpi) for kpi in catalog.kpis if kpi.contributions and kpi.supplied}
    return Offer(planned, loaded, verdict.stored(connection, first, last), rows, feeds, behind)
