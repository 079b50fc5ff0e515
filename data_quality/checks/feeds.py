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
                when 'week' then p.period_end - 6
                when 'month' then date_trunc('month', p.period_end)::date
                else p.period_end
            end then 'feed ' || k.feed || ' reaches ' || f.watermark || ', the period ends ' || p.period_end
        end as why
    from planned p
    join rules r using (kpi_id)
    left join kpi_feeds k using (kpi_id)
    left join feeds f on f.feed = k.feed
)
group by key_no
"""
