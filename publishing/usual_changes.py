"""How much the totals of a KPI usually change, in SQL: the table `kpi.usual_changes`, and whether a change is usual.

What is found in noise (`publishing.analysis.noise`) and the tables of the file read the same.
"""

from __future__ import annotations

FEWEST_CHANGES = 12
"""With fewer, the spread of the changes isn't known."""

# Of totals with their changes. Twice the standard deviation of the changes: one in twenty is larger. It is taken from
# the median distance to their median (1.4826 times it, for normally distributed values), so that a few faults or events
# don't widen it.
SPREADS = f"""
select
    kpi_id, freq, median(obs_value) as level,
    median(on_before) as usual_on_before, median(on_year_ago) as usual_on_year_ago,
    if(count(on_before) >= {FEWEST_CHANGES}, 2 * 1.4826 * mad(on_before), null) as seen_on_before,
    if(count(on_year_ago) >= {FEWEST_CHANGES}, 2 * 1.4826 * mad(on_year_ago), null) as seen_on_year_ago
from ({{totals}})
group by kpi_id, freq
"""
PUBLISHED = """
select
    kpi_id, freq, obs_value, obs_value - previous_value as on_before, obs_value - year_ago_value as on_year_ago
from kpi.observations
where segment = '_T'
"""
# The table `kpi.usual_changes`.
USUAL_CHANGES = f"""
select
    kpi_id, freq, usual_on_before as usual_previous, seen_on_before as usual_previous_within,
    usual_on_year_ago as usual_year_ago, seen_on_year_ago as usual_year_ago_within
from ({SPREADS.format(totals=PUBLISHED)})
order by kpi_id, freq
"""


def is_usual_sql(against: str, total: str = "o", usual: str = "u") -> str:
    """SQL: whether a total's change is usual, as `Usual.are_usual` says; NULL where that isn't known.

    `against` is previous or year_ago; `total` and `usual` name a row of `kpi.observations` and one of USUAL_CHANGES.
    """
    change, median = f"({total}.obs_value - {total}.{against}_value)", f"{usual}.usual_{against}"
    rounding = f"greatest(1e-9 * greatest(abs({change}), abs({median})), 1e-12)"
    within = f"{usual}.usual_{against}_within"
    is_known = f"{total}.change_{against} is not null and {within} is not null"
    return f"if({is_known}, abs({change} - {median}) <= greatest({within}, {rounding}), null)"


def says_nothing(change: float, kind: str, *, usual: bool) -> bool:
    """Whether a usual change is so large that it isn't shown: relative and beyond 100 %, of a KPI that starts anew.

    `kind` is that of `kpi.catalog`. Work left in a sprint is an example: it says where in the sprint a day lies.
    """
    return usual and kind == "relative" and abs(change) > 1
