"""`rejected_rows`: rows that could not be read as the feed declares them."""

from __future__ import annotations

import duckdb
import pandas as pd

from data_quality.checks.check import Check
from data_quality.checks.feed_shares import largest

# Of the files that have other rows of the period, or no other rows at all.
_FIGURE = largest(
    """
shares as (
    select p.key_no, p.period_start, k.feed,
        coalesce(sum(f.n_aside) / sum(f.n_aside + f.n_ahead + f.n_rows), 0) as share
    from spans p
    join kpi_feeds k using (kpi_id)
    left join file_days f on f.feed = k.feed
        and (f.first_day is null or f.first_day <= p.period_end and f.last_day >= p.period_start)
    group by all
)
""",
    "of the rows could not be read",
)


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The largest share of the KPI's feeds, of every planned key."""
    return connection.execute(_FIGURE).df()


CHECK = Check(figure, "All rows of the feed could be read.", "rows could not be read", flag=0, hold=0.02)
