"""`future_rows`: rows that are dated after their delivery."""

from __future__ import annotations

import duckdb
import pandas as pd

from data_quality.checks.check import Check
from data_quality.checks.feed_shares import BEFORE, NOW, PERIODS, largest

# Rows ahead are too many where they came to be, and too few in the periods of their files' other rows.
_FIGURE = largest(
    f"""
{PERIODS.format(figure="n_ahead")},
lost as (
    select p.key_no, p.period_start, f.feed, sum(f.n_ahead) / sum(f.n_ahead + f.n_rows) as share
    from spans p
    join kpi_feeds k using (kpi_id)
    join file_days f on f.feed = k.feed and f.first_day <= p.period_end and f.last_day >= p.period_start
    group by all
),
shares as (
    select key_no, period_start, feed, greatest(greatest({NOW}, coalesce(lost.share, 0)) - {BEFORE}, 0) as share
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
