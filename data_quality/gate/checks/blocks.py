"""The columns that a KPI reads, by blocks, for the checks of their values.

A block is a week, or of any longer period its months, and the whole weeks in it, as what is wrong on a day may be lost
in a month.
"""

from __future__ import annotations

from data_quality.gate.checks.feed_shares import IN_MONTH

# A block is held against those that began so many days before: a year, but for the newest five weeks, as what went
# wrong in one week must not make the next one usual.
NEAREST, FARTHEST = 35, 371
FEWEST = 6
# A block of less than this part of the rows that blocks have as a rule says nothing, neither of what is usual nor of
# whether it is.
THIN = 0.1
# So many standard deviations of a share of so few rows are chance.
BY_CHANCE = 2.0

# The columns that planned KPIs read, by whole week and month, as far back as what is usual is asked for.
BLOCKS = f"""
create or replace temp table column_blocks as
with span as (
    select min(date_trunc('month', period_start)::date) - {2 * FARTHEST + 7} as first, max(period_end) as last
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

# The figure by key, from `judged`: of each block feed, column_name, member, grain, block, weight, n_rows, figure and
# told. A period's is the mean of its blocks', of one member a share of all rows.
BY_KEY = f"""
looked_at as (
    select p.key_no, p.period_start, b.*,
        sum(if(b.member is null, b.n_rows, 0))
            over (partition by p.key_no, p.period_start, feed, column_name, weight, grain) as n_in_all
    from spans p
    join kpi_inputs i using (kpi_id)
    join judged b using (feed, column_name)
    where b.block >= p.period_start and if(b.grain = 'week', b.block + 6, b.block) <= p.period_end
        and (b.grain = 'week' or p.freq <> 'W') and (b.grain = 'month' or p.freq = 'W' or b.weight <> 'null')
),
found as (
    select key_no, period_start, feed, 'feed ' || feed || ', column ' || column_name || ': ' as place,
        -- Of hardly any rows the whole isn't judged, though a member may be.
        sum(figure * n_rows) / greatest(any_value(n_in_all), sum(n_rows)) as figure,
        arg_max(told, figure * n_rows) as told
    from looked_at
    group by key_no, period_start, feed, column_name, member, weight, grain
)
select
    p.key_no,
    coalesce(round(max(f.figure), 6), 0) as figure,
    count(f.key_no) > 0 as applies,
    coalesce(array_to_string(
        (list(
            f.place || printf('%.1f %%', 100 * f.figure) || f.told || {IN_MONTH}
            order by f.figure desc
        ) filter (f.figure > 0))[:3], '; '
    ), '') as detail,
    arg_max(f.feed, f.figure) as feed
from planned p
left join found f using (key_no)
left join spans x on x.key_no = f.key_no and x.period_start = f.period_start
group by p.key_no
"""
