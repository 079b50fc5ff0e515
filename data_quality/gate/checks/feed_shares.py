"""SQL for the share of a feed's rows with a fault in a period, for the checks of rows.

A share is compared with that of the year before the period: only what is beyond it counts.
"""

from __future__ import annotations

# CTEs with one row per planned key, span and feed: how many rows it has in the span (n_rows) and in the year before
# (n_rows_before), and how many of them have the fault that the column {figure} of `feed_sums` counts (n, n_before).
# They are differences of running sums.
PERIODS = """
feed_ends as (select feed, max(day) as last_day from feed_sums group by feed),
periods as (
    select
        p.key_no, p.period_start, k.feed,
        e.n_rows - coalesce(s.n_rows, 0) as n_rows,
        e.{figure} - coalesce(s.{figure}, 0) as n,
        coalesce(s.n_rows, 0) - coalesce(y.n_rows, 0) as n_rows_before,
        coalesce(s.{figure}, 0) - coalesce(y.{figure}, 0) as n_before
    from spans p
    join kpi_feeds k using (kpi_id)
    join feed_ends f using (feed)
    join feed_sums e on e.feed = k.feed and e.day = least(p.period_end, f.last_day)
    left join feed_sums s on s.feed = k.feed and s.day = least(p.period_start - 1, f.last_day)
    left join feed_sums y on y.feed = k.feed and y.day = least(p.period_start - 366, f.last_day)
)
"""
# SQL for the end of a detail: the month, where the fault is in one month of a longer period. Needs `spans` as `x`.
IN_MONTH = """
if(x.period_start = p.period_start and x.period_end = p.period_end, '', strftime(x.period_start, ', in %Y-%m'))
"""
# SQL for the share of rows with the fault in the period, and in the year before it.
NOW = "coalesce(n / nullif(greatest(n_rows, n), 0), 0)"
BEFORE = "coalesce(n_before / nullif(n_rows_before, 0), 0)"


def largest(shares: str, fault: str) -> str:
    """SQL for the figure of every planned key: the largest share of its feeds.

    `shares` are CTEs, the last of which is called `shares` and has the columns key_no, period_start (of a span), feed
    and share. `fault` continues the sentence "1.5 % ...", such as "of the rows could not be read".
    """
    return f"""
with {shares}
select
    p.key_no,
    coalesce(round(max(s.share), 6), 0) as figure,
    count(s.feed) > 0 as applies,
    coalesce(string_agg(
        'feed ' || s.feed || ': ' || printf('%.1f %%', 100 * s.share) || ' {fault}' || {IN_MONTH},
        '; ' order by s.share desc
    ) filter (s.share > 0), '') as detail,
    arg_max(s.feed, s.share) as feed
from planned p
left join shares s using (key_no)
left join spans x on x.key_no = s.key_no and x.period_start = s.period_start
group by p.key_no
"""


def share(figure: str, fault: str) -> str:
    """SQL for the largest share that rows counted by `figure`, a column of `feed_sums`, have in a key's feeds.

    Only the part beyond the share of the year before counts. `fault` is that of `largest`.
    """
    return largest(
        f"""
{PERIODS.format(figure=figure)},
shares as (select key_no, period_start, feed, greatest({NOW} - {BEFORE}, 0) as share from periods)
""",
        fault,
    )
