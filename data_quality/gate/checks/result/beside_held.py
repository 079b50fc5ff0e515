"""`beside_held`: a value that is computed from the same days as one that is held for a fault of its data.

What is wrong with a KPI's data is wrong with what is computed from it: with the cost per customer, when it is with the
number of customers. A cohort is computed from the days until its window has closed, too. A value that is held only as
it is unlike the past casts no doubt on others.
"""

from __future__ import annotations

import duckdb
import pandas as pd

from data_quality.gate.checks.check import Check

_FIGURE = """
with held as (
    select c.kpi_id, c.time_period, c.period_start, c.period_end
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
    group by p.key_no
)
select
    key_no,
    coalesce(b.n, 0) as figure,
    f.key_no is null as applies,
    coalesce(
        'of the same days is held: ' || array_to_string(b.named[:4], ', ') || if(b.n > 4, ', ...', ''), ''
    ) as detail
from planned
left join beside b using (key_no)
left join failing_keys f using (key_no)
"""


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """How many such values are held, of every planned key."""
    return connection.execute(_FIGURE).df()


CHECK = Check(
    figure,
    "No value that is computed from the same days is held for a fault of its data.",
    "the data of the same days are at fault",
    flag=0,
    stage=3,
)
