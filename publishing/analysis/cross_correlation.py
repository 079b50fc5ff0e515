"""Which of several series moved before another: lagged correlation beside season, trend and the other's own past.

Arrays in, data classes out. A series that moves before another needn't cause it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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

    `tried` counts pairs of a driver and a lag. `periods` is the number of the outcome's values. `smallest_seen` is the
    smallest correlation that would have been told from chance, with the most periods that any driver had; None where
    nothing could be tried. `too_short` are the drivers that couldn't be tried, `unvarying` those of which season and
    line leave nothing. `outcome_varies` says whether they leave anything of the outcome; else nothing is tried.
    """

    leads: tuple[Lead, ...]
    tried: int
    periods: int
    smallest_seen: float | None
    too_short: tuple[str, ...]
    unvarying: tuple[str, ...] = ()
    outcome_varies: bool = True


def leading(
    outcome: Floats,
    drivers: Mapping[str, Floats],
    places: npt.NDArray[np.int64],
    lags: Sequence[int] = LAGS,
    false_alarms: float = FALSE_ALARMS,
) -> LeadSearch:
    """Which drivers moved before the outcome, in the same periods.

    `outcome` and each driver have a value for each period, NaN where there is none; `places` are the periods' numbers
    in their year. The outcome is explained by a line, by its season and by its last one to three values (by the least
    BIC), so that what is left doesn't depend on its own past. Then each driver is added, one lag at a time (C. Granger,
    Investigating Causal Relations, 1969). The strongest correlations are compared with the strongest of all drivers and
    lags in simulated outcomes that have the outcome's memory and nothing to do with the drivers (the max statistic of
    P. Westfall and S. Young, Resampling-Based Multiple Testing, 1993).
    """
    columns = season_and_line(places)
    outcome = np.ldexp(outcome, -binary_exponent(outcome))
    drivers = {name: np.ldexp(values, -binary_exponent(values)) for name, values in drivers.items()}
    periods = int(np.isfinite(outcome).sum())
    unvarying = tuple(name for name, values in drivers.items() if not varies(values, columns))
    if not varies(outcome, columns):
        return LeadSearch((), 0, periods, None, (), unvarying, outcome_varies=False)
    drivers = {name: values for name, values in drivers.items() if name not in unvarying}
    tests = _tests(outcome, drivers, columns, lags)
    names = [name for _, _, group in tests for name in group]
    too_short = tuple(name for name in drivers if name not in names)
    if not tests:
        return LeadSearch((), 0, periods, None, too_short, unvarying)
    simulated = _simulated(outcome, columns)
    strongest = np.ones(len(simulated))
    candidates: list[Lead] = []
    for lag, regression, group in tests:
        distinct = [name for name, is_distinct in zip(group, regression.is_distinct, strict=True) if is_distinct]
        if not distinct:
            continue
        strongest = np.minimum(strongest, _p_values(regression.t(simulated), regression.freedom).min(axis=1))
        t = regression.t(outcome[None, :])[0]
        correlations = t / np.sqrt(regression.freedom + t**2)
        p_values = _p_values(t, regression.freedom)
        candidates += [
            Lead(name, lag, float(correlation), regression.periods, float(p_value))
            for name, correlation, p_value in zip(distinct, correlations, p_values, strict=True)
        ]
    corrected = [(1 + int((strongest <= lead.p_value).sum())) / (1 + len(strongest)) for lead in candidates]
    leads = [
        Lead(lead.driver, lead.lag, lead.correlation, lead.periods, p_value)
        for lead, p_value in zip(candidates, corrected, strict=True)
        if p_value <= false_alarms and _moves_alike_prewhitened(outcome, drivers[lead.driver], columns, lead)
    ]
    smallest = _smallest_seen(
        float(np.quantile(strongest, false_alarms)), max(regression.freedom for _, regression, _ in tests)
    )
    leads.sort(key=lambda lead: (lead.p_value, -abs(lead.correlation)))
    return LeadSearch(tuple(leads), len(candidates), periods, smallest, too_short, unvarying)


def _moves_alike_prewhitened(outcome: Floats, driver: Floats, columns: Floats, lead: Lead) -> bool:
    """Whether what is new in the driver is followed by the outcome, too: with the same sign, and by more than chance.

    Both are filtered by the driver's own autoregression, which makes noise of it (G. Box and G. Jenkins, Time Series
    Analysis, 1970). Series that drift look alike at many lags; what is new in them doesn't.
    """
    left_of_driver, left = (fit(values, columns).residuals for values in (driver, outcome))
    past = np.column_stack([lagged(left_of_driver, back) for back in range(1, order_of(driver, columns) + 1)])
    known = np.isfinite(left_of_driver) & np.isfinite(past).all(axis=1)
    weights, *_ = np.linalg.lstsq(past[known], left_of_driver[known], rcond=None)
    new, follows = (
        values - sum(weight * lagged(values, back) for back, weight in enumerate(weights, 1))
        for values in (left_of_driver, left)
    )
    before = lagged(new, lead.lag)
    both = np.isfinite(before) & np.isfinite(follows)
    freedom = int(both.sum()) - columns.shape[1] - len(weights) - 1
    if freedom < FEWEST_FREEDOM or min(before[both].std(), follows[both].std()) == 0:
        return True  # too few to tell: what was found beside the outcome's own past stands
    correlation = float(np.clip(np.corrcoef(before[both], follows[both])[0, 1], -1 + 1e-12, 1 - 1e-12))
    t = correlation * np.sqrt(freedom / (1 - correlation**2))
    return correlation * lead.correlation > 0 and bool(2 * stats.t.sf(abs(t), freedom) <= FALSE_ALARMS)


def _tests(
    outcome: Floats, drivers: Mapping[str, Floats], columns: Floats, lags: Sequence[int]
) -> list[tuple[int, Autoregression, list[str]]]:
    """The regressions that can be made: for each lag those drivers together that have the same periods."""
    known, order = np.isfinite(outcome), order_of(outcome, columns)
    groups: dict[tuple[int, bytes], list[str]] = defaultdict(list)
    before = {(name, lag): lagged(driver, lag) for name, driver in drivers.items() for lag in lags}
    for (name, lag), values in before.items():
        groups[lag, (known & np.isfinite(values)).tobytes()].append(name)
    tests = []
    for (lag, _), group in groups.items():
        if not varies(np.where(np.isfinite(before[group[0], lag]), outcome, np.nan), columns):
            continue  # it changed only in periods that these drivers don't have
        regression = Autoregression(known, columns, np.column_stack([before[name, lag] for name in group]), order)
        if regression.freedom >= FEWEST_FREEDOM and regression.is_distinct.any():
            tests.append((lag, regression, group))
    return tests


def _simulated(outcome: Floats, columns: Floats) -> Floats:
    """Noise (series, periods) that looks as what season and line leave of the outcome."""
    simulated = noise(_SIMULATED, len(outcome))
    nothing = np.zeros((len(outcome), 1))
    regression = Autoregression(np.isfinite(outcome), columns, nothing, order_of(outcome, columns))
    if regression.freedom < 1:
        return simulated
    return simulated[most_similar(regression.memory(simulated), float(regression.memory(outcome[None, :])[0]))]


def _p_values(t: Floats, freedom: int) -> Floats:
    """Of Student's t, both sides: what makes statistics with other degrees of freedom comparable."""
    p_values: Floats = 2 * stats.t.sf(np.abs(t), freedom)
    return p_values


def _smallest_seen(p_value: float, freedom: int) -> float:
    """The correlation with that p-value."""
    t = float(stats.t.isf(p_value / 2, freedom))
    return t / float(np.sqrt(freedom + t**2))
