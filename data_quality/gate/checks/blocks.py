"""The values of the columns that a KPI reads, counted by block, for the checks of values.

A block is a week or a month. The figure of a week comes from its block; that of a longer period from its months and
from the whole weeks in it, as a fault of one day may not show in a month.
"""

from __future__ import annotations

from data_quality.gate.checks.feed_shares import IN_MONTH

# The reference period of a block: blocks that began this many days before it. It is a year without the newest five
# weeks, so that a fault of one week doesn't make the same fault usual in the next.
MIN_DAYS_BEFORE, MAX_DAYS_BEFORE = 35, 371
MIN_BLOCKS = 6
# A block with fewer rows than this part of the median block is ignored, both as a block to judge and as a reference.
MIN_SHARE_OF_ROWS = 0.1
# A deviation of a share within this many binomial standard deviations is explained by chance.
CHANCE_DEVIATIONS = 2.0

# The columns that planned KPIs read, by whole week and month, from the reference period of the reference period on.
# Columns: feed, column_name, kind, depends_on, grain, block (first day), member, class, n_rows, total.
BLOCKS = f"""
create or replace temp table column_blocks as
with span as (
    select min(date_trunc('month', period_start)::date) - {2 * MAX_DAYS_BEFORE + 7} as first, max(period_end) as last
    from spans
)
select c.feed, c.column_name, k.kind, k.depends_on, g.grain, date_trunc(g.grain, c.day)::date as block,
    c.member, c.class, sum(c.n_rows) as n_rows, sum(c.total) as total
from gate.column_days c
join gate.feed_columns k using (feed, column_name)
join feeds f on f.feed = c.feed and c.day >= f.history_from
join span on c.day between span.first and span.last
cross join (values ('week'), ('month')) as g(grain)
where (c.feed, c.column_name) in (select (feed, column_name) from kpi_inputs)
    and if(g.grain = 'week', date_trunc('week', c.day)::date + 6, last_day(c.day)) <= f.watermark
group by all
"""


def figure_by_key_sql(read_by_kpis: str = "kpi_inputs", columns: str = "feed, column_name") -> str:
    """CTEs and query that turn figures of blocks into figures of planned keys.

    They read a CTE `judged` with one row per block: feed, column_name, member, grain, block, share_of, n_rows, figure
    and explanation. The figure of a period is the mean of its blocks, weighted by rows; that of one member is a share
    of the rows of all members. A KPI reads the blocks that the table `read_by_kpis` has for it, by its `columns`.
    """
    return f"""
blocks_of_keys as (
    select p.key_no, p.period_start, b.*,
        sum(if(b.member is null, b.n_rows, 0))
            over (partition by p.key_no, p.period_start, feed, column_name, share_of, grain) as n_in_all
    from spans p
    join {read_by_kpis} i using (kpi_id)
    join judged b using ({columns})
    where b.block >= p.period_start and if(b.grain = 'week', b.block + 6, b.block) <= p.period_end
        and (b.grain = 'week' or p.freq <> 'W') and (b.grain = 'month' or p.freq = 'W' or b.share_of <> 'null')
),
column_figures as (
    select key_no, period_start, feed, 'feed ' || feed || ', column ' || column_name || ': ' as place,
        -- Where the whole has too few rows to be judged, a member of it may still be.
        sum(figure * n_rows) / greatest(any_value(n_in_all), sum(n_rows)) as figure,
        arg_max(explanation, figure * n_rows) as explanation
    from blocks_of_keys
    group by key_no, period_start, feed, column_name, member, share_of, grain
)
select
    p.key_no,
    coalesce(round(max(f.figure), 6), 0) as figure,
    count(f.key_no) > 0 as applies,
    coalesce(array_to_string(
        (list(
            f.place || printf('%.1f %%', 100 * f.figure) || f.explanation || {IN_MONTH}
            order by f.figure desc
        ) filter (f.figure > 0))[:3], '; '
    ), '') as detail,
    arg_max(f.feed, f.figure) as feed
from planned p
left join column_figures f using (key_no)
left join spans x on x.key_no = f.key_no and x.period_start = f.period_start
group by p.key_no
"""


def compared_sql(keys: str) -> str:
    """CTEs that compare the share of each block with the shares of the blocks in its reference period.

    They read a CTE `counted` with the columns `keys` (which name a series), grain, block, n_rows and share. `compared`
    has its rows, without blocks that have few rows or a short past, and of the reference period: the `highest`,
    `lowest` and `median_share`, and the number of rows (n_rows_before).
    """
    return f"""
shares as (
    from counted qualify n_rows >= {MIN_SHARE_OF_ROWS} * median(n_rows) over (partition by {keys}, grain)
),
compared as (
    select *, max(share) over past as highest, min(share) over past as lowest, median(share) over past as median_share,
        sum(n_rows) over past as n_rows_before
    from shares
    window past as (
        partition by {keys}, grain order by block
        range between interval {MAX_DAYS_BEFORE} day preceding and interval {MIN_DAYS_BEFORE} day preceding
    )
    qualify count(*) over past >= {MIN_BLOCKS}
)
"""
