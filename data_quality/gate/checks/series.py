"""How surprising the last value of a series is after the earlier ones; which values count is no matter of this module.

In robust standard deviations (median and MAD). A series of two years or more is taken apart into trend, season and
rest, as STL does; a shorter one is judged by its changes on the value before and on a year ago.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]
Flags = NDArray[np.bool_]

PERIODS_A_YEAR = {"W": 52, "M": 12, "Q": 4, "A": 1}
# How many periods make the level from which the next one is expected: long enough to be calm, and short enough to
# follow a trend.
LEVEL_OF = {"W": 8, "M": 6, "Q": 4, "A": 3}
_FEWEST_CHANGES = 8
_FEWEST_YEARS = 2
# No scale is less than that, so that a change under 5 % is never more than 5 of them.
_CALM = np.log(1.05) / 5
# What never was nought and now is counts as that part of the value before it: then nought is as surprising after a
# Poisson count of ten or twenty as its probability is.
_NOUGHT = 20
# What came three times may come again: no scale is less than a fifth of the third greatest deviation, of which one
# counts in as many periods as make a level. What was wrong once excuses nothing.
_CAME, _THIRD = 5, 3
_MOST = 1e6
_USUAL = 3.5  # standard deviations within which a value is as expected


@dataclass(frozen=True)
class Periods:
    """Periods of one frequency in the order of time; some may be missing.

    `number` counts them on without a gap, `phase` is the week, month or quarter of the year (0 for a year).
    """

    freq: str
    number: Places
    year: Places
    phase: Places

    @staticmethod
    def of(freq: str, codes: Sequence[str], starts: Sequence[date]) -> Periods:
        """The periods of those codes and first days."""
        year = np.array([int(code[:4]) for code in codes])
        phase = np.array([int(code[5:].lstrip("WQ") or 0) for code in codes])
        weeks = np.array([one.toordinal() // 7 for one in starts])
        return Periods(freq, weeks if freq == "W" else year * PERIODS_A_YEAR[freq] + phase, year, phase)

    def at(self, places: Places) -> Periods:
        """Those at some places, which ascend."""
        return Periods(self.freq, self.number[places], self.year[places], self.phase[places])

    @property
    def gaps(self) -> Places:
        """How many periods each one but the first comes after the one before it; 1 where none is missing."""
        return np.diff(self.number)

    @property
    def year_ago(self) -> Places:
        """Of each period the place of the same one a year ago, -1 where it is missing."""
        wanted, codes = (self.year - 1) * 100 + self.phase, self.year * 100 + self.phase
        at = np.searchsorted(codes, wanted)
        return np.where(codes[np.minimum(at, len(codes) - 1)] == wanted, at, -1)


@dataclass(frozen=True)
class Surprise:
    """How surprising a value is, and the values from `low` to `high` that are less than _USUAL so."""

    figure: float
    low: float
    high: float


def score(periods: Periods, values: Numbers, by_chance: float, vouched: Flags) -> Surprise | None:
    """The surprise that the last value is after the earlier ones; None where they are too few to tell.

    `by_chance` is how much it may differ because events are few. An earlier value that is `vouched` for may come again:
    a person let it through though it was a surprise.
    """
    if len(values) < 2:
        return None
    logs = _logs(values)
    if logs is None:
        floor = max(by_chance, _CALM * float(np.median(np.abs(values[:-1]))))
        return _seasonal(periods, values, floor, vouched) or _by_changes(periods, values, floor, vouched)
    floor = max(by_chance / float(values[-2:].mean()), _CALM)
    found = _seasonal(periods, logs, floor, vouched) or _by_changes(periods, logs, floor, vouched)
    return found and Surprise(found.figure, math.exp(found.low), math.exp(found.high))


def _logs(values: Numbers) -> Numbers | None:
    """The logarithms of positive values, of which the last may be nought; None of others."""
    if not ((values[:-1] > 0).all() and values[-1] >= 0):
        return None
    logs: Numbers = np.log(np.append(values[:-1], values[-1] or values[-2] / _NOUGHT))
    return logs


def chance(values: Numbers, n_obs: float | None) -> float:
    """By how much the last value may differ from the one before as events are few.

    Binomial for a share of `n_obs`, Poisson for a count (without `n_obs`).
    """
    both = float(values[-2:].sum()) if len(values) > 1 else 0.0
    if n_obs is None:
        return math.sqrt(both) if both > 0 else 0.0
    return math.sqrt(both * (2 - both) / 2 / n_obs) if 0 <= both <= 2 and n_obs else 0.0


def chance_of_stock(values: Numbers) -> float:
    """By how much the last count of a stock may differ from the one before: Poisson for those who come and go, as many
    as before and one more, and not for all who stay.
    """
    changes = np.abs(np.diff(values[:-1]))
    return math.sqrt(1 + (float(changes.mean()) if len(changes) else 0.0))


def chance_of_sum(values: Numbers, n_obs: Numbers) -> float:
    """By how much the last sum may differ from the one before as it is of few observations: in proportion as their
    number may, and more where some are larger than others.
    """
    both = float(np.nan_to_num(n_obs[-2:]).sum())
    return float(np.abs(values[-2:]).sum()) / math.sqrt(both) if both > 0 and len(values) > 1 else 0.0


def chance_of_mean(values: Numbers, n_obs: Numbers) -> float:
    """By how much more than usual the last mean or quantile may differ from the one before as they are of fewer
    observations: of a quarter as many they vary twice as much. Positive ones vary in proportion.
    """
    if len(values) < _FEWEST_CHANGES:
        return 0.0
    logs = _logs(values)
    y, size = (values, 1.0) if logs is None else (logs, float(values[-2:].mean()))
    with np.errstate(divide="ignore", invalid="ignore"):
        varied = np.abs(np.diff(y)) / np.sqrt(1 / n_obs[1:] + 1 / n_obs[:-1])
    known = np.isfinite(varied[:-1])
    if known.sum() < _FEWEST_CHANGES or not (n_obs[-2:] > 0).all():
        return 0.0
    more = max(float((1 / n_obs[-2:]).sum()) - 2 / float(np.median(n_obs[:-1][1:][known])), 0.0)
    return size * 1.4826 * float(np.median(varied[:-1][known])) * math.sqrt(more)


def described(periods: Periods, values: Numbers) -> str:
    """The last value's changes, for a reader."""
    before = "the period before" if len(values) > 1 and periods.gaps[-1] == 1 else "the last one that counts"
    told = []
    for name, at in ((before, len(values) - 2), ("a year ago", periods.year_ago[-1])):
        if at >= 0 and values[at]:
            change = (values[-1] - values[at]) / abs(values[at])
            told.append(f"{100 * change:+.1f} % on {name}")
    return " and ".join(told)


def _seasonal(periods: Periods, y: Numbers, floor: float, vouched: Flags) -> Surprise | None:
    """Against level and season of the earlier periods, each taken from at least two years; else None.

    What a person let through may come again, and may be over: the level without it counts, too.
    """
    a_year, width = PERIODS_A_YEAR[periods.freq], LEVEL_OF[periods.freq]
    earlier = y[:-1]
    if a_year == 1 or len(earlier) < _FEWEST_YEARS * a_year:
        return None
    drift = float(np.median(earlier[a_year:] - earlier[:-a_year])) / a_year
    flat = earlier - drift * np.arange(len(earlier))
    season = _season(flat - _smooth(flat, a_year), periods)
    calm = earlier - season[:-1]
    levels = np.median(np.lib.stride_tricks.sliding_window_view(calm, width), axis=1) + drift * (width + 1) / 2
    errors = calm[width:] - levels[:-1]
    # The season took some of the noise that it was computed from, and brings some to what it is held against.
    years = len(earlier) / a_year
    scale = _scale(errors, width) * math.sqrt((years + 1) / (years - 1))
    let_through = vouched[:-1]
    expected = [levels[-1] + drift * (periods.gaps[-1] - 1), *calm[-width:][let_through[-width:]]]
    if let_through[-width:].any() and not let_through.all():
        expected.append(float(np.median(calm[~let_through][-width:])))
    return _nearest(float(y[-1]), [season[-1] + one for one in expected], max(scale, floor))


def _smooth(values: Numbers, a_year: int) -> Numbers:
    """The running mean over a whole year, which no season is left in; at the ends, the nearest whole year's."""
    means = np.convolve(values, np.full(a_year, 1 / a_year), mode="valid")
    before = a_year // 2
    return np.pad(means, (before, len(values) - len(means) - before), mode="edge")


def _season(detrended: Numbers, periods: Periods) -> Numbers:
    """Of each period the median of what the same ones of the years (of weeks, and those beside) stand off the trend."""
    a_year, reach = PERIODS_A_YEAR[periods.freq], 1 if periods.freq == "W" else 0
    phases, place = np.unique(periods.phase, return_inverse=True)
    apart = np.abs(periods.phase[:-1, None] - phases[None, :])
    near = np.minimum(apart, a_year - apart) <= reach
    # As np.nanmedian does, which is ten times slower: NaN sorts last.
    ordered, count = np.sort(np.where(near, detrended[:, None], np.nan), axis=0), near.sum(axis=0)
    columns = np.arange(len(phases))
    by_phase = (ordered[(count - 1) // 2, columns] + ordered[count // 2, columns]) / 2
    season: Numbers = np.nan_to_num(by_phase)[place]
    return season


def _by_changes(periods: Periods, y: Numbers, floor: float, vouched: Flags) -> Surprise | None:
    """Against earlier changes: the least surprise of that on the value before, on the one before that (what was for one
    period only is over), on the last one before those that a person let through, and on a year ago.

    The deviation is at most the change itself. Where most changes are nil, their mean size stands in for the median
    deviation. Until there are enough changes on a year ago, those are held against the scale of the other ones.
    """
    across = np.sqrt(periods.gaps)  # a change over some periods is as large as those of a random walk
    earlier = (np.diff(y) / across)[:-1]
    if len(earlier) < _FEWEST_CHANGES:
        return None
    width = LEVEL_OF[periods.freq]
    usual = _scale(earlier, width)
    if not np.median(np.abs(earlier - np.median(earlier))):
        usual = max(usual, 1.2533 * float(np.mean(np.abs(earlier))))
    found = []
    for at in {len(y) - 2, len(y) - 3, *([calm[-1]] if len(calm := np.flatnonzero(~vouched[:-1])) else [])}:
        over = math.sqrt(float(periods.number[-1] - periods.number[at]))
        expected = [y[at], y[at] + over * float(np.median(earlier))]
        found.append(_nearest(float(y[-1]), expected, over * max(usual, floor)))
    year_ago = periods.year_ago
    if year_ago[-1] >= 0:
        on_year = y - y[year_ago]
        earlier_year = on_year[:-1][year_ago[:-1] >= 0]
        centre = float(np.median(earlier_year)) if len(earlier_year) else 0.0
        scale = _scale(earlier_year, width) if len(earlier_year) >= _FEWEST_CHANGES else usual
        expected = [y[year_ago[-1]], y[year_ago[-1]] + centre]
        found.append(_nearest(float(y[-1]), expected, max(scale, floor)))
    return min(found, key=lambda one: one.figure)


def _nearest(value: float, expected: Sequence[float], scale: float) -> Surprise:
    """The surprise of a value that may be any of those expected."""
    figure = _relative(min(abs(value - one) for one in expected), scale)
    return Surprise(figure, min(expected) - _USUAL * scale, max(expected) + _USUAL * scale)


def _scale(deviations: Numbers, width: int) -> float:
    """The standard deviation of most of them, or as much as makes the third greatest usual."""
    return float(scales(np.abs(deviations - np.median(deviations)), width))


def scales(deviations: Numbers, width: int) -> Numbers:
    """The scale of the absolute deviations in each column; of `width` that follow on each other one is of an event."""
    whole = deviations[len(deviations) % width :]
    events = np.sort(whole.reshape(-1, width, *deviations.shape[1:]).max(axis=1), axis=0)
    third = events[-_THIRD] if len(events) >= _THIRD else 0.0
    scale: Numbers = np.maximum(1.4826 * np.median(deviations, axis=0), third / _CAME)
    return scale


def _relative(deviation: float, scale: float) -> float:
    if deviation == 0:
        return 0.0
    return round(min(float(deviation) / scale, _MOST), 3) if scale > 0 else _MOST
