"""The figures of the feeds upstream of a key: do they cover the period, and do their rows look as they used to?

Each query gives one row per planned key, as `checks/__init__.py` says.
"""

INCOMPLETE_FEEDS = """
select
    key_no,
    case when count(feed) = 0 then 1 else count(why) end as figure,
    true as applies,
    case when count(feed) = 0 then 'no feed of it is known' else coalesce(string_agg(why, '; ' order by feed), '') end
        as detail
from (
    select
        p.key_no,
        k.feed,
        case
            when k.feed is null then null
            when f.feed is null then 'feed ' || k.feed || ' was never taken in'
            when f.outstanding is not null then 'feed ' || k.feed || ' has deliveries that could not be taken in'
                || case when r.protected then '' else ': ' || f.outstanding end
            when f.watermark is null then 'feed ' || k.feed || ' has no data'
            when f.history_from is null or p.period_start < f.history_from then 'feed ' || k.feed || ' begins '
                || coalesce(f.history_from::varchar, 'at an unknown day') || ', the period starts ' || p.period_start
            when r.observable_from is null or p.period_start < r.observable_from then 'feed ' || k.feed
                || ' lacks history: the KPI looks back ' || coalesce(r.lookback, '')
            when f.watermark < case f.grain
                when 'week' then p.last_day - 6
                when 'month' then date_trunc('month', p.last_day)::date
                else p.last_day
            end then 'feed ' || k.feed || ' reaches ' || f.watermark || ', the period '
                || if(p.last_day > p.period_end, 'and what it waits for end ', 'ends ') || p.last_day
        end as why
    from (select *, if(is_over, reaches_to, period_end) as last_day from planned) p
    join rules r using (kpi_id)
    left join kpi_feeds k using (kpi_id)
    left join feeds f on f.feed = k.feed
)
group by key_no
"""

# What holds of a feed in a period, and in the year before it: differences of running sums.
_PERIODS = """
feed_ends as (select feed, max(day) as last_day from feed_sums group by feed),
periods as (
    select
        p.key_no, k.feed,
        e.n_rows - coalesce(s.n_rows, 0) as n_rows,
        e.{figure} - coalesce(s.{figure}, 0) as n,
        coalesce(s.n_rows, 0) - coalesce(y.n_rows, 0) as n_rows_before,
        coalesce(s.{figure}, 0) - coalesce(y.{figure}, 0) as n_before
    from planned p
    join kpi_feeds k using (kpi_id)
    join feed_ends f using (feed)
    join feed_sums e on e.feed = k.feed and e.day = least(p.period_end, f.last_day)
    left join feed_sums s on s.feed = k.feed and s.day = p.period_start - 1
    left join feed_sums y on y.feed = k.feed and y.day = p.period_start - 366
)
"""
_NOW = "coalesce(n / nullif(greatest(n_rows, n), 0), 0)"
_BEFORE = "coalesce(n_before / nullif(n_rows_before, 0), 0)"


def _largest(shares: str, told: str) -> str:
    """The query of the largest share of a key's feeds. `shares` are CTEs, the last of which is `shares`, with key_no,
    feed and share.
    """
    return f"""
with {shares}
select
    p.key_no,
    coalesce(round(max(s.share), 6), 0) as figure,
    count(s.feed) > 0 as applies,
    coalesce(string_agg(
        'feed ' || s.feed || ': ' || printf('%.1f %%', 100 * s.share) || ' {told}', '; ' order by s.share desc
    ) filter (s.share > 0), '') as detail
from planned p
left join shares s using (key_no)
group by p.key_no
"""


def share(figure: str, told: str) -> str:
    """The query of the largest share of `figure`, a column of `feed_sums`, among the rows of a key's feeds.

    What was as large a share in the year before is how the feed is, and counts for nothing.
    """
    return _largest(
        f"""
{_PERIODS.format(figure=figure)},
shares as (select key_no, feed, greatest({_NOW} - {_BEFORE}, 0) as share from periods)
""",
        told,
    )


# Of the files that have other rows of the period, or no other rows at all.
SET_ASIDE = _largest(
    """
shares as (
    select p.key_no, k.feed, coalesce(sum(f.n_aside) / sum(f.n_aside + f.n_ahead + f.n_rows), 0) as share
    from planned p
    join kpi_feeds k using (kpi_id)
    left join file_days f on f.feed = k.feed
        and (f.first_day is null or f.first_day <= p.period_end and f.last_day >= p.period_start)
    group by all
)
""",
    "of the rows could not be read",
)

# Rows ahead are too many where they came to be, and too few in the periods of their files' other rows.
ROWS_AHEAD = _largest(
    f"""
{_PERIODS.format(figure="n_ahead")},
lost as (
    select p.key_no, f.feed, sum(f.n_ahead) / sum(f.n_ahead + f.n_rows) as share
    from planned p
    join kpi_feeds k using (kpi_id)
    join file_days f on f.feed = k.feed and f.first_day <= p.period_end and f.last_day >= p.period_start
    group by all
),
shares as (
    select key_no, feed, greatest(greatest({_NOW}, coalesce(lost.share, 0)) - {_BEFORE}, 0) as share
    from periods
    left join lost using (key_no, feed)
)
""",
    "of the rows are dated after their delivery",
)
