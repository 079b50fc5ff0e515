"""`segment_share`: the largest deviation of a member's share from its usual share, in robust standard deviations.

The share is that of the total value where the members add up to it, else that of the observations. A member that
disappears, is new or is renamed deviates by its whole share. The total may be right all the same, so this check only
flags.

Observations aren't independent: an order has many lines, and a wholesaler buys as much as a hundred others. So the
standard deviation is the one that the member's own past shows, also as a multiple of that of independent observations,
where periods have different numbers of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np

from data_quality.gate.checks import in_time
from data_quality.gate.checks.check import Check
from data_quality.gate.checks.series import LEVEL_WINDOW, Flags, Numbers, Periods

if TYPE_CHECKING:
    import pandas as pd

# The smallest standard deviation: a shift by less than 5 % of the total is never more than five of them. Small members
# come and go.
_MIN_SCALE = 0.05 / 5
# This many observations more or less in a member are chance, whatever the standard deviation.
_OBSERVATIONS_BY_CHANCE = 2
# The standard deviation is estimated from this many shifts at least, and this many of the latest periods at most.
_MIN_SHIFTS = 8
_MAX_PERIODS = 60
# So many events of the past don't widen it, such as a fault of some weeks or a new level.
_EVENTS_LEFT_OUT = 2

# A row for each member of each segment and period that is judged (`is_now`) or counts as history. Columns 2 to 8 are
# the fields of in_time.SeriesPeriod. Combinations are left out: each of their segments is judged by itself.
_AMOUNTS = """
with judged as (
    select p.*
    from planned p
    join candidate_rows c using (kpi_id, freq, time_period)
    where c.segment = '_T' and c.member = '_T' and isfinite(c.obs_value)
),
rows as (
    select j.kpi_id, j.freq, j.time_period, j.period_start, j.key_no, true as is_now, false as approved,
        s.segment, c.member, c.obs_value, c.n_obs
    from judged j
    join (from kpi_segments where not is_combination) s using (kpi_id)
    left join candidate_rows c on c.kpi_id = j.kpi_id and c.freq = j.freq and c.time_period = j.time_period
        and c.segment = s.segment
    union all
    select h.kpi_id, h.freq, h.time_period, h.period_start, j.key_no, false as is_now, h.approved,
        h.segment, h.member, h.obs_value, h.n_obs
    from history h
    join (from kpi_segments where not is_combination) s using (kpi_id, segment)
    left join judged j using (kpi_id, freq, time_period)
)
select i.kpi_id, i.freq, i.time_period, i.period_start, i.key_no, d.key_no is not null as failing, i.approved,
    coalesce(l.holds_above, 'infinity'::double) as holds_above, v.since as new_levels,
    i.segment, i.is_now, i.member,
    coalesce(if(r.additive, abs(i.obs_value), i.n_obs), 0)::double as amount,
    -- Where a KPI counts days of persons, the sample size is the number of persons.
    coalesce(t.n_persons_denominator, t.n_obs, 0) as n_obs_in_all
from rows i
join rules r using (kpi_id)
left join (from candidate_rows where segment = '_T' and member = '_T') t using (kpi_id, freq, time_period)
left join failing_keys d on d.key_no = i.key_no
left join limits l on l.key_no = i.key_no and l.check_name = 'segment_share'
left join new_levels v on v.kpi_id = i.kpi_id
where i.period_start >= coalesce(r.observable_from, i.period_start)
    and (i.kpi_id, i.freq) in (select (kpi_id, freq) from judged)
order by i.kpi_id, i.freq, i.segment, i.period_start, i.is_now
"""


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The figure of every planned key: that of its most shifted member. It applies if the history is long enough."""
    amounts = connection.execute(_AMOUNTS).fetchall()
    series = [list(rows) for _, rows in groupby(amounts, key=lambda row: (row[0], row[1], row[9]))]
    return in_time.figure(connection, series, _judged)


def _judged(rows: Sequence[tuple[Any, ...]]) -> list[in_time.KeyFigure]:
    """The figures of one segment of a KPI and frequency, from its rows of _AMOUNTS."""
    freq, segment = rows[0][1], rows[0][9]
    members = sorted({row[11] for row in rows if row[11] is not None})
    column_of = {member: number for number, member in enumerate(members)}
    rows_by_period = [list(period_rows) for _, period_rows in groupby(rows, key=lambda row: row[2])]
    series = [in_time.SeriesPeriod(*period_rows[0][2:9]) for period_rows in rows_by_period]
    amounts = np.full((2, len(rows_by_period), len(members)), np.nan)
    n_obs = np.zeros(len(rows_by_period))
    for index, period_rows in enumerate(rows_by_period):
        amounts[[int(row[10]) for row in period_rows], index] = 0
        for is_now, member, amount, n_obs_in_all in (row[10:] for row in period_rows):
            if member is not None:
                amounts[int(is_now), index, column_of[member]] += amount
            n_obs[index] = max(n_obs_in_all, 1)
    sums = amounts.sum(axis=2, keepdims=True)
    historical, now = amounts / np.where(sums == 0, 1, sums)
    periods = in_time.periods(freq, series)
    approved = np.array([period.approved for period in series])

    def compare(index: int) -> tuple[float, str] | None:
        history = in_time.at_level(freq, series, index, historical)
        if history is None:
            return None
        with_shares = np.flatnonzero(np.isfinite(history).any(axis=1))
        if len(with_shares) < LEVEL_WINDOW[freq] + _MIN_SHIFTS:
            return None
        compared = np.append(with_shares, index)
        scores, usual = _scores(
            periods.at(compared), history[with_shares], now[index], n_obs[compared], approved[with_shares]
        )
        worst = int(np.argmax(scores))
        # A new member isn't named: its name is a cell of the source that nobody has approved yet.
        name = members[worst] if historical[with_shares, worst].any() else "of a new member"
        detail = f"{segment} {name} has {now[index, worst]:.1%} where {usual[worst]:.1%} is usual"
        return round(float(scores[worst]), 3), detail

    return in_time.judged(freq, series, now, historical, compare)


def _scores(
    periods: Periods, earlier: Numbers, now: Numbers, n_obs: Numbers, approved: Flags
) -> tuple[Numbers, Numbers]:
    """For each member the deviation of its share in robust standard deviations, and its usual share.

    `earlier` has a row for each earlier period and a column for each member, `now` the shares of the period that is
    judged, `n_obs` the number of observations of each period, the judged one last. The usual share is the median of the
    latest window. The deviation is that from the nearest of the usual share, the share a year ago, and shares in that
    window that a person approved.
    """
    width = LEVEL_WINDOW[periods.freq]
    latest = earlier[-_MAX_PERIODS:]
    levels = np.median(np.lib.stride_tricks.sliding_window_view(latest, width, axis=0), axis=-1)
    errors = latest[width:] - levels[:-1]
    n = n_obs[-len(errors) - 1 :, None]
    least = np.minimum(1 / n, 0.5)
    rate = np.clip(levels, least, 1 - least)
    if_independent = np.sqrt(rate * (1 - rate) / n)
    overdispersion = np.maximum(_spread(errors / if_independent[:-1]), 1)
    scale = np.maximum(_spread(errors), overdispersion * if_independent[-1])
    expected = [levels[-1], *earlier[-width:][approved[-width:]]]
    if (year_ago := periods.year_ago[-1]) >= 0:
        expected.append(earlier[year_ago])
    shift = np.maximum(np.min(np.abs(now - np.array(expected)), axis=0) - _OBSERVATIONS_BY_CHANCE / n_obs[-1], 0)
    return shift / np.maximum(scale, _MIN_SCALE), levels[-1]


def _spread(errors: Numbers) -> Numbers:
    """The robust standard deviation of each column (MAD), or the root mean square of its usual errors if that is more.

    A member that has most of its observations in a few periods has a MAD of zero. Usual errors are all but the largest
    events. An event is the largest error, with those before and after it that are at least half as large.
    """
    sizes = np.abs(errors)
    is_usual = np.ones(sizes.shape, dtype=bool)
    for _ in range(_EVENTS_LEFT_OUT):
        usual = np.where(is_usual, sizes, 0)
        is_large = usual >= usual.max(axis=0) / 2
        run = np.cumsum(~is_large, axis=0)
        is_usual &= ~is_large | (run != np.take_along_axis(run, usual.argmax(axis=0)[None, :], axis=0))
    mean_square = np.sum(sizes**2, axis=0, where=is_usual) / np.maximum(is_usual.sum(axis=0), 1)
    return np.asarray(np.maximum(1.4826 * np.median(sizes, axis=0), np.sqrt(mean_square)))


CHECK = Check(
    __name__,
    figure,
    "Each member of a segment has about its usual share; the figure is in robust standard deviations.",
    "a segment's share is far from the usual one",
    flag=3.5,
    stage=2,
    by_chance=True,
)
