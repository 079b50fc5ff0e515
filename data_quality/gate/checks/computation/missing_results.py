"""`missing_results`: the number of values that are missing although there is something to compute them from."""

from __future__ import annotations

from data_quality.gate.checks.check import Check

_FIGURE = """
select
    p.key_no,
    case when count(c.kpi_id) > 0 then count(*) filter (
        c.kpi_id is not null and c.obs_value is null and not case r.null_rule
            when 'no denominator' then coalesce(c.denominator, 0) = 0
            when 'no rows or member' then c.segment <> '_T' or coalesce(c.n_obs, 0) = 0
            when 'no rows' then coalesce(c.n_obs, 0) = 0
            when 'before its first' then coalesce(c.period_end < f.first_start, false)
            else false
        end
        -- There are no women, or no men: in a member, or in all and before the first value of all.
        and not (
            coalesce(c.n_persons_numerator = 0 or c.n_persons_denominator = 0, false)
            and (c.segment <> '_T' or coalesce(c.period_end < f.first_start, h.kpi_id is null))
        )
    ) end as figure,
    true as applies,
    case when count(*) filter (c.segment = '_T' and c.obs_value is null) > 0 then 'the total has no value'
        else 'rows lack a value: ' || coalesce(string_agg(c.member, ', ' order by c.member)
            filter (c.obs_value is null), '') end as detail
from planned p
join rules r using (kpi_id)
left join (select distinct kpi_id, freq from history where segment = '_T' and obs_value is not null) h
    on h.kpi_id = p.kpi_id and h.freq = p.freq
left join (
    select kpi_id, freq, min(period_start) as first_start from candidate_rows
    where segment = '_T' and obs_value is not null group by all
) f on f.kpi_id = p.kpi_id and f.freq = p.freq
left join candidate_rows c on c.kpi_id = p.kpi_id and c.freq = p.freq and c.time_period = p.time_period
group by p.key_no
"""

CHECK = Check(
    __name__,
    _FIGURE,
    "No value is missing, except where there is nothing to compute it from.",
    "a value is missing",
    hold=0,
)
