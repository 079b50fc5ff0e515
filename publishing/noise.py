"""How much the totals of each KPI change by themselves: what a change must exceed to be seen."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from publishing import reader

FEWEST_CHANGES = 12
"""With fewer, the spread of the changes isn't known."""

# Twice the standard deviation of the changes: one in twenty is larger. It is taken from the median distance to their
# median (1.4826 times it, for normally distributed values), so that a few faults or events don't widen it.
_NOISE = """
with totals as ({totals}),
spreads as (
    select
        kpi_id, freq, median(obs_value) as level,
        if(count(on_before) >= $fewest, 2 * 1.4826 * mad(on_before), null) as seen_on_before,
        if(count(on_year_ago) >= $fewest, 2 * 1.4826 * mad(on_year_ago), null) as seen_on_year_ago
    from totals
    group by kpi_id, freq
)
select kpi_id, freq, level, seen_on_before, seen_on_year_ago
from spreads
qualify row_number() over (partition by kpi_id order by freq) = 1
order by kpi_id
"""


_PUBLISHED = """
select
    kpi_id, freq, obs_value, obs_value - previous_value as on_before, obs_value - year_ago_value as on_year_ago
from kpi.observations
where segment = '_T' and freq in ('M', 'Q')
"""


@dataclass(frozen=True)
class Noise:
    """Of a KPI's months, or quarters where it has no months: the usual level, and the smallest changes that are seen.

    A change on the period before, or on a year ago, is seen when it differs from the median one by more than nineteen
    of twenty do; None with fewer than FEWEST_CHANGES of them. In the KPI's unit.
    """

    kpi_id: str
    freq: str
    level: float | None
    seen_on_before: float | None
    seen_on_year_ago: float | None


def noise() -> list[Noise]:
    """The noise of each KPI with published totals by month or quarter.

    Raises NyckeltalError as `reader.opened` does.
    """
    with reader.opened() as connection:
        return noise_of(connection, _PUBLISHED)


def noise_of(connection: duckdb.DuckDBPyConnection, totals: str) -> list[Noise]:
    """The noise of the totals that a query gives: kpi_id, freq, obs_value, and its change on_before and on_year_ago."""
    rows = connection.execute(_NOISE.format(totals=totals), {"fewest": FEWEST_CHANGES}).fetchall()
    return [Noise(*row) for row in rows]
