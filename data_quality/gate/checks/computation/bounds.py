"""`bounds`: the number of values that aren't finite, or that lie outside the bounds of the KPI's definition."""

from __future__ import annotations

from data_quality.gate.checks.check import Check

# The tolerance is for rounding in floating-point sums.
_FIGURE = """
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

CHECK = Check(
    __name__,
    _FIGURE,
    "Every value is a number within the bounds of its definition.",
    "a value is outside its bounds",
    hold=0,
)
