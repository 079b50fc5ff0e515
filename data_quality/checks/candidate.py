"""The figures that a key's own candidate gives: its rows, their values and bounds, and how segments add up.

Each query gives one row per planned key, as `checks/__init__.py` says.
"""

CANDIDATES = """
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

MISSING_VALUES = """
select
    p.key_no,
    case when count(c.kpi_id) > 0 then count(*) filter (
        c.kpi_id is not null and c.obs_value is null and not (
            c.segment <> '_T' and case r.null_rule
                when 'no denominator' then coalesce(c.denominator, 0) = 0
                when 'no rows' then coalesce(c.n_obs, 0) = 0
                else false
            end
        )
    ) end as figure,
    true as applies,
    case when count(*) filter (c.segment = '_T' and c.obs_value is null) > 0 then 'the total has no value'
        else 'rows lack a value: ' || coalesce(string_agg(c.member, ', ' order by c.member)
            filter (c.obs_value is null), '') end as detail
from planned p
join rules r using (kpi_id)
left join candidate_rows c on c.kpi_id = p.kpi_id and c.freq = p.freq and c.time_period = p.time_period
group by p.key_no
"""

# A bound may be missed by the last digits of a floating-point sum.
OUT_OF_BOUNDS = """
select
    key_no,
    case when count(kpi_id) > 0 then count(*) filter (outside) end as figure,
    true as applies,
    count(*) filter (outside) || ' values outside '
        || coalesce(any_value(lower_bound)::varchar, 'no lower bound') || ' to '
        || coalesce(any_value(upper_bound)::varchar, 'no upper bound')
        || coalesce(': ' || min(segment || ' ' || member || ' = ' || obs_value::varchar) filter (outside), '') as detail
from (
    select p.key_no, c.kpi_id, c.segment, c.member, c.obs_value, r.lower_bound, r.upper_bound,
        coalesce(
            not isfinite(c.obs_value)
            or c.obs_value < r.lower_bound - 1e-9 * greatest(1, abs(r.lower_bound))
            or c.obs_value > r.upper_bound + 1e-9 * greatest(1, abs(r.upper_bound)),
            false
        )
        or coalesce(not isfinite(c.numerator), false)
        or coalesce(not isfinite(c.denominator), false) as outside
    from planned p
    join rules r using (kpi_id)
    left join candidate_rows c on c.kpi_id = p.kpi_id and c.freq = p.freq and c.time_period = p.time_period
)
group by key_no
"""

SEGMENT_GAP = """
with sums as (
    select
        p.key_no, r.additive, s.segment,
        sum(c.obs_value) filter (c.segment = s.segment) as parts,
        sum(abs(c.obs_value)) filter (c.segment = s.segment) as size,
        max(c.obs_value) filter (c.segment = '_T') as total
    from planned p
    join rules r using (kpi_id)
    left join kpi_segments s using (kpi_id)
    left join candidate_rows c on c.kpi_id = p.kpi_id and c.freq = p.freq and c.time_period = p.time_period
    group by all
)
select
    key_no,
    round(max(abs(coalesce(parts, 0) - total) / nullif(greatest(abs(total), coalesce(size, 0)), 0))
        filter (total is not null), 12) as relative,
    case when bool_and(total is not null) then coalesce(relative, 0) end as figure,
    bool_and(additive and segment is not null) as applies,
    'differs from the total: ' || coalesce(string_agg(segment, ', ' order by segment) filter (
        abs(coalesce(parts, 0) - total) > 1e-9 * greatest(abs(total), coalesce(size, 0))), '') as detail
from sums
group by key_no
"""

LACKING_OBSERVATIONS = """
select
    p.key_no,
    greatest(r.min_n_obs - coalesce(max(c.n_obs), 0), 0) as figure,
    r.min_n_obs > 0 and count(c.obs_value) > 0 as applies,
    coalesce(max(c.n_obs), 0) || ' observations; a reliable value needs ' || r.min_n_obs as detail
from planned p
join rules r using (kpi_id)
left join candidate_rows c
    on c.kpi_id = p.kpi_id and c.freq = p.freq and c.time_period = p.time_period and c.segment = '_T'
group by p.key_no, r.min_n_obs
"""
