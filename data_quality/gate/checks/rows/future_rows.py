"""`future_rows`: rows that are dated after their delivery."""

from __future__ import annotations

import duckdb
import pandas as pd

from data_quality.gate.checks.check import Check
from data_quality.gate.checks.feed_shares import share

_FIGURE = share("n_ahead", "of the rows are dated after their delivery")


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The largest share of the KPI's feeds, of every planned key."""
    return connection.execute(_FIGURE).df()


CHECK = Check(
    figure,
    "No row is dated after its delivery, beyond what is usual.",
    "rows are dated after their delivery",
    flag=0.001,
)
