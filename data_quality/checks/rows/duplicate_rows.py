"""`duplicate_rows`: more of a feed's rows than usual equal another row in all columns."""

from __future__ import annotations

import duckdb
import pandas as pd

from data_quality.checks.check import Check
from data_quality.checks.feed_shares import share

_FIGURE = share("n_duplicates", "of the rows equal another row")


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The largest share of the KPI's feeds, of every planned key."""
    return connection.execute(_FIGURE).df()


CHECK = Check(figure, "No more rows than usual are there twice.", "rows came twice", flag=0.001, hold=0.02)
