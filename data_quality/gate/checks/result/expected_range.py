"""`expected_range`: how far a total lies from where its own history leads one to expect it.

The value, and the numerator, denominator and number of observations behind it: a ratio hides what is wrong with both.
Of a cohort that still waits for its window to close only the latter two, as it can't have come up to the earlier ones.
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
from data_quality.gate.checks.series import (
    Flags,
    Numbers,
    Periods,
    chance,
    chance_of_mean,
    chance_of_stock,
    chance_of_sum,
    described,
    plain,
    score,
)

_BEHIND = {
    "obs_value": "",
    "numerator": "its numerator: ",
    "denominator": "its denominator: ",
    "n_obs": "its observations: ",
}

# One row per period of a series that is judged or counts as history: `now` is the candidate, `known` what counts of it
# already.
_TOTALS = """
with candidate as (
    select p.key_no,
        c.* replace (
            if(p.is_over, c.obs_value, null) as obs_value,
            if(p.is_over, c.numerator, null) as numerator
        )
    from candidate_rows c
    join planned p using (kpi_id, freq, time_period)
    where c.segment = '_T' and c.member = '_T' and isfinite(c.obs_value)
)
select kpi_id, freq, time_period, coalesce(c.period_start, h.period_start) as period_start,
    c.key_no, d.key_no is not null as doubted, coalesce(h.vouched, false) as vouched,
    coalesce(l.holds_above, 'infinity'::double) as holds_above, v.since as new_levels, r.unit, r.kind,
    [c.obs_value, c.numerator, c.denominator, c.n_obs]::double[4] as now,
    [h.obs_value, h.numerator, h.denominator, h.n_obs]::double[4] as known
from candidate c
full join (from history where segment = '_T' and member = '_T' and isfinite(obs_value)) h
    using (kpi_id, freq, time_period)
join rules r using (kpi_id)
left join failing_keys d on d.key_no = c.key_no
left join limits l on l.key_no = c.key_no and l.check_name = 'expected_range'
left join new_levels v using (kpi_id)
where coalesce(c.period_start, h.period_start) >= coalesce(r.observable_from, coalesce(c.period_start, h.period_start))
order by kpi_id, freq, period_start
"""


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The figure of every planned key: the largest surprise of the four; it applies where there is history enough."""
    totals = connection.execute(_TOTALS).fetchall()
    series = [list(rows) for _, rows in groupby(totals, key=lambda row: row[:2])]
    return in_time.figure(connection, series, _judged)


def _judged(rows: Sequence[tuple[Any, ...]]) -> list[in_time.Found]:
    """Judges the totals of one series."""
    places = [in_time.Place(*row[2:9]) for row in rows]
    freq, unit, kind = rows[0][1], rows[0][9], rows[0][10]
    now, known = (np.array([row[column] for row in rows], dtype=float) for column in (11, 12))
    periods = in_time.periods(freq, places)
    vouched = np.array([place.vouched for place in places])
    names = _different(now, known)

    def look(at: int) -> tuple[float, str] | None:
        before = in_time.at_level(freq, places, at, known)
        if before is None:
            return None
        found = [_surprise_at(at, column, name, unit, kind, periods, now, before, vouched) for column, name in names]
        return max((one for one in found if one is not None), key=lambda one: one[0], default=None)

    return in_time.judged(freq, places, now, known, look)


def _different(now: Numbers, known: Numbers) -> list[tuple[int, str]]:
    """The columns to judge, each once: a count of orders may be the value, the numerator and the observations."""
    both = np.concatenate([now, known])
    chosen: list[int] = []
    for column in range(both.shape[1]):
        values = both[:, column]
        if np.isfinite(values).any() and not any(np.array_equal(values, both[:, o], equal_nan=True) for o in chosen):
            chosen.append(column)
    return [(column, list(_BEHIND)[column]) for column in chosen]


def _surprise_at(
    at: int,
    column: int,
    name: str,
    unit: str,
    kind: str,
    periods: Periods,
    now: Numbers,
    known: Numbers,
    vouched: Flags,
) -> tuple[float, str] | None:
    """The surprise of one number of the period at that place, and its changes; None without history enough."""
    if not np.isfinite(now[at, column]):
        return None
    counting = np.flatnonzero(np.isfinite(known[:, column]))
    values = np.append(known[counting, column], now[at, column])
    places = np.append(counting, at)
    taken, n_obs = periods.at(places), np.append(known[counting, -1], now[at, -1])
    if name == "obs_value" and unit == "fraction":
        by_chance = chance(values, float(np.nan_to_num(now[at, -1])))
    else:  # whole numbers behind a value count something
        counts = unit in ("count", "persons") if name == "obs_value" else bool((values == np.floor(values)).all())
        if counts:
            by_chance = chance_of_stock(values) if kind == "stock" else chance(values, None)
        elif kind == "flow" or name != "obs_value":
            by_chance = max(chance_of_sum(values, n_obs), chance_of_mean(values, n_obs))
        else:
            by_chance = chance_of_mean(values, n_obs)
    found = score(taken, values, by_chance, vouched[places])
    if found is None:
        return None
    changes = described(taken, values)
    told = f"{plain(found.low)} to {plain(found.high)} was expected" + (f"; it is {changes}" if changes else "")
    return found.figure, _BEHIND[name] + told


CHECK = Check(
    figure,
    "The total is where its trend and season lead one to expect it, in robust standard deviations.",
    "it is far from where its past leads one to expect it",
    flag=3.5,
    hold=5,
    stage=2,
    by_chance=True,
)
