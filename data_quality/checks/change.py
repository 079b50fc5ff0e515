"""The figure `surprise`: how far a total lies from where its own earlier periods lead one to expect it.

In robust standard deviations (median and MAD), from earlier periods only. A series of two years or more is taken apart
into trend, season and rest, as STL does; a shorter one is judged by its changes on the period before and on a year ago.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]

PERIODS_A_YEAR = {"W": 52, "M": 12, "Q": 4, "A": 1}
# How many periods make the level from which the next one is expected: long enough to be calm, and short enough to
# follow a trend.
_LEVEL_OF = {"W": 8, "M": 6, "Q": 4, "A": 3}
_FEWEST_CHANGES = 8
_FEWEST_YEARS = 2
# No scale is less than that, so that a change under 5 % is never more than 6 of them.
_CALM = np.log(1.05) / 6
_MOST = 1e6

_TOTALS = """
select c.kpi_id, c.freq, c.time_period, min(c.period_start) as period_start, max(c.obs_value) as v,
    max(c.n_obs) as n_obs, any_value(r.unit) as unit, max(p.key_no) as key_no
from candidate_rows c
join rules r using (kpi_id)
left join planned p using (kpi_id, freq, time_period)
where c.segment = '_T' and c.member = '_T' and isfinite(c.obs_value)
    and c.period_start >= coalesce(r.observable_from, c.period_start)
group by all
order by c.kpi_id, c.freq, period_start
"""


@dataclass(frozen=True)
class Series:
    """A series in the order of time.

    `phase` is the week, month or quarter of the year (0 for a year). `before` and `year_ago` are the places of the
    period before each one and of the same one a year ago, -1 where it is missing.
    """

    freq: str
    values: Numbers
    phase: Places
    before: Places
    year_ago: Places

    @staticmethod
    def of(freq: str, codes: Sequence[str], starts: Sequence[date], values: Numbers) -> Series:
        """The series of those period codes and first days."""
        year = np.array([int(code[:4]) for code in codes])
        phase = np.array([int(code[5:].lstrip("WQ") or 0) for code in codes])
        number = (
            np.array([one.toordinal() // 7 for one in starts]) if freq == "W" else year * PERIODS_A_YEAR[freq] + phase
        )
        return Series(
            freq, values, phase, _places(number - 1, number), _places((year - 1) * 100 + phase, year * 100 + phase)
        )

    def upto(self, at: int) -> Series:
        """Its part up to and including that place."""
        end = at + 1
        return Series(self.freq, self.values[:end], self.phase[:end], self.before[:end], self.year_ago[:end])


def surprise(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The figure of every planned key; it applies where there is history enough."""
    keys = connection.execute("select key_no from planned order by key_no").df()
    found: list[tuple[int, float | None, str]] = []
    for (_, freq), rows in groupby(connection.execute(_TOTALS).fetchall(), key=lambda row: (row[0], row[1])):
        _, _, codes, starts, values, counts, units, key_nos = zip(*rows, strict=True)
        series = Series.of(freq, codes, starts, np.array(values, dtype=float))
        for at, key_no in enumerate(key_nos):
            if key_no is not None:
                upto = series.upto(at)
                found.append((key_no, score(upto, chance(upto, counts[at], units[at])), described(upto)))
    table = keys.merge(pd.DataFrame(found, columns=["key_no", "figure", "detail"]), how="left", on="key_no")
    return table.assign(applies=table["figure"].notna())


def score(series: Series, by_chance: float = 0.0) -> float | None:
    """The surprise that the last value is after the earlier ones; None where they are too few to tell.

    `by_chance` is how much it may differ because events are few.
    """
    if len(series.values) < 2:
        return None
    y = series.values
    size = float(np.median(np.abs(y[:-1])))
    if (y > 0).all():
        by_chance /= (y[-1] + y[-2]) / 2
        y, size = np.log(y), 1.0
    floor = max(by_chance, _CALM * size)
    z = _seasonal_score(series, y, floor)
    return z if z is not None else _change_score(series, y, floor)


def chance(series: Series, n_obs: float | None, unit: str) -> float:
    """By how much the last value may differ from the one before as events are few: binomial for shares, Poisson for
    counts."""
    both = float(series.values[-2:].sum()) if len(series.values) > 1 else 0.0
    if unit == "fraction" and 0 <= both <= 2 and n_obs:
        return math.sqrt(both * (2 - both) / 2 / n_obs)
    return math.sqrt(both) if unit in ("count", "persons") and both > 0 else 0.0


def described(series: Series) -> str:
    """The last value's changes, for a reader."""
    told = []
    for name, at in (("the period before", series.before[-1]), ("a year ago", series.year_ago[-1])):
        if at >= 0 and series.values[at]:
            change = (series.values[-1] - series.values[at]) / abs(series.values[at])
            told.append(f"{100 * change:+.1f} % on {name}")
    return " and ".join(told)


def _seasonal_score(series: Series, y: Numbers, floor: float) -> float | None:
    """Against level and season of the earlier periods, each taken from at least two years; else None."""
    a_year, width = PERIODS_A_YEAR[series.freq], _LEVEL_OF[series.freq]
    earlier = y[:-1]
    if a_year == 1 or len(earlier) < _FEWEST_YEARS * a_year:
        return None
    drift = float(np.median(earlier[a_year:] - earlier[:-a_year])) / a_year
    flat = earlier - drift * np.arange(len(earlier))
    season = _season(flat - _smooth(flat, a_year), series)
    calm = earlier - season[:-1]
    levels = np.median(np.lib.stride_tricks.sliding_window_view(calm, width), axis=1) + drift * (width + 1) / 2
    errors = calm[width:] - levels[:-1]
    # The season took some of the noise that it was computed from, and brings some to what it is held against.
    years = len(earlier) / a_year
    scale = 1.4826 * float(np.median(np.abs(errors - np.median(errors)))) * math.sqrt((years + 1) / (years - 1))
    return _relative(abs(y[-1] - season[-1] - levels[-1]), max(scale, floor))


def _smooth(values: Numbers, a_year: int) -> Numbers:
    """The running mean over a whole year, which no season is left in; at the ends, the nearest whole year's."""
    means = np.convolve(values, np.full(a_year, 1 / a_year), mode="valid")
    before = a_year // 2
    return np.pad(means, (before, len(values) - len(means) - before), mode="edge")


def _season(detrended: Numbers, series: Series) -> Numbers:
    """Of each period the median of what the same ones of the years (of weeks, and those beside) stand off the trend."""
    a_year, reach = PERIODS_A_YEAR[series.freq], 1 if series.freq == "W" else 0
    phases, place = np.unique(series.phase, return_inverse=True)
    apart = np.abs(series.phase[:-1, None] - phases[None, :])
    near = np.minimum(apart, a_year - apart) <= reach
    by_phase: Numbers = np.nanmedian(np.where(near, detrended[:, None], np.nan), axis=0)
    return np.nan_to_num(by_phase)[place]


def _change_score(series: Series, y: Numbers, floor: float) -> float | None:
    """Against earlier changes: the lesser surprise of that on the period before and that on a year ago.

    The deviation is at most the change itself. Where most changes are nil, their mean size stands in for the median
    deviation. Until there are enough changes on a year ago, those are held against the scale of the other ones.
    """
    change, earlier = _changes(y, series.before)
    change_year, earlier_year = _changes(y, series.year_ago)
    if len(earlier) < _FEWEST_CHANGES:
        return None
    usual = _spread(earlier) or 1.2533 * float(np.mean(np.abs(earlier)))
    scores = []
    if change is not None:
        scores.append(_relative(min(abs(change - np.median(earlier)), abs(change)), max(usual, floor)))
    if change_year is not None:
        centre = float(np.median(earlier_year)) if len(earlier_year) else 0.0
        scale = _spread(earlier_year) if len(earlier_year) >= _FEWEST_CHANGES else usual
        scores.append(_relative(min(abs(change_year - centre), abs(change_year)), max(scale, floor)))
    return min(scores, default=None)


def _changes(y: Numbers, places: Places) -> tuple[float | None, Numbers]:
    """The last value's change on the one at its place, and those of the earlier ones."""
    there = places >= 0
    changes = np.where(there, y - y[places], np.nan)
    return (float(changes[-1]) if there[-1] else None), changes[:-1][there[:-1]]


def _spread(changes: Numbers) -> float:
    return 1.4826 * float(np.median(np.abs(changes - np.median(changes))))


def _relative(deviation: float, scale: float) -> float:
    if deviation == 0:
        return 0.0
    return round(min(float(deviation) / scale, _MOST), 3) if scale > 0 else _MOST


def _places(wanted: Places, numbers: Places) -> Places:
    """Of each wanted number its place among the numbers, which ascend; -1 where it isn't among them."""
    at = np.searchsorted(numbers, wanted)
    return np.where(numbers[np.minimum(at, len(numbers) - 1)] == wanted, at, -1)
