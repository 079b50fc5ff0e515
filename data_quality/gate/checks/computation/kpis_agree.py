"""`kpis_agree`: the relative difference between the sides of an identity between KPIs. `identities.yml` has these."""

from __future__ import annotations

from data_quality.gate.checks.check import Check

# Totals that other checks hold are left out: their fault must not hold the other KPIs of the identity.
_FIGURE = """
with totals as (
    select kpi_id, freq, time_period,
        unnest(['obs_value', 'numerator', 'denominator', 'n_obs']) as number,
        unnest([obs_value, numerator, denominator, n_obs]::double[]) as value
    from candidate_rows c
    join rules r using (kpi_id)
    left join planned p using (kpi_id, freq, time_period)
    where c.segment = '_T' and c.member = '_T' and c.period_start >= coalesce(r.observable_from, c.period_start)
        and coalesce(p.key_no not in (select key_no from failing_keys), true)
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

CHECK = Check(
    __name__,
    _FIGURE,
    "Every identity between this KPI and others holds, such as revenue minus cost is margin.",
    "it contradicts another KPI",
    hold=1e-6,
    stage=2,
)
