"""Which of several series moved before another: lagged correlation beside season, trend and the other's own past.

Arrays in, data classes out. A series that moves before another needn't cause it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from publishing.analysis.autoregression import Autoregression, most_similar, noise, order_of
from publishing.analysis.regression import Floats, binary_exponent, fit, lagged, season_and_line, varies

LAGS = range(1, 7)
"""How many periods before are tried."""
LAGS_OF_WEEKS = range(1, 14)
"""The same of weeks: a quarter."""
FALSE_ALARMS = 0.05
"""How often at most anything is found, where no series leads the other, however many are tried."""
FEWEST_FREEDOM = 3
"""Periods beyond the parameters that are fitted: with fewer, even a perfect correlation says little."""
_SIMULATED = 20_000
_HOPELESS = 4
"""How many times the p-value may be, by Bonferroni, of what is compared with noise: the tests depend on each other."""


@dataclass(frozen=True)
class Lead:
    """A driver that moved before the outcome.

    `lag` is in periods. `correlation` is that of the driver so many periods before with the outcome, less what season,
    trend and the outcome's own past explain of both. `periods` is the number of outcomes that it is computed from.
    `p_value` is how often the strongest correlation of all that were tried is as strong where no driver leads.
    """

    driver: str
    lag: int
    correlation: float
    periods: int
    p_value: float


@dataclass(frozen=True)
class LeadSearch:
    """What was tried, and what was found: the most certain lead first.

    `tried` counts pairs of a driver and a lag. `periods` is the number of the outcome's values. `seen_from` has for
    each driver that was tried the smallest correlation that would have been told from chance, by Bonferroni where noise
    wasn't simulated. `too_short` are the drivers that couldn't be tried, `unvarying` those of which season and line
    leave nothing. `outcome_varies` says whether they leave anything of the outcome; else nothing is tried.
    """

    leads: tuple[Lead, ...]
    tried: int
    periods: int
    seen_from: dict[str, float]
    too_short: tuple[str, ...]
    unvarying: tuple[str, ...] = ()
    outcome_varies: bool = True

    @property
    def smallest_seen(self) -> float | None:
        """The smallest correlation that would have been told from chance; None where nothing could be tried."""
        return min(self.seen_from.values(), default=None)


class _Test(NamedTuple):
    """The drivers with values in the same periods, a lag before: tried together, beside the outcome's own past."""

    lag: int
    names: tuple[str, ...]
    regression: Autoregression


class Drivers:
    """Series of which some may move before an outcome; several outcomes can be searched, in the same periods.

    Each driver has a value for each period, NaN where there is none; `places` are the periods' numbers in their year.
    What outcomes with values in the same periods share is worked out once. `numbers` are the bytes of all of it.
    """

    def __init__(
        self, drivers: Mapping[str, Floats], places: npt.NDArray[np.int64], lags: Sequence[int] = LAGS
    ) -> None:
        names = " ".join(map(str, (*lags, *drivers)))
        self.numbers = (names.encode(), places.tobytes(), *(values.tobytes() for values in drivers.values()))
        self._columns = season_and_line(places)
        scaled = {name: np.ldexp(values, -binary_exponent(values)) for name, values in drivers.items()}
        self._values = {name: values for name, values in scaled.items() if varies(values, self._columns)}
        self._unvarying = tuple(name for name in scaled if name not in self._values)
        self._before = {(lag, name): lagged(values, lag) for lag in lags for name, values in self._values.items()}
        self._tests: dict[tuple[bytes, int], list[_Test]] = {}
        self._memories: dict[tuple[bytes, int], Floats] = {}
        self._new: dict[str, tuple[Floats, Floats]] = {}

    def leading(self, outcome: Floats, false_alarms: float = FALSE_ALARMS, *, without: str = "") -> LeadSearch:
        """Which drivers moved before the outcome; the driver `without`, such as the outcome itself, is left out.

        The outcome is explained by a line, by its season and by its last one to three values (by the least BIC), so
        that what is left doesn't depend on its own past. Then each driver is added, one lag at a time (C. Granger,
        Investigating Causal Relations, 1969). Where the strongest correlation may be more than chance, all are compared
        with the strongest of all drivers and lags in simulated outcomes that have the outcome's memory and nothing to
        do with the drivers (the max statistic of P. Westfall and S. Young, Resampling-Based Multiple Testing, 1993).
        """
        outcome = np.ldexp(outcome, -binary_exponent(outcome))
        periods = int(np.isfinite(outcome).sum())
        unvarying = tuple(name for name in self._unvarying if name != without)
        if not varies(outcome, self._columns):
            return LeadSearch((), 0, periods, {}, (), unvarying, outcome_varies=False)
        known, order = np.isfinite(outcome), order_of(outcome, self._columns)
        tests = [test for test in self._tests_of(known, order) if test.regression.leaves_something_of(outcome)]
        candidates = [lead for test in tests for lead in _correlations(test, outcome) if lead.driver != without]
        tried = {lead.driver for lead in candidates}
        too_short = tuple(name for name in self._values if name not in tried and name != without)
        if not candidates:
            return LeadSearch((), 0, periods, {}, too_short, unvarying)
        needed, leads = false_alarms / len(candidates), []
        if min(lead.p_value for lead in candidates) <= _HOPELESS * needed:
            strongest = self._strongest_in_noise(outcome, order, tests, without)
            needed = float(np.quantile(strongest, false_alarms))
            corrected = [
                replace(lead, p_value=(1 + int((strongest <= lead.p_value).sum())) / (1 + len(strongest)))
                for lead in candidates
            ]
            leads = [
                lead
                for lead in corrected
                if lead.p_value <= false_alarms and self._moves_alike_prewhitened(outcome, lead)
            ]
        seen_from: dict[str, float] = {}
        for test in tests:
            smallest = _smallest_seen(needed, test.regression.freedom)
            seen_from |= {name: min(smallest, seen_from.get(name, 1.0)) for name in tried.intersection(test.names)}
        leads.sort(key=lambda lead: (lead.p_value, -abs(lead.correlation)))
        return LeadSearch(tuple(leads), len(candidates), periods, seen_from, too_short, unvarying)

    def _tests_of(self, known: npt.NDArray[np.bool_], order: int) -> list[_Test]:
        """The tests that can be made of an outcome with values in those periods."""
        key = known.tobytes(), order
        if key not in self._tests:
            groups: dict[tuple[int, bytes], list[str]] = defaultdict(list)
            for (lag, name), values in self._before.items():
                groups[lag, (known & np.isfinite(values)).tobytes()].append(name)
            self._tests[key] = []
            for (lag, _), names in groups.items():
                added = np.column_stack([self._before[lag, name] for name in names])
                regression = Autoregression(known, self._columns, added, order)
                if regression.freedom >= FEWEST_FREEDOM and regression.is_distinct.any():
                    distinct = tuple(np.array(names)[regression.is_distinct].tolist())
                    self._tests[key].append(_Test(lag, distinct, regression))
        return self._tests[key]

    def _strongest_in_noise(self, outcome: Floats, order: int, tests: Sequence[_Test], without: str) -> Floats:
        """The smallest p-value of all tests in each series of noise with the outcome's gaps and a similar memory."""
        simulated = self._noise
        regression = Autoregression(np.isfinite(outcome), self._columns, np.zeros((len(outcome), 1)), order)
        if regression.freedom >= 1:
            key = np.isfinite(outcome).tobytes(), order
            if key not in self._memories:
                self._memories[key] = regression.memory(simulated)
            memory = float(regression.memory(outcome[None, :])[0])
            simulated = simulated[most_similar(self._memories[key], memory)]
        strongest = np.ones(len(simulated))
        for test in tests:
            counts = np.array(test.names) != without
            if counts.any():
                t = np.abs(test.regression.t(simulated)[:, counts]).max(axis=1)
                strongest = np.minimum(strongest, _p_values(t, test.regression.freedom))
        return strongest

    @cached_property
    def _noise(self) -> Floats:
        return noise(_SIMULATED, len(self._columns))

    def _whitened(self, name: str) -> tuple[Floats, Floats]:
        """The weights of a driver's own autoregression, and what is new in the driver: worked out once."""
        if name not in self._new:
            left = fit(self._values[name], self._columns).residuals
            order = order_of(self._values[name], self._columns)
            past = np.column_stack([lagged(left, back) for back in range(1, order + 1)])
            known = np.isfinite(left) & np.isfinite(past).all(axis=1)
            weights = np.asarray(np.linalg.lstsq(past[known], left[known], rcond=None)[0], dtype=np.float64)
            self._new[name] = weights, _filtered(left, weights)
        return self._new[name]

    def _moves_alike_prewhitened(self, outcome: Floats, lead: Lead) -> bool:
        """Whether the outcome follows what is new in the driver, too: with the same sign, and by more than chance.

        Both are filtered by the driver's own autoregression, which makes noise of it (G. Box and G. Jenkins, Time
        Series Analysis, 1970). Series that drift look alike at many lags; what is new in them doesn't.
        """
        weights, new = self._whitened(lead.driver)
        follows = _filtered(fit(outcome, self._columns).residuals, weights)
        before = lagged(new, lead.lag)
        both = np.isfinite(before) & np.isfinite(follows)
        freedom = int(both.sum()) - self._columns.shape[1] - len(weights) - 1
        if freedom < FEWEST_FREEDOM or min(before[both].std(), follows[both].std()) == 0:
            return True  # too few to tell: what was found beside the outcome's own past stands
        correlation = float(np.clip(np.corrcoef(before[both], follows[both])[0, 1], -1 + 1e-12, 1 - 1e-12))
        t = correlation * np.sqrt(freedom / (1 - correlation**2))
        return correlation * lead.correlation > 0 and bool(2 * stats.t.sf(abs(t), freedom) <= FALSE_ALARMS)


def _filtered(values: Floats, weights: Floats) -> Floats:
    """What is left of the values beyond what the values before them tell, by their weights."""
    left: Floats = values - sum(weight * lagged(values, back) for back, weight in enumerate(weights, 1))
    return left


def _correlations(test: _Test, outcome: Floats) -> list[Lead]:
    """The correlation of each driver with the outcome; its p-value as if it alone were tried."""
    t = test.regression.t(outcome[None, :])[0]
    correlations, p_values = t / np.sqrt(test.regression.freedom + t**2), _p_values(t, test.regression.freedom)
    return [
        Lead(name, test.lag, float(correlation), test.regression.periods, float(p_value))
        for name, correlation, p_value in zip(test.names, correlations, p_values, strict=True)
    ]


def _p_values(t: Floats, freedom: int) -> Floats:
    """Of Student's t, both sides: what makes statistics with other degrees of freedom comparable."""
    p_values: Floats = 2 * stats.t.sf(np.abs(t), freedom)
    return p_values


def _smallest_seen(p_value: float, freedom: int) -> float:
    """The correlation with that p-value."""
    t = float(stats.t.isf(p_value / 2, freedom))
    return t / float(np.sqrt(freedom + t**2))
