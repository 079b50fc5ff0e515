"""`stale_rows`: the share of rows on days that repeat a day of the two weeks before, beyond the usual share.

Such a day is often yesterday's export, delivered again.
"""

from __future__ import annotations

from data_quality.gate.checks.check import Check
from data_quality.gate.checks.feed_shares import PERIODS, SHARE_BEFORE, SHARE_IN_PERIOD, largest_share_sql

_FIGURE = largest_share_sql(
    f"""
{PERIODS.format(fault_column="n_repeated")},
shares as (select key_no, period_start, feed, greatest({SHARE_IN_PERIOD} - {SHARE_BEFORE}, 0) as share from periods)
""",
    "of the rows are of days that repeat an earlier day",
)

CHECK = Check(
    __name__,
    _FIGURE,
    "No day repeats an earlier day, unless that is usual for the feed.",
    "a day's rows repeat an earlier day's",
    hold=0.02,
)
