"""`too_few_rows`: the share of missing rows, on days with less than half of the rows that the weekday usually has.

`profiles/feed_statistics.py` computes how many are missing (n_lacking). Days that staging mends don't count: see
`profiles/mended_days.py`.
"""

from __future__ import annotations

from data_quality.gate.checks.check import Check
from data_quality.gate.checks.feed_shares import PERIODS, SHARE_BEFORE, SHARE_IN_PERIOD, largest_share_sql

_FIGURE = largest_share_sql(
    f"""
{PERIODS.format(fault_column="n_lacking")},
lacking_days as (
    select feed, day, n_lacking - coalesce(lag(n_lacking) over (partition by feed order by day), 0) as n_lacking
    from feed_sums
),
mended as (
    select p.key_no, p.period_start, feed, sum(d.n_lacking) as n_mended
    from spans p
    join mended_days m on m.kpi_id = p.kpi_id and m.day between p.period_start and p.period_end
    join kpi_feeds k on k.kpi_id = p.kpi_id
    join lacking_days d using (feed, day)
    group by all
),
lacking as (
    select * replace (n_faulty - coalesce(n_mended, 0) as n_faulty)
    from periods
    left join mended using (key_no, period_start, feed)
),
shares as (
    select key_no, period_start, feed, greatest(round({SHARE_IN_PERIOD} - {SHARE_BEFORE}, 6), 0) as share
    from lacking
)
""",
    "of the rows are missing, on days that usually have more",
)

CHECK = Check(
    __name__,
    _FIGURE,
    "No day has far fewer rows than its weekday usually has.",
    "rows are missing",
    flag=0.002,
    hold=0.02,
)
