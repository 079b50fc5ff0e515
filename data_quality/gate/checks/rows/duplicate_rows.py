"""`duplicate_rows`: more of a feed's rows than usual equal another row of their day.

In all columns; or in all but their ids, where that is rare: rows that came again under new ones. Where a column names
each row, two that are equal in all are one row twice. Else some are alike by chance, and where some are as a rule, up
to twice as many are no news.
"""

from __future__ import annotations

import duckdb
import pandas as pd

from data_quality.gate.checks.chance import rows_by_chance
from data_quality.gate.checks.check import Check
from data_quality.gate.checks.feed_shares import BEFORE, NOW, PERIODS, largest

# What never was may be one in a thousand, also where there were fewer.
FEWEST_ROWS = 1000
HOLDS = 0.02
_BY_CHANCE = rows_by_chance(f"n_rows * greatest({BEFORE}, 1 / greatest(n_rows_before, {FEWEST_ROWS}))")
_SHARES = """
(with {periods}
select key_no, period_start, feed,
    if((n > {by_chance} or {known}) and {now} - {before} > greatest({before}, {many}), {now} - {before}, 0) as share
from periods)
"""
_NAMED = "feed in (select feed from gate.feed_columns where names_rows and type not similar to 'DATE|TIMESTAMP.*')"
_OF = {"n_duplicates": _NAMED, "n_alike": "false"}
# Values that are lost or made one make a few more rows alike.
_MANY = {"n_duplicates": 0, "n_alike": HOLDS}
_FIGURE = largest(
    "shares as ("
    + " union all ".join(
        _SHARES.format(
            periods=PERIODS.format(figure=name),
            by_chance=_BY_CHANCE,
            known=known,
            many=_MANY[name],
            now=NOW,
            before=BEFORE,
        )
        for name, known in _OF.items()
    )
    + ")",
    "of the rows equal another row",
)


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The largest share of the KPI's feeds, of every planned key."""
    return connection.execute(_FIGURE).df()


CHECK = Check(figure, "No more rows than usual are there twice.", "rows came twice", flag=0.001, hold=HOLDS)
