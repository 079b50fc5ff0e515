"""`future_rows`: the share of rows dated more than a day after their delivery, beyond the usual share."""

from __future__ import annotations

import duckdb
import pandas as pd

from data_quality.gate.checks.check import Check
from data_quality.gate.checks.feed_shares import share_beyond_usual_sql

_FIGURE = share_beyond_usual_sql("n_ahead", "of the rows are dated after their delivery")


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The largest share among the KPI's feeds, of every planned key."""
    return connection.execute(_FIGURE).df()


CHECK = Check(
    figure,
    "No more rows than usual are dated after their delivery.",
    "rows are dated after their delivery",
    flag=0.001,
)
