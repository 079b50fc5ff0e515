"""`too_many_rows`: days with more than twice the usual rows, and far more than any day of the past year."""

from __future__ import annotations

import duckdb
import pandas as pd

from data_quality.checks.check import Check
from data_quality.checks.feed_shares import share

_FIGURE = share("n_surplus", "of the rows are more than usual, on days that have more than any day of the past year")


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The largest share of the KPI's feeds, of every planned key."""
    return connection.execute(_FIGURE).df()


CHECK = Check(
    figure,
    "No day has far more rows than any day of the past year.",
    "far more rows came than ever before",
    flag=0.02,
    hold=0.2,
)
