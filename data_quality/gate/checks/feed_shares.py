"""SQL for the share of a feed's rows with a fault in a period, for the checks of rows.

A share is compared with the share in the year before the period. The figure is what exceeds it.
"""

from __future__ import annotations

# CTEs with one row per planned key, span and feed: how many rows it has in the span (n_rows) and in the year before
# (n_rows_before), and how many of them have the fault that the column {fault_column} of `feed_sums` counts (n_faulty,
# n_faulty_before). They are differences of running sums. `n_alike_by_chance` is how many rows of the span chance makes
# alike in all columns but ids.
PERIODS = """
feed_ends as (select feed, max(day) as last_day from feed_sums group by feed),
periods as (
    select
        p.key_no, p.period_start, k.feed,
        at_end.n_rows - coalesce(before_start.n_rows, 0) as n_rows,
        at_end.{fault_column} - coalesce(before_start.{fault_column}, 0) as n_faulty,
        coalesce(before_start.n_rows, 0) - coalesce(year_before.n_rows, 0) as n_rows_before,
        coalesce(before_start.{fault_column}, 0) - coalesce(year_before.{fault_column}, 0) as n_faulty_before,
        at_end.n_alike_by_chance - coalesce(before_start.n_alike_by_chance, 0) as n_alike_by_chance
    from spans p
    join kpi_feeds k using (kpi_id)
    join feed_ends f using (feed)
    join feed_sums at_end on at_end.feed = k.feed and at_end.day = least(p.period_end, f.last_day)
    left join feed_sums before_start
        on before_start.feed = k.feed and before_start.day = least(p.period_start - 1, f.last_day)
    left join feed_sums year_before
        on year_before.feed = k.feed and year_before.day = least(p.period_start - 366, f.last_day)
)
"""
# SQL for the end of a detail: the month, where the fault is in one month of a longer period. Needs `spans` as `x`.
IN_MONTH = """
if(x.period_start = p.period_start and x.period_end = p.period_end, '', strftime(x.period_start, ', in %Y-%m'))
"""
# SQL for the share of rows with the fault in the period, and in the year before it.
SHARE_IN_PERIOD = "coalesce(n_faulty / nullif(greatest(n_rows, n_faulty), 0), 0)"
SHARE_BEFORE = "coalesce(n_faulty_before / nullif(n_rows_before, 0), 0)"
# SQL for the number of rows with the fault that the year before leads one to expect in the period. One more than it had
# is assumed: few rows without a fault don't prove that there is never one.
USUAL_ROWS = "n_rows * (greatest(n_faulty_before, 0) + 1) / greatest(n_rows_before, 1)"


def largest_share_sql(shares: str, fault: str) -> str:
    """SQL for the figure of every planned key: the largest share among its feeds.

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
