"""`parts_add_up`: the relative difference between a total and the sum of its parts.

Parts are the members of a segment, those of a combination for each member of one of its segments, or the months of a
quarter or year.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from data_quality.gate.checks.check import Check
from metrics.core.segments import part_sql

if TYPE_CHECKING:
    import pandas as pd

_SEGMENTS = """
with sums as (
    select
        p.key_no, r.additive, s.segment,
        sum(c.obs_value) filter (c.segment = s.segment) as parts,
        sum(abs(c.obs_value)) filter (c.segment = s.segment) as size,
        max(c.obs_value) filter (c.segment = '_T') as total,
        count(c.kpi_id) as n_cells
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
    case when bool_and(total is not null or (n_cells > 0 and parts is null)) then coalesce(relative, 0) end as figure,
    bool_and(additive and segment is not null) as applies,
    'differs from the total: ' || coalesce(string_agg(segment, ', ' order by segment) filter (
        abs(coalesce(parts, 0) - total) > 1e-9 * greatest(abs(total), coalesce(size, 0))), '') as detail
from sums
group by key_no
"""
# The members of a combination with the same part, against the member of that part's own segment.
_COMBINATIONS = f"""
with parts as (
    select p.key_no, s.segment, s.part as whole_segment, {part_sql("c.member", "s.number")} as whole_member,
        sum(c.obs_value) as parts, sum(abs(c.obs_value)) as size
    from planned p
    join kpi_combinations s using (kpi_id)
    join candidate_rows c using (kpi_id, freq, time_period, segment)
    group by all
),
wholes as (
    select p.key_no, s.segment, c.segment as whole_segment, c.member as whole_member, c.obs_value as whole
    from planned p
    join kpi_combinations s using (kpi_id)
    join candidate_rows c on c.kpi_id = p.kpi_id and c.freq = p.freq and c.time_period = p.time_period
        and c.segment = s.part
),
differences as (
    select key_no, segment, round(abs(coalesce(whole, 0) - coalesce(parts, 0))
        / nullif(greatest(abs(coalesce(whole, 0)), coalesce(size, 0)), 0), 12) as relative
    from parts full join wholes using (key_no, segment, whole_segment, whole_member)
)
select p.key_no, coalesce(max(d.relative), 0) as figure, coalesce(bool_and(r.additive and d.key_no is not null), false)
    as applies,
    'differs from its segments: ' || coalesce(string_agg(distinct d.segment, ', ' order by d.segment)
        filter (d.relative > 1e-9), '') as detail
from planned p
join rules r using (kpi_id)
left join differences d using (key_no)
group by p.key_no
"""
# Only where the KPI has all months of the period, and all are observable.
_MONTHS = """
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
# A sum with NULL is NULL: what couldn't be evaluated stays so.
_LARGEST = f"""
select
    key_no,
    if(s.applies, s.figure, 0) as of_segments,
    if(c.applies, c.figure, 0) as of_combinations,
    if(m.applies, m.figure, 0) as of_months,
    greatest(of_segments, of_combinations, of_months) as largest,
    largest + (of_segments + of_combinations + of_months) * 0 as figure,
    s.applies or c.applies or m.applies as applies,
    case largest when of_segments then s.detail when of_combinations then c.detail else m.detail end as detail
from ({_SEGMENTS}) s
join ({_COMBINATIONS}) c using (key_no)
join ({_MONTHS}) m using (key_no)
"""


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The largest relative difference of every planned key."""
    return connection.execute(_LARGEST).df()


CHECK = Check(
    __name__,
    figure,
    "The members of each segment add up to the total, those of a combination to its segments, and months to their"
    " quarter and year.",
    "its parts don't add up to the total",
    hold=1e-9,
)
