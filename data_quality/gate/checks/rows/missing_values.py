"""`missing_values`: more values than in the past year are missing in a column that the KPI reads, or fewer.

Fewer are, where a default was taken for what nobody answered.
"""

from __future__ import annotations

import duckdb
import pandas as pd

from data_quality.gate.checks.blocks import BY_KEY, FARTHEST, FEWEST, NEAREST, THIN
from data_quality.gate.checks.chance import rows_by_chance
from data_quality.gate.checks.check import Check

_FIGURE = f"""
with counted as (
    select feed, column_name, grain, block,
        sum(n_rows) as n_rows,
        coalesce(sum(n_rows) filter (class = 'null'), 0) / sum(n_rows) as share
    from column_blocks
    where kind <> 'lag'
    group by all
),
shares as (
    from counted qualify n_rows >= {THIN} * median(n_rows) over (partition by feed, column_name, grain)
),
judged as (
    select *, null as member, 'null' as weight,
        case
            when share * n_rows > {rows_by_chance("n_rows * greatest(usual, 1 / n_rows_before)")} then share - usual
            when least < 1 and least * n_rows > {rows_by_chance("n_rows * share")} then least - share
            else 0
        end as figure,
        if(share > usual,
            printf(' of the values are missing, beyond the usual %.1f %%', 100 * usual),
            printf(' of the values are there that are missing as a rule, %.1f %% at least', 100 * least)
        ) as told
    from (
        select *, max(share) over past as usual, min(share) over past as least,
            sum(n_rows) over past as n_rows_before, count(*) over past as n_past
        from shares
        window past as (
            partition by feed, column_name, grain order by block
            range between interval {FARTHEST} day preceding and interval {NEAREST} day preceding
        )
    )
    where n_past >= {FEWEST}
),
{BY_KEY}
"""


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The largest share of values that are missing, or are not, beyond the usual, of every planned key."""
    return connection.execute(_FIGURE).df()


CHECK = Check(
    figure,
    "As many values as usual are missing in a column that the KPI reads: no more, and no fewer.",
    "more or fewer values are missing than usual",
    flag=0.002,
    hold=0.02,
)
