"""`built`: the number of faults of the rows that the newest build has for the period.

The build must have succeeded and have exactly one total. All rows must come from it and from the definition in force.
"""

from __future__ import annotations

from data_quality.gate.checks.check import Check

_FIGURE = """
select
    p.key_no,
    abs(count(*) filter (c.segment = '_T' and c.member = '_T') - 1)
        + count(*) filter (c.kpi_id is not null and c.batch_id is distinct from any_batch)
        + count(*) filter (c.kpi_id is not null and c.definition_hash is distinct from r.definition_hash)
        + count(*) filter (c.period_start <> p.period_start or c.period_end <> p.period_end)
        + count(*) filter (c.kpi_id is not null and (c.segment is null or c.member is null))
        + count(c.kpi_id) - count(distinct case when c.kpi_id is not null then (c.segment, c.member) end)
        + case when bool_and(coalesce(ok, false)) then 0 else 1 end as figure,
    true as applies,
    case
        when max(r.unreadable) is not null then max(r.unreadable)
        when not bool_or(coalesce(built, false)) then 'no build of it is recorded'
        when not bool_and(coalesce(ok, false)) then 'its newest build is not good' || coalesce(': ' || max(reason), '')
        when count(c.kpi_id) = 0 then 'the build has no rows for this period'
        when count(*) filter (c.segment = '_T' and c.member = '_T') <> 1 then 'the build has not exactly one total'
        when count(*) filter (c.batch_id is distinct from any_batch) > 0 then 'rows are of an older build'
        when count(*) filter (c.definition_hash is distinct from r.definition_hash) > 0
            then 'rows were computed by another definition than the catalogue has'
        when count(*) filter (c.period_start <> p.period_start or c.period_end <> p.period_end) > 0
            then 'rows have other period bounds'
        when count(*) filter (c.segment is null or c.member is null) > 0 then 'rows lack their segment or member'
        when count(*) > count(distinct (c.segment, c.member)) then 'a segment member occurs twice'
        else ''
    end as detail
from planned p
join rules r using (kpi_id)
left join (select *, batch_id as any_batch, true as built from builds) b using (kpi_id)
left join candidate_rows c
    on c.kpi_id = p.kpi_id and c.freq = p.freq and c.time_period = p.time_period
group by p.key_no
"""

CHECK = Check(
    __name__,
    _FIGURE,
    "The newest build computed the period by the definition in force, with exactly one total.",
    "its values could not be computed",
    hold=0,
    fixed=True,
)
