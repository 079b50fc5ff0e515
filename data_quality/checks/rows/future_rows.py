"""`future_rows`: rows that are dated after their delivery."""

from __future__ import annotations

import duckdb
import pandas as pd

from data_quality.checks.check import Check
from data_quality.checks.feed_shares import BEFORE, NOW, PERIODS, largest

# Rows ahead are too many where they came to be, and too few in the periods of the rows beside them in their files.
_FIGURE = largest(
    f"""
{PERIODS.format(figure="n_ahead")},
lost as (
    select p.key_no, p.period_start, k.feed, sum(d.n_ahead) as n_lost
    from spans p
    join kpi_feeds k using (kpi_id)
    join lost_days d on d.feed = k.feed and d.day between p.period_start and p.period_end
    group by all
),
shares as (
    select key_no, period_start, feed,
        greatest(greatest({NOW}, coalesce(n_lost / (n_lost + n_rows), 0)) - {BEFORE}, 0) as share
    from periods
    left join lost using (key_no, period_start, feed)
)
""",
    "of the rows are dated after their delivery",
)


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The largest share of the KPI's feeds, of every planned key."""
    return connection.execute(_FIGURE).df()


CHECK = Check(
    figure,
    "No row is dated after its delivery, beyond what is usual.",
    "rows are dated after their delivery",
    flag=0.001,
)
