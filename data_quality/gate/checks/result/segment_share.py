"""`segment_share`: how far a segment's members have shifted, against the segment's own history.

A member's share is of the value where the members add up to it, else of the observations. One that vanishes, is new or
is renamed has shifted by all of its share. The total may be right all the same, so that it isn't held.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from data_quality.gate.checks import in_time
from data_quality.gate.checks.check import Check
from data_quality.gate.checks.series import LEVEL_OF, Flags, Numbers, Periods, scales

# No scale is less: a shift by less than 5 % of all is never more than 5 of them, as small members come and go.
_CALM = 0.05 / 5
# Of few observations, so many more or less in a member are chance, whatever the spread was.
_A_ROW_OR_TWO = 2
# So many shifts, at least, tell what is usual, and so many of the latest periods.
_FEWEST = 8
_MEMORY = 60

# A row for each member of each segment and period that is judged or counts as history.
_AMOUNTS = """
with judged as (
    -- Persons come to a member one by one, and not by the days that are counted of them.
    select p.*, coalesce(c.n_persons_denominator, c.n_obs) as n_obs_in_all
    from planned p
    join candidate_rows c using (kpi_id, freq, time_period)
    where c.segment = '_T' and c.member = '_T' and isfinite(c.obs_value)
),
rows as (
    select j.kpi_id, j.freq, j.time_period, j.period_start, j.key_no, true as is_now, false as vouched,
        s.segment, c.member, c.obs_value, c.n_obs, j.n_obs_in_all
    from judged j
    join kpi_segments s using (kpi_id)
    left join candidate_rows c on c.kpi_id = j.kpi_id and c.freq = j.freq and c.time_period = j.time_period
        and c.segment = s.segment
    union all
    select h.kpi_id, h.freq, h.time_period, h.period_start, j.key_no, false as is_now, h.vouched,
        h.segment, h.member, h.obs_value, h.n_obs, null
    from history h
    join kpi_segments s using (kpi_id, segment)
    left join judged j using (kpi_id, freq, time_period)
)
select i.kpi_id, i.freq, i.time_period, i.period_start, i.key_no, d.key_no is not null as doubted, i.vouched,
    coalesce(l.holds_above, 'infinity'::double) as holds_above, v.since as new_levels,
    i.segment, i.is_now, i.member,
    coalesce(if(r.additive, abs(i.obs_value), i.n_obs), 0)::double as amount, i.n_obs_in_all
from rows i
join rules r using (kpi_id)
left join failing_keys d on d.key_no = i.key_no
left join limits l on l.key_no = i.key_no and l.check_name = 'segment_share'
left join new_levels v on v.kpi_id = i.kpi_id
where i.period_start >= coalesce(r.observable_from, i.period_start)
    and (i.kpi_id, i.freq) in (select (kpi_id, freq) from judged)
order by i.kpi_id, i.freq, i.segment, i.period_start, i.is_now
"""


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The figure of every planned key, of its most shifted member; it applies where there is history enough."""
    amounts = connection.execute(_AMOUNTS).fetchall()
    series = [list(rows) for _, rows in groupby(amounts, key=lambda row: (row[0], row[1], row[9]))]
    return in_time.figure(connection, series, _judged)


def _judged(rows: Sequence[tuple[Any, ...]]) -> list[in_time.Found]:
    """Judges one segment of one KPI and frequency."""
    freq, segment = rows[0][1], rows[0][9]
    members = sorted({row[11] for row in rows if row[11] is not None})
    column = {member: n for n, member in enumerate(members)}
    by_period = [list(some) for _, some in groupby(rows, key=lambda row: row[2])]
    places = []
    now, known = (np.full((len(by_period), len(members)), np.nan) for _ in range(2))
    counts = np.zeros(len(by_period))
    for at, some in enumerate(by_period):
        places.append(in_time.Place(*some[0][2:9]))
        for table, is_now in ((now, True), (known, False)):
            found = [row for row in some if row[10] is is_now]
            if found:
                amounts = np.zeros(len(members))
                for row in found:
                    if row[11] is not None:
                        amounts[column[row[11]]] += row[12]
                table[at] = amounts / (amounts.sum() or 1.0)
            if found and is_now:
                counts[at] = found[0][13] or 0
    periods = in_time.periods(freq, places)
    vouched = np.array([place.vouched for place in places])

    def look(at: int) -> tuple[float, str] | None:
        before = in_time.at_level(freq, places, at, known)
        if before is None:
            return None
        counting = np.flatnonzero(np.isfinite(before).any(axis=1))
        if len(counting) < LEVEL_OF[freq] + _FEWEST:
            return None
        taken = periods.at(np.append(counting, at))
        scores, usual = _scores(taken, before[counting], now[at], counts[at], vouched[counting])
        worst = int(np.argmax(scores))
        # One that was never there is a cell of the source that nobody has let through yet.
        name = members[worst] if known[counting, worst].any() else "of a new member"
        told = f"{segment} {name} has {now[at, worst]:.1%} where {usual[worst]:.1%} is usual"
        return round(float(scores[worst]), 3), told

    return in_time.judged(freq, places, now, known, look)


def _scores(periods: Periods, earlier: Numbers, now: Numbers, count: float, vouched: Flags) -> tuple[Numbers, Numbers]:
    """Of each member the shift of its share in robust standard deviations, and what is usual of late.

    The nearest of these is what it is held against: the median of late, the year before, and what a person let through.
    """
    width = LEVEL_OF[periods.freq]
    late = earlier[-_MEMORY:]
    levels = np.median(np.lib.stride_tricks.sliding_window_view(late, width, axis=0), axis=-1)
    errors = late[width:] - levels[:-1]
    spread = scales(np.abs(errors), width)
    n = max(count, 1.0)
    rate = np.clip(levels[-1], min(1 / n, 0.5), 1 - min(1 / n, 0.5))
    by_chance = np.sqrt(rate * (1 - rate) / n)
    likely = [levels[-1], *earlier[-width:][vouched[-width:]]]
    if (year_ago := periods.year_ago[-1]) >= 0:
        likely.append(earlier[year_ago])
    apart = np.maximum(np.min(np.abs(now - np.array(likely)), axis=0) - _A_ROW_OR_TWO / n, 0)
    return apart / np.maximum(np.maximum(spread, by_chance), _CALM), levels[-1]


CHECK = Check(
    figure,
    "Each member of a segment has about the share that it had, in robust standard deviations.",
    "a segment's share is far from the usual one",
    flag=3.5,
    stage=2,
    by_chance=True,
)
