"""`duplicate_rows`: more of a feed's rows than usual equal another row in all columns.

Where a column names each row, two equal ones are one row twice. Else some are alike by chance.
"""

from __future__ import annotations

import duckdb
import pandas as pd

from data_quality.checks.chance import rows_by_chance
from data_quality.checks.check import Check
from data_quality.checks.feed_shares import BEFORE, NOW, PERIODS, largest

# What never was may be one in a thousand, also where there were fewer.
FEWEST_ROWS = 1000
_FIGURE = largest(
    f"""
{PERIODS.format(figure="n_duplicates")},
shares as (
    select key_no, period_start, feed, if(
        n > {rows_by_chance(f"n_rows * greatest({BEFORE}, 1 / greatest(n_rows_before, {FEWEST_ROWS}))")}
            or feed in (select feed from gate.feed_columns where names_rows and type not similar to 'DATE|TIMESTAMP.*'),
        greatest({NOW} - {BEFORE}, 0), 0
    ) as share
    from periods
)
""",
    "of the rows equal another row",
)


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The largest share of the KPI's feeds, of every planned key."""
    return connection.execute(_FIGURE).df()


CHECK = Check(figure, "No more rows than usual are there twice.", "rows came twice", flag=0.001, hold=0.02)
