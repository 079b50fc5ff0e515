"""`part_of_held`: how much the period overlaps with held periods of the same KPI, as a share of days.

It is the larger of two shares: the part that it makes of a longer held period (a week of a month, a month of a
quarter), and the part of it that shorter held periods cover (weeks of a month, months of a quarter, quarters of a
year), if that is more than half. A month can show a fault that is lost in the noise of its weeks. In a young company
weeks have a history when months don't. A period other than a week that was published and hasn't changed since is never
held by this check.
"""

from __future__ import annotations

from data_quality.gate.checks.check import Check

# The value of a stock is that of its period's last day, so that all periods that end on that day have the same value.
_FIGURE = """
with parts as (
    select p.key_no, l.time_period as longer,
        if(r.kind = 'stock', 1,
            (date_diff('day', greatest(l.period_start, p.period_start), least(l.period_end, p.period_end)) + 1)
            / (date_diff('day', l.period_start, l.period_end) + 1)) as share
    from planned p
    join rules r using (kpi_id)
    join held_periods l on l.kpi_id = p.kpi_id and if(r.kind = 'stock',
        l.period_end = p.period_end and l.freq <> p.freq,
        l.period_end >= p.period_start and l.period_start <= p.period_end
            and l.freq = if(p.freq = 'W', 'M', if(p.freq = 'M', 'Q', null)))
),
-- If less than half of it is held, `beside_held` flags that.
wholes as (
    select p.key_no, string_agg(s.time_period, ', ' order by s.time_period) as shorter,
        sum(date_diff('day', greatest(s.period_start, p.period_start), least(s.period_end, p.period_end)) + 1)
            / (date_diff('day', p.period_start, p.period_end) + 1) as share
    from planned p
    join rules r on r.kpi_id = p.kpi_id and r.kind <> 'stock'
    join held_periods s on s.kpi_id = p.kpi_id and s.period_end >= p.period_start and s.period_start <= p.period_end
        and s.freq = if(p.freq = 'M', 'W', if(p.freq = 'Q', 'M', if(p.freq = 'A', 'Q', null)))
    group by p.key_no, p.period_start, p.period_end
    having share > 0.5
),
unchanged as (
    select p.key_no
    from planned p
    join candidate_rows c using (kpi_id, freq, time_period)
    join history h using (kpi_id, freq, time_period, segment, member)
    where p.freq <> 'W' and c.segment = '_T' and c.member = '_T'
        and abs(c.obs_value - h.obs_value) <= 1e-9 * greatest(abs(c.obs_value), abs(h.obs_value))
)
select
    key_no,
    if(any_value(u.key_no) is null, coalesce(round(greatest(max(p.share), any_value(w.share)), 6), 0), 0) as figure,
    any_value(f.key_no) is null as applies,
    coalesce(
        'it is a part of ' || string_agg(longer, ' and ' order by p.share desc) || ', which is held',
        'most of it is held: ' || any_value(w.shorter),
        ''
    ) as detail
from planned
left join parts p using (key_no)
left join wholes w using (key_no)
left join failing_keys f using (key_no)
left join unchanged u using (key_no)
group by key_no
"""

CHECK = Check(
    __name__,
    _FIGURE,
    "It is no large part of a longer period that is held, and most of it is not held as shorter periods.",
    "a longer period that contains it is held, or shorter ones that make up most of it are",
    hold=0.2,
    stage=3,
)
