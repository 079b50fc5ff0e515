"""Statistics of a time series: how far its last value deviates from what the earlier values lead one to expect.

A deviation is measured in robust standard deviations (median and MAD). With two years of history or more, the expected
value is the level (a running median with a linear drift) plus the season. With less, the last value is compared with
the values before it and a year ago. Which earlier values count as history is decided by `history.py` and `in_time.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

PERIODS_A_YEAR = {"W": 52, "M": 12, "Q": 4, "A": 1}
# The window, in periods, whose median is the level: long enough to smooth noise, short enough to follow a trend.
LEVEL_WINDOW = {"W": 8, "M": 6, "Q": 4, "A": 3}
_MIN_CHANGES = 8
_MIN_YEARS = 2
# The smallest standard deviation of logarithms, so that a change by less than 5 % is never more than 5 deviations.
_MIN_SCALE = np.log(1.05) / 5
# A zero after positive values has no logarithm. It counts as a drop to this fraction (1/20) of the value before it. The
# deviation then matches the probability of a zero after a Poisson count of ten or twenty.
_ZERO_DIVISOR = 20
# A deviation that came three times may come again: the scale is at least a fifth of the third largest deviation. Of
# each window of periods only the largest deviation counts, so that one long event is not three. One or two faults in
# the past don't widen the scale.
_SCALES_OF_RECURRING, _RECURRING = 5, 3
_MAX_FIGURE = 1e6
_EXPECTED_WITHIN = 3.5  # standard deviations: values within are in the expected range


@dataclass(frozen=True)
class Periods:
    """Periods of one frequency in the order of time; some may be missing.

    The arrays have one element per period. `number` counts periods without a gap, so that missing ones show as steps
    above 1. `phase` is the week, month or quarter of the year (0 for a year).
    """

    freq: str
    number: Indices
    year: Indices
    phase: Indices

    @staticmethod
    def of(freq: str, codes: Sequence[str], starts: Sequence[date]) -> Periods:
        """The periods with those codes (such as 2026-W48) and first days."""
        year = np.array([int(code[:4]) for code in codes])
        phase = np.array([int(code[5:].lstrip("WQ") or 0) for code in codes])
        weeks = np.array([start.toordinal() // 7 for start in starts])
        return Periods(freq, weeks if freq == "W" else year * PERIODS_A_YEAR[freq] + phase, year, phase)

    def at(self, indices: Indices) -> Periods:
        """The periods at those indices, which must ascend."""
        return Periods(self.freq, self.number[indices], self.year[indices], self.phase[indices])

    @property
    def gaps(self) -> Indices:
        """Steps from each period to the next, in periods: 1 where none is missing. One element less than periods."""
        return np.diff(self.number)

    @property
    def year_ago(self) -> Indices:
        """For each period the index of the same period a year ago, -1 where it is missing."""
        codes_a_year_ago, codes = (self.year - 1) * 100 + self.phase, self.year * 100 + self.phase
        index = np.searchsorted(codes, codes_a_year_ago)
        return np.where(codes[np.minimum(index, len(codes) - 1)] == codes_a_year_ago, index, -1)


@dataclass(frozen=True)
class Deviation:
    """The deviation of a value from the expected one.

    `figure` is in robust standard deviations; the values from `low` to `high` deviate by _EXPECTED_WITHIN at most.
    """

    figure: float
    low: float
    high: float


def score(periods: Periods, values: Numbers, by_chance: float, approved: Flags) -> Deviation | None:
    """The deviation of the last value from what the earlier ones lead one to expect; None where they are too few.

    `periods`, `values` and `approved` have one element per period. `by_chance` is the standard deviation of the last
    change that small numbers of events explain, in the unit of the values. An earlier value is `approved` when a person
    released it although it deviated: then a value like it is expected, too. Positive values are compared on a
    logarithmic scale.
    """
    if len(values) < 2:
        return None
    logs = _logs(values)
    if logs is None:
        floor = max(by_chance, _MIN_SCALE * float(np.median(np.abs(values[:-1]))))
        return _from_season(periods, values, floor, approved) or _from_changes(periods, values, floor, approved)
    floor = max(by_chance / float(values[-2:].mean()), _MIN_SCALE)
    deviation = _from_season(periods, logs, floor, approved) or _from_changes(periods, logs, floor, approved)
    return deviation and Deviation(deviation.figure, math.exp(deviation.low), math.exp(deviation.high))


def _logs(values: Numbers) -> Numbers | None:
    """The logarithms of positive values, of which the last may be zero; None where another value isn't positive."""
    if not ((values[:-1] > 0).all() and values[-1] >= 0):
        return None
    logs: Numbers = np.log(np.append(values[:-1], values[-1] or values[-2] / _ZERO_DIVISOR))
    return logs


def chance(values: Numbers, n_obs: float | None) -> float:
    """The standard deviation of the last change if only chance is at work.

    Binomial for a share of `n_obs` observations, Poisson for a count (`n_obs` is None).
    """
    last_two = float(values[-2:].sum()) if len(values) > 1 else 0.0
    if n_obs is None:
        return math.sqrt(last_two) if last_two > 0 else 0.0
    return math.sqrt(last_two * (2 - last_two) / 2 / n_obs) if 0 <= last_two <= 2 and n_obs else 0.0


def chance_of_stock(values: Numbers) -> float:
    """The standard deviation of the last change of a count at a point in time, such as headcount.

    Poisson for those who come and go (the mean earlier change plus one), and not for all who stay.
    """
    changes = np.abs(np.diff(values[:-1]))
    return math.sqrt(1 + (float(changes.mean()) if len(changes) else 0.0))


def chance_of_sum(values: Numbers, n_obs: Numbers) -> float:
    """The standard deviation of the last change of a sum over few observations.

    Poisson for the number of observations, times their mean size. That observations differ in size isn't included.
    """
    n_last_two = float(np.nan_to_num(n_obs[-2:]).sum())
    return float(np.abs(values[-2:]).sum()) / math.sqrt(n_last_two) if n_last_two > 0 and len(values) > 1 else 0.0


def chance_of_mean(values: Numbers, n_obs: Numbers) -> float:
    """The additional standard deviation of the last change of a mean or quantile over fewer observations than usual.

    The standard error goes with 1 / sqrt(n_obs): with a quarter of the observations it doubles. It is estimated from
    the earlier changes; positive values vary in proportion to their size. 0 where there are as many observations as
    usual, or too few changes to estimate from.
    """
    if len(values) < _MIN_CHANGES:
        return 0.0
    logs = _logs(values)
    y, size = (values, 1.0) if logs is None else (logs, float(values[-2:].mean()))
    with_obs = np.where(n_obs > 0, n_obs, np.nan)  # a period without observations tells nothing of the others
    standardized = np.abs(np.diff(y)) / np.sqrt(1 / with_obs[1:] + 1 / with_obs[:-1])
    is_known = np.isfinite(standardized[:-1])
    if is_known.sum() < _MIN_CHANGES or not (n_obs[-2:] > 0).all():
        return 0.0
    usual_variance = 2 / float(np.median(n_obs[:-1][1:][is_known]))
    additional_variance = max(float((1 / n_obs[-2:]).sum()) - usual_variance, 0.0)
    return size * 1.4826 * float(np.median(standardized[:-1][is_known])) * math.sqrt(additional_variance)


def readable(number: float) -> str:
    """A number for a reader: whole from a thousand on, else with four significant digits."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:,.4g}"


def changes_in_words(periods: Periods, values: Numbers) -> str:
    """The change of the last value from the one before and from a year ago, in per cent; empty where neither exists."""
    before = "the period before" if len(values) > 1 and periods.gaps[-1] == 1 else "the last one that counts"
    changes = []
    for name, index in ((before, len(values) - 2), ("a year ago", periods.year_ago[-1])):
        if index >= 0 and values[index]:
            change = (values[-1] - values[index]) / abs(values[index])
            changes.append(f"{100 * change:+.1f} % on {name}")
    return " and ".join(changes)


def _from_season(periods: Periods, y: Numbers, floor: float, approved: Flags) -> Deviation | None:
    """The deviation from level plus season; None with less than two years of history, or for yearly periods.

    `floor` is the smallest scale. Approved values of the latest window are expected, too, and so is the level without
    approved values: what a person let through may come again, and may be over.
    """
    a_year, width = PERIODS_A_YEAR[periods.freq], LEVEL_WINDOW[periods.freq]
    earlier = y[:-1]
    if a_year == 1 or len(earlier) < _MIN_YEARS * a_year:
        return None
    drift = float(np.median(earlier[a_year:] - earlier[:-a_year])) / a_year
    without_drift = earlier - drift * np.arange(len(earlier))
    season = _season(without_drift - _running_mean(without_drift, a_year), periods)
    deseasoned = earlier - season[:-1]
    windows = np.lib.stride_tricks.sliding_window_view(deseasoned, width)
    levels = np.median(windows, axis=1) + drift * (width + 1) / 2
    errors = deseasoned[width:] - levels[:-1]
    # In the sample, the season fits some of the noise, so that errors are too small; out of it, the estimation error of
    # the season comes on top.
    years = len(earlier) / a_year
    scale = robust_scale(errors, width) * math.sqrt((years + 1) / (years - 1))
    expected_levels = [
        levels[-1] + drift * (periods.gaps[-1] - 1),
        *deseasoned[-width:][approved[:-1][-width:]],
    ]
    if approved[:-1][-width:].any() and not approved[:-1].all():
        expected_levels.append(float(np.median(deseasoned[~approved[:-1]][-width:])))
    return _from_nearest(float(y[-1]), [season[-1] + level for level in expected_levels], max(scale, floor))


def _running_mean(values: Numbers, a_year: int) -> Numbers:
    """The centred mean over one year, which cancels the season out; at both ends, the mean of the nearest year."""
    means = np.convolve(values, np.full(a_year, 1 / a_year), mode="valid")
    before = a_year // 2
    return np.pad(means, (before, len(values) - len(means) - before), mode="edge")


def _season(detrended: Numbers, periods: Periods) -> Numbers:
    """The seasonal component of each period: the median deviation from trend of the same period in all years.

    Of weeks, those next to it count, too. `detrended` lacks the last period, which is judged; the result has it.
    """
    a_year, reach = PERIODS_A_YEAR[periods.freq], 1 if periods.freq == "W" else 0
    phases, phase_index = np.unique(periods.phase, return_inverse=True)
    apart = np.abs(periods.phase[:-1, None] - phases[None, :])
    is_near = np.minimum(apart, a_year - apart) <= reach
    # The same as np.nanmedian, ten times faster: NaN sorts last.
    ordered, count = np.sort(np.where(is_near, detrended[:, None], np.nan), axis=0), is_near.sum(axis=0)
    columns = np.arange(len(phases))
    by_phase = (ordered[(count - 1) // 2, columns] + ordered[count // 2, columns]) / 2
    season: Numbers = np.nan_to_num(by_phase)[phase_index]
    return season


def _from_changes(periods: Periods, y: Numbers, floor: float, approved: Flags) -> Deviation | None:
    """The smallest deviation from several reference values; None with fewer than _MIN_CHANGES earlier changes.

    The references are the value before; the one before that, in case the former was off for one period only; the last
    value that isn't `approved`, in case approved values were exceptional; and the value a year ago. From each one, no
    change and the median change are both expected. The scale is that of the earlier changes: their MAD, or where most
    are zero, their mean absolute size. Changes from a year ago have a scale of their own as soon as there are enough.
    """
    gaps = np.sqrt(periods.gaps)  # as in a random walk, a change over n periods is sqrt(n) times as large
    earlier_changes = (np.diff(y) / gaps)[:-1]
    if len(earlier_changes) < _MIN_CHANGES:
        return None
    width = LEVEL_WINDOW[periods.freq]
    change_scale = robust_scale(earlier_changes, width)
    if not np.median(np.abs(earlier_changes - np.median(earlier_changes))):
        change_scale = max(change_scale, 1.2533 * float(np.mean(np.abs(earlier_changes))))
    deviations = []
    references = {len(y) - 2, len(y) - 3}
    if len(not_approved := np.flatnonzero(~approved[:-1])):
        references.add(not_approved[-1])
    for reference in references:
        gap = math.sqrt(float(periods.number[-1] - periods.number[reference]))
        expected = [y[reference], y[reference] + gap * float(np.median(earlier_changes))]
        deviations.append(_from_nearest(float(y[-1]), expected, gap * max(change_scale, floor)))
    year_ago = periods.year_ago
    if year_ago[-1] >= 0:
        yearly_changes = (y - y[year_ago])[:-1][year_ago[:-1] >= 0]
        centre = float(np.median(yearly_changes)) if len(yearly_changes) else 0.0
        scale = robust_scale(yearly_changes, width) if len(yearly_changes) >= _MIN_CHANGES else change_scale
        expected = [y[year_ago[-1]], y[year_ago[-1]] + centre]
        deviations.append(_from_nearest(float(y[-1]), expected, max(scale, floor)))
    return min(deviations, key=lambda deviation: deviation.figure)


def _from_nearest(value: float, expected: Sequence[float], scale: float) -> Deviation:
    """The deviation of a value from the nearest of those expected."""
    figure = _relative(min(abs(value - candidate) for candidate in expected), scale)
    return Deviation(figure, min(expected) - _EXPECTED_WITHIN * scale, max(expected) + _EXPECTED_WITHIN * scale)


def robust_scale(deviations: Numbers, width: int) -> float:
    """The robust standard deviation around the median, at least a fifth of the third largest deviation from it.

    Of each window of `width` periods the largest one counts.
    """
    sizes = np.abs(deviations - np.median(deviations))
    largest = np.sort(sizes[len(sizes) % width :].reshape(-1, width).max(axis=1))
    recurring = float(largest[-_RECURRING]) if len(largest) >= _RECURRING else 0.0
    return max(1.4826 * float(np.median(sizes)), recurring / _SCALES_OF_RECURRING)


def _relative(deviation: float, scale: float) -> float:
    if deviation == 0:
        return 0.0
    return round(min(float(deviation) / scale, _MAX_FIGURE), 3) if scale > 0 else _MAX_FIGURE
