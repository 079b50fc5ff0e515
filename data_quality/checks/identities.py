"""The figures that hold a total against other ones: identities between KPIs, and periods that make up longer ones.

Each query gives one row per planned key, as `checks/__init__.py` says.
"""

# Totals that other checks hold are left out: what is wrong with them must not hold the KPIs beside them.
BROKEN_IDENTITIES = """
with totals as (
    select kpi_id, freq, time_period,
        unnest(['obs_value', 'numerator', 'denominator', 'n_obs']) as number,
        unnest([obs_value, numerator, denominator, n_obs]::double[]) as value
    from candidate_rows c
    join rules r using (kpi_id)
    left join planned p using (kpi_id, freq, time_period)
    where c.segment = '_T' and c.member = '_T' and c.period_start >= coalesce(r.observable_from, c.period_start)
        and coalesce(p.key_no not in (select key_no from doubted), true)
),
sides as (
    select identity, freq, time_period, any_value(holds) as holds, any_value(relation) as relation,
        sum(sign * value) filter (is_left) as lhs, sum(sign * value) filter (not is_left) as rhs,
        greatest(abs(lhs), abs(rhs)) as size
    from identity_terms
    join totals using (kpi_id, number)
    where isfinite(value)
    group by identity, freq, time_period
    having count(*) = any_value(n_terms)
),
gaps as (
    select *, coalesce(if(relation = '=', abs(lhs - rhs), greatest(lhs - rhs, 0)) / nullif(size, 0), 0) as gap
    from sides
)
select p.key_no,
    coalesce(round(max(g.gap), 9), 0) as figure,
    count(g.identity) > 0 as applies,
    'doesn''t hold: ' || coalesce(string_agg(
        g.holds || printf(' (%.10g and %.10g)', g.lhs, g.rhs), '; ' order by g.gap desc
    ) filter (g.gap > 1e-6), '') as detail
from planned p
left join (select distinct identity, kpi_id from identity_terms) i using (kpi_id)
left join gaps g using (identity, freq, time_period)
group by p.key_no
"""

# Only where the KPI has all the months, each observable as a whole.
NESTING_GAP = """
with months as (
    select p.key_no, p.freq, c.obs_value as whole, sum(m.obs_value) as parts, sum(abs(m.obs_value)) as size,
        count(m.obs_value) as n_months
    from planned p
    join rules r using (kpi_id)
    join candidate_rows c using (kpi_id, freq, time_period)
    join candidate_rows m on m.kpi_id = p.kpi_id and m.freq = 'M' and m.segment = '_T' and m.member = '_T'
        and m.period_start between p.period_start and p.period_end
    where r.kind = 'flow' and p.freq in ('Q', 'A') and c.segment = '_T' and c.member = '_T'
        and p.period_start >= coalesce(r.observable_from, p.period_start)
    group by all
    having n_months = if(p.freq = 'Q', 3, 12)
)
select p.key_no,
    coalesce(round(abs(whole - parts) / nullif(greatest(abs(whole), size), 0), 12), 0) as figure,
    m.key_no is not null and m.whole is not null as applies,
    printf('is %.10g, its months make %.10g', m.whole, m.parts) as detail
from planned p
left join months m using (key_no)
"""
