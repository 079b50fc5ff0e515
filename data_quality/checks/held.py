"""The figures of what stands beside a key: what is wrong with a value may be in others of the same rows.

A month shows a fault that its noisier weeks hide, a count one that hides in a ratio of it.
"""

from __future__ import annotations

# What is wrong with a KPI may be wrong with those that cover it: with the cost per customer, when it is with the number
# of customers. A cohort is computed from the days until its window has closed, too.
HELD_BESIDE = """
with held as (
    select c.kpi_id, c.time_period, c.period_start, c.period_end
    from candidate_rows c
    left join planned using (kpi_id, freq, time_period)
    left join doubted d using (key_no)
    left join held_before b using (kpi_id, freq, time_period)
    anti join released using (kpi_id, freq, time_period)
    where c.segment = '_T' and c.member = '_T' and if(key_no is null, b.kpi_id is not null, d.for_values)
),
beside as (
    select p.key_no,
        count(*) as n,
        list(h.kpi_id || ' ' || h.time_period order by h.kpi_id <> p.kpi_id, h.kpi_id, h.period_start) as named
    from planned p
    join kpi_covers c using (kpi_id)
    join held h on h.kpi_id = c.covered and h.period_end >= p.period_start
        and h.period_start <= if(h.kpi_id = p.kpi_id, p.period_end, p.reaches_to)
    group by p.key_no
)
select
    key_no,
    coalesce(b.n, 0) as figure,
    d.key_no is null as applies,
    coalesce(
        'of the same rows as what is held: ' || array_to_string(b.named[:4], ', ') || if(b.n > 4, ', ...', ''), ''
    ) as detail
from planned
left join beside b using (key_no)
left join doubted d using (key_no)
"""


def _part_of(longer: str, told: str) -> str:
    """The query of how large a part a period is of a longer one of its KPI, by days; of several the largest.

    `longer` selects from `unusual`. A stock is of its period's last day: every period that ends on it has the
    same value, and any other has nothing of it.
    """
    return f"""
with longer as ({longer}),
parts as (
    select p.key_no, l.time_period as whole,
        if(r.kind = 'stock', 1,
            (date_diff('day', greatest(l.period_start, p.period_start), least(l.period_end, p.period_end)) + 1)
            / (date_diff('day', l.period_start, l.period_end) + 1)) as part
    from planned p
    join rules r using (kpi_id)
    join longer l on l.kpi_id = p.kpi_id and l.period_end >= p.period_start and l.period_start <= p.period_end
        and if(r.kind = 'stock', l.period_end = p.period_end and l.period_start <> p.period_start,
            l.period_end - l.period_start > p.period_end - p.period_start)
)
select
    key_no,
    coalesce(round(max(part), 6), 0) as figure,
    any_value(d.key_no) is null as applies,
    coalesce('a part of what is {told}: ' || string_agg(whole, ', ' order by part desc), '') as detail
from planned
left join parts using (key_no)
left join doubted d using (key_no)
group by key_no
"""


PART_OF_HELD = _part_of("from unusual where held", "held as unusual")
PART_OF_UNUSUAL = _part_of("from unusual", "unusual as a whole")
