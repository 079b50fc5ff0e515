"""`parts_add_up`: the relative difference between a total and the sum of its parts.

Parts are the members of a segment, those of a combination for each member of one of its segments, or the months of a
quarter or year, where the KPI has all of them and all are observable.
"""

from __future__ import annotations

from data_quality.gate.checks.check import Check
from metrics.core.segments import part_sql

# `parts` has a row for each part: what it is one of (kind), and the segment and member that the parts of a kind add up
# to. One without cells has a row, too, without a value.
_FIGURE = f"""
with cells as (
    select p.key_no, c.segment, c.member, c.obs_value as value
    from planned p
    join candidate_rows c using (kpi_id, freq, time_period)
),
additive as (select key_no, kpi_id from planned join rules using (kpi_id) where additive),
parts as (
    select a.key_no, s.segment as kind, '_T' as segment, '_T' as member, c.value
    from additive a
    join kpi_segments s using (kpi_id)
    left join cells c using (key_no, segment)
    union all
    select a.key_no, s.segment, s.part, {part_sql("c.member", "s.number")}, c.value
    from additive a
    join kpi_combinations s using (kpi_id)
    left join cells c using (key_no, segment)
    union all
    select p.key_no, 'month', '_T', '_T', m.obs_value
    from planned p
    join rules r using (kpi_id)
    join candidate_rows m on m.kpi_id = p.kpi_id and m.freq = 'M' and m.segment = '_T' and m.member = '_T'
        and m.period_start between p.period_start and p.period_end
    where r.kind = 'flow' and p.freq in ('Q', 'A') and p.period_start >= coalesce(r.observable_from, p.period_start)
    qualify count(m.obs_value) over (partition by p.key_no) = if(p.freq = 'Q', 3, 12)
),
sums as (select key_no, kind, segment, member, sum(value) as parts, sum(abs(value)) as size from parts group by all),
wholes as (
    select key_no, kind, segment, member, value as whole
    from (select distinct key_no, kind, segment from parts) join cells using (key_no, segment)
),
differences as (
    select key_no,
        coalesce(round(abs(coalesce(whole, 0) - coalesce(parts, 0)) / nullif(greatest(abs(whole), size), 0), 12), 0)
            as difference,
        case when kind = 'month' then printf('is %.10g, its months make %.10g', whole, parts)
            when segment = '_T' then 'differs from the total: ' || kind
            else 'differs from its segments: ' || kind end as detail
    from sums full join wholes using (key_no, kind, segment, member)
)
select p.key_no, coalesce(max(difference), 0) as figure, count(d.key_no) > 0 as applies,
    coalesce(string_agg(distinct detail, '; ' order by detail) filter (difference > 1e-9), '') as detail
from planned p
left join differences d using (key_no)
group by p.key_no
"""

CHECK = Check(
    __name__,
    _FIGURE,
    "The members of each segment add up to the total, those of a combination to its segments, and months to their"
    " quarter and year.",
    "its parts don't add up to the total",
    hold=1e-9,
)
