"""`too_few_rows`: the share of missing rows, on days with less than half of the rows that the weekday usually has.

`profiles/feed_statistics.py` computes how many are missing (n_lacking).
"""

from __future__ import annotations

import duckdb
import pandas as pd

from data_quality.gate.checks.check import Check
from data_quality.gate.checks.feed_shares import share

_FIGURE = share("n_lacking", "of the rows are missing, on days that usually have more")


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The largest share among the KPI's feeds, of every planned key."""
    return connection.execute(_FIGURE).df()


CHECK = Check(
    figure, "No day has far fewer rows than its weekday usually has.", "rows are missing", flag=0.002, hold=0.02
)
