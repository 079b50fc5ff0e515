"""`few_observations`: the total is of fewer observations than a reliable value needs."""

from __future__ import annotations

import duckdb
import pandas as pd

from data_quality.checks.check import Check

_FIGURE = """
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


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The figure of every planned key."""
    return connection.execute(_FIGURE).df()


CHECK = Check(
    figure, "The total is of as many observations as a reliable value needs.", "it rests on few observations", flag=0
)
