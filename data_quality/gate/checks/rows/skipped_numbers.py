"""`skipped_numbers`: how many numbers are missing among those of a feed's rows, as a share of the rows.

Line numbers run on in each order, and document numbers through the day (`profiles/numbering.py`). So this check sees
rows that are lost evenly, from all days and members alike, where the source numbers what it sends. Only what is beyond
the share of the year before and beyond chance counts.
"""

from __future__ import annotations

from data_quality.gate.checks.chance import rows_by_chance
from data_quality.gate.checks.check import Check
from data_quality.gate.checks.feed_shares import PERIODS, SHARE_BEFORE, SHARE_IN_PERIOD, USUAL_ROWS, largest_share_sql

_FIGURE = largest_share_sql(
    f"""
{PERIODS.format(fault_column="n_skipped")},
shares as (
    select key_no, period_start, feed,
        if(n_faulty > {rows_by_chance(USUAL_ROWS)}, greatest({SHARE_IN_PERIOD} - {SHARE_BEFORE}, 0), 0) as share
    from periods
    where feed in (select feed from gate.feed_columns where numbered is not null)
)
""",
    "of the rows are missing, as their numbers are skipped",
)

CHECK = Check(
    __name__,
    _FIGURE,
    "Where rows are numbered one after the other, no more numbers than usual are skipped.",
    "numbers are skipped, so that rows are missing",
    flag=0.002,
    hold=0.02,
)
