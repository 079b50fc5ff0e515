"""`missing_values`: how far the share of missing values in a column is outside the range of the past year.

A share below that range counts, too: it means that a default was filled in for values that nobody gave.
"""

from __future__ import annotations

from data_quality.gate.checks.blocks import compared_sql, figure_by_key_sql
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
{compared_sql("feed, column_name")},
judged as (
    select *, null as member, 'null' as share_of,
        case
            when share * n_rows > {rows_by_chance("n_rows * greatest(highest, 1 / n_rows_before)")} then share - highest
            when lowest < 1 and lowest * n_rows > {rows_by_chance("n_rows * share")} then lowest - share
            else 0
        end as figure,
        if(share > highest,
            printf(' of the values are missing, beyond the usual %.1f %%', 100 * highest),
            printf(' of the values are filled in that are usually missing: %.1f %% or more were', 100 * lowest)
        ) as explanation
    from compared
),
{figure_by_key_sql()}
"""

CHECK = Check(
    __name__,
    _FIGURE,
    "In every column that the KPI reads, the share of missing values is within the range of the past year.",
    "more or fewer values are missing than usual",
    flag=0.002,
    hold=0.02,
)
