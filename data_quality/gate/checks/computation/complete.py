"""`complete`: the number of feeds that don't cover the period and the history that the KPI looks back on."""

from __future__ import annotations

from data_quality.gate.checks.check import Check

_FIGURE = """
select
    key_no,
    case when count(feed) = 0 then 1 else count(reason) end as figure,
    true as applies,
    case when count(feed) = 0 then 'no feed of it is known'
        else coalesce(string_agg(reason, '; ' order by feed), '') end as detail,
    min(feed) filter (reason is not null) as feed
from (
    select
        p.key_no,
        k.feed,
        case
            when k.feed is null then null
            when f.feed is null then 'feed ' || k.feed || ' was never ingested'
            when f.outstanding is not null and coalesce(f.outstanding_from <= p.last_day, true)
                then 'feed ' || k.feed || ' has deliveries that could not be ingested'
                || coalesce('; they may hold rows of any day from ' || f.outstanding_from || ' on', '')
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
                || if(p.last_day > p.period_end, 'needs data until ', 'ends ') || p.last_day
        end as reason
    from (select *, if(is_over, reaches_to, period_end) as last_day from planned) p
    join rules r using (kpi_id)
    left join kpi_feeds k using (kpi_id)
    left join feeds f on f.feed = k.feed
)
group by key_no
"""

CHECK = Check(
    __name__,
    _FIGURE,
    "Every feed covers the whole period, and the history that the KPI looks back on.",
    "its data is not complete yet",
    hold=0,
    fixed=True,
)
