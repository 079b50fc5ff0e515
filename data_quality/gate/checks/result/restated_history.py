"""`restated_history`: the share of the past year's published periods whose candidates now have other values.

A late row changes a period or two. A price list, product range or staff export that is overwritten changes the whole
past and the new period alike: the new value can't be compared with the published past.
"""

from __future__ import annotations

from data_quality.disclosure.thresholds import DECIMALS
from data_quality.gate.checks.check import Check

# The final periods of the KPI in the year before. One changed period isn't counted, as a late row explains it.
# Published values of protected KPIs are rounded: a difference within rounding is none.
_FIGURE = f"""
with cells as (
    select h.kpi_id, h.freq, h.time_period, h.period_start,
        coalesce(
            abs(c.obs_value - h.obs_value) <= greatest(1e-9 * abs(h.obs_value), if(r.protected, {10**-DECIMALS}, 0)),
            c.obs_value is null and h.obs_value is null
        ) as is_same
    from history h
    join rules r using (kpi_id)
    left join candidate_rows c using (kpi_id, freq, time_period, segment, member)
    where h.is_final
),
past as (
    select kpi_id, freq, time_period, period_start, bool_and(is_same) as is_same from cells group by all
),
restated as (
    select p.key_no, count(*) as n, count(*) filter (not h.is_same) as n_restated
    from planned p
    join past h on h.kpi_id = p.kpi_id and h.freq = p.freq
        and h.period_start between p.period_start - 372 and p.period_start - 1
    group by p.key_no
)
select
    key_no,
    coalesce(greatest(n_restated - 1, 0) / n, 0) as figure,
    true as applies,
    coalesce(
        n_restated || ' of the ' || n || ' periods of the year before now have other values than were published',
        ''
    ) as detail
from planned
left join restated using (key_no)
"""

CHECK = Check(
    __name__,
    _FIGURE,
    "The periods of the year before still have the values that were published.",
    "its past now has other values than were published",
    flag=0.1,
    hold=0.3,
)
