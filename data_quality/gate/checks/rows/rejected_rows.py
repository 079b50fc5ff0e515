"""`rejected_rows`: the share of a feed's rows that could not be read as the feed declares them."""

from __future__ import annotations

from data_quality.gate.checks.check import Check
from data_quality.gate.checks.feed_shares import PERIODS, largest_share_sql

# A rejected row without a known day counts in every period that had begun when it was delivered, except if it was
# delivered before the company judged its first value. In a feed without a time column the share is one of all its rows.
_FIGURE = largest_share_sql(
    f"""
{PERIODS.format(fault_column="n_rows")},
rejected as (
    select p.key_no, p.period_start, k.feed, coalesce(sum(d.n_rejected), 0) as n_rejected
    from spans p
    join kpi_feeds k on k.kpi_id = p.kpi_id
    left join rejected_days d on d.feed = k.feed and coalesce(
        d.day between p.period_start and p.period_end,
        d.loaded_at::date >= p.period_start and d.loaded_at > getvariable('company_started')
    )
    group by all
),
feed_rows as (select feed, sum(n_rows) as n_in_all from gate.feed_days group by feed),
shares as (
    select key_no, period_start, feed,
        n_rejected / greatest(n_rejected + coalesce(n_faulty, n_in_all, 0), 1) as share
    from rejected
    left join periods using (key_no, period_start, feed)
    left join feed_rows using (feed)
)
""",
    "of the rows could not be read",
)

CHECK = Check(__name__, _FIGURE, "All rows of the feed could be read.", "rows could not be read", flag=0, hold=0.02)
