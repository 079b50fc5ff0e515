"""`beside_held`: the number of values of the same days that are held for a fault of their data.

They are values of the KPI itself and of KPIs that it is computed from. A fault in the number of customers is also one
in the cost per customer. A cohort is computed from the days until its window closes. A value that is held only for a
deviation from the past (a check `by_chance`) doesn't count. A held week counts for a longer period only if it lies
within it: its fault may be of its other days, such as those after the last delivery. The longer period's own days are
judged with it.
"""

from __future__ import annotations

from data_quality.gate.checks.check import Check

_FIGURE = """
with held as (
    select c.kpi_id, c.freq, c.time_period, c.period_start, c.period_end
    from candidate_rows c
    left join planned using (kpi_id, freq, time_period)
    left join failing_keys f using (key_no)
    left join held_before b using (kpi_id, freq, time_period)
    anti join released using (kpi_id, freq, time_period)
    where c.segment = '_T' and c.member = '_T' and if(key_no is null, b.kpi_id is not null, f.for_data)
),
beside as (
    select p.key_no,
        count(*) as n,
        list(h.kpi_id || ' ' || h.time_period order by h.kpi_id <> p.kpi_id, h.kpi_id, h.period_start) as named
    from planned p
    join kpi_covers c using (kpi_id)
    join held h on h.kpi_id = c.covered and h.period_end >= p.period_start
        and h.period_start <= if(h.kpi_id = p.kpi_id, p.period_end, p.reaches_to)
        and (h.freq <> 'W' or p.freq = 'W' or h.period_start >= p.period_start and h.period_end <= p.reaches_to)
    group by p.key_no
)
select
    key_no,
    coalesce(b.n, 0) as figure,
    f.key_no is null as applies,
    coalesce(
        'these values of the same days are held: ' || array_to_string(b.named[:4], ', ') || if(b.n > 4, ', ...', ''), ''
    ) as detail
from planned
left join beside b using (key_no)
left join failing_keys f using (key_no)
"""

CHECK = Check(
    __name__,
    _FIGURE,
    "No value that it is computed from, of the same days, is held for a fault of its data.",
    "a value computed from the same days is held for a fault of its data",
    flag=0,
    stage=3,
)
