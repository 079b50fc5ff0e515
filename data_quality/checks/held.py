"""The figures of what stands beside a key: what is wrong with a value may be in others of the same rows.

A month shows a fault that its noisier weeks hide, a count one that hides in a ratio of it.
"""

from __future__ import annotations

_HELD = """
held as (
    select c.kpi_id, c.time_period, c.period_start, c.period_end
    from candidate_rows c
    left join planned using (kpi_id, freq, time_period)
    left join doubted d using (key_no)
    left join held_before b using (kpi_id, freq, time_period)
    anti join released using (kpi_id, freq, time_period)
    where c.segment = '_T' and c.member = '_T' and if(key_no is null, b.kpi_id is not null, d.for_values)
)
"""

# What is wrong with a KPI may be wrong with those that cover it: with the cost per customer, when it is with the number
# of customers. A cohort is computed from the days until its window has closed, too.
HELD_BESIDE = f"""
with {_HELD},
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


def _shared(others: str, condition: str, told: str) -> str:
    """The query of the largest share of days that a period has in common with others of its KPI, of the longer one's.

    `others` are CTEs, the last of which is `others`, with kpi_id, time_period, period_start and period_end.
    """
    return f"""
with {others},
shared as (
    select p.key_no, o.time_period,
        (date_diff('day', greatest(o.period_start, p.period_start), least(o.period_end, p.period_end)) + 1)
        / (greatest(date_diff('day', o.period_start, o.period_end), date_diff('day', p.period_start, p.period_end)) + 1)
            as share
    from planned p
    join others o on o.kpi_id = p.kpi_id and o.period_end >= p.period_start and o.period_start <= p.period_end
        and {condition}
)
select
    key_no,
    coalesce(round(max(s.share), 6), 0) as figure,
    any_value(d.key_no) is null as applies,
    coalesce('{told}: ' || string_agg(s.time_period, ', ' order by s.share desc), '') as detail
from planned
left join shared s using (key_no)
left join doubted d using (key_no)
group by key_no
"""


HELD_NEAR = _shared(
    f"{_HELD}, others as (from held)", "true", "a large part of the same days is held as another period"
)

# A longer period's value is less of chance than those of its parts, and so shows more.
UNUSUAL_AROUND = _shared(
    "others as (select p.* from planned p semi join unusual using (key_no))",
    "o.period_start <= p.period_start and o.period_end >= p.period_end and o.freq <> p.freq",
    "a part of what is unusual as a whole",
)
