"""`part_of_held`: a week of a held month, or a month of a held quarter; or a month that is mostly held weeks.

A month shows a fault that its noisier weeks hide; weeks show it in a company too young for months to have a past.
A month that was published and hasn't changed since isn't held for a later one of its quarter.
"""

from __future__ import annotations

import duckdb
import pandas as pd

from data_quality.gate.checks.check import Check

# A stock is of its period's last day: every period that ends on it has the same value, any other has nothing of it.
_FIGURE = """
with parts as (
    select p.key_no, l.time_period as longer,
        if(r.kind = 'stock', 1,
            (date_diff('day', greatest(l.period_start, p.period_start), least(l.period_end, p.period_end)) + 1)
            / (date_diff('day', l.period_start, l.period_end) + 1)) as share
    from planned p
    join rules r using (kpi_id)
    join held_periods l on l.kpi_id = p.kpi_id and if(r.kind = 'stock',
        l.period_end = p.period_end and l.freq <> p.freq,
        l.period_end >= p.period_start and l.period_start <= p.period_end
            and l.freq = if(p.freq = 'W', 'M', if(p.freq = 'M', 'Q', null)))
),
-- Of held parts less than half is told of beside it.
wholes as (
    select p.key_no, string_agg(s.time_period, ', ' order by s.time_period) as shorter,
        sum(date_diff('day', greatest(s.period_start, p.period_start), least(s.period_end, p.period_end)) + 1)
            / (date_diff('day', p.period_start, p.period_end) + 1) as share
    from planned p
    join rules r on r.kpi_id = p.kpi_id and r.kind <> 'stock'
    join held_periods s on s.kpi_id = p.kpi_id and s.period_end >= p.period_start and s.period_start <= p.period_end
        and s.freq = if(p.freq = 'M', 'W', if(p.freq = 'Q', 'M', if(p.freq = 'A', 'Q', null)))
    group by p.key_no, p.period_start, p.period_end
    having share > 0.5
),
unchanged as (
    select p.key_no
    from planned p
    join candidate_rows c using (kpi_id, freq, time_period)
    join history h using (kpi_id, freq, time_period, segment, member)
    where p.freq <> 'W' and c.segment = '_T' and c.member = '_T'
        and abs(c.obs_value - h.obs_value) <= 1e-9 * greatest(abs(c.obs_value), abs(h.obs_value))
)
select
    key_no,
    coalesce(round(greatest(max(p.share), any_value(w.share)), 6), 0) as figure,
    any_value(f.key_no) is null and any_value(u.key_no) is null as applies,
    coalesce(
        'it is a part of ' || string_agg(longer, ' and ' order by p.share desc) || ', which is held',
        'most of it is held: ' || any_value(w.shorter),
        ''
    ) as detail
from planned
left join parts p using (key_no)
left join wholes w using (key_no)
left join failing_keys f using (key_no)
left join unchanged u using (key_no)
group by key_no
"""


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """How large a part of a held period it is, or how much of it is held, by days, of every planned key."""
    return connection.execute(_FIGURE).df()


CHECK = Check(
    figure,
    "It is no good part of a longer period that is held, nor mostly held shorter ones.",
    "a longer period that it is part of, or most of its weeks, are held",
    hold=0.2,
    stage=3,
)
