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

from publishing.analysis.autoregression import Autoregression, cautious_memory, noise
from publishing.analysis.regression import Floats, lagged, least_bic, line, season_and_line

LAGS = range(1, 7)
"""How many periods before are tried."""
FALSE_ALARMS = 0.05
"""How often at most anything is found, where no series leads the other, however many are tried."""
FEWEST_FREEDOM = 3
"""Periods beyond the parameters that are fitted: with fewer, even a perfect correlation says little."""
_SIMULATED = 2_000


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
    nothing could be tried. `too_short` are the drivers that couldn't be tried.
    """

    leads: tuple[Lead, ...]
    tried: int
    periods: int
    smallest_seen: float | None
    too_short: tuple[str, ...]


def leading(
    outcome: Floats,
    drivers: Mapping[str, Floats],
    places: npt.NDArray[np.int64],
    lags: Sequence[int] = LAGS,
    false_alarms: float = FALSE_ALARMS,
) -> LeadSearch:
    """Which drivers moved before the outcome, in the same periods.

    `outcome` and each driver have a value for each period, NaN where there is none; `places` are the periods' numbers
    in their year. The outcome is explained by a line, by its season where it or the driver has one (by the least BIC),
    and by its value of the period before, so that what is left doesn't depend on its own past. Then each driver is
    added, one lag at a time (C. Granger, Investigating Causal Relations, 1969). The strongest correlations are compared
    with the strongest of all drivers and lags in simulated outcomes that have the outcome's memory and nothing to do
    with the drivers (the max statistic of P. Westfall and S. Young, Resampling-Based Multiple Testing, 1993).
    """
    tests = _tests(outcome, drivers, places, lags)
    names = [name for _, _, group in tests for name in group]
    too_short = tuple(name for name in drivers if name not in names)
    periods = int(np.isfinite(outcome).sum())
    if not tests:
        return LeadSearch((), 0, periods, None, too_short)
    simulated = noise(_memory(outcome, places), _SIMULATED, len(outcome))
    strongest = np.full(_SIMULATED, 1.0)
    found: list[Lead] = []
    for lag, regression, group in tests:
        told = [name for name, is_told in zip(group, regression.is_told, strict=True) if is_told]
        if not told:
            continue
        strongest = np.minimum(strongest, _p_values(regression.regress(simulated).t, regression.freedom).min(axis=1))
        t = regression.regress(outcome[None, :]).t[0]
        correlations = t / np.sqrt(regression.freedom + t**2)
        p_values = _p_values(t, regression.freedom)
        found += [
            Lead(name, lag, float(correlation), regression.periods, float(p_value))
            for name, correlation, p_value in zip(told, correlations, p_values, strict=True)
        ]
    corrected = [(1 + int((strongest <= lead.p_value).sum())) / (1 + _SIMULATED) for lead in found]
    leads = [
        Lead(lead.driver, lead.lag, lead.correlation, lead.periods, p_value)
        for lead, p_value in zip(found, corrected, strict=True)
        if p_value <= false_alarms
    ]
    smallest = _smallest_seen(float(np.quantile(strongest, false_alarms)), max(one.freedom for _, one, _ in tests))
    leads.sort(key=lambda lead: (lead.p_value, -abs(lead.correlation)))
    return LeadSearch(tuple(leads), len(found), periods, smallest, too_short)


def _tests(
    outcome: Floats, drivers: Mapping[str, Floats], places: npt.NDArray[np.int64], lags: Sequence[int]
) -> list[tuple[int, Autoregression, list[str]]]:
    """The regressions that can be made: for each lag those drivers together that have the same periods."""
    outcome_has_season, known = _has_season(outcome, places), np.isfinite(outcome)
    groups: dict[tuple[int, bool, bytes], list[str]] = defaultdict(list)
    before = {(name, lag): lagged(driver, lag) for name, driver in drivers.items() for lag in lags}
    for name, driver in drivers.items():
        has_season = outcome_has_season or _has_season(driver, places)
        for lag in lags:
            groups[lag, has_season, (known & np.isfinite(before[name, lag])).tobytes()].append(name)
    tests = []
    for (lag, has_season, _), group in groups.items():
        added = np.column_stack([before[name, lag] for name in group])
        rows = known & np.isfinite(added).all(axis=1)
        columns = season_and_line(places) if has_season else line(len(places))
        regression = Autoregression(known, _without_empty(columns, rows), added)
        if regression.freedom >= FEWEST_FREEDOM and regression.is_told.any():
            tests.append((lag, regression, group))
    return tests


def _without_empty(columns: Floats, rows: npt.NDArray[np.bool_]) -> Floats:
    """The columns that aren't 0 in all of the rows."""
    used: Floats = columns[:, (columns[rows] != 0).any(axis=0)]
    return used


def _memory(outcome: Floats, places: npt.NDArray[np.int64]) -> float:
    """The memory of what season and line leave of the outcome."""
    columns = season_and_line(places) if _has_season(outcome, places) else line(len(places))
    regression = Autoregression(np.isfinite(outcome), columns, np.zeros((len(outcome), 1)))
    if regression.freedom < 1:
        return 1.0  # unknown, so the most careful one
    return cautious_memory(float(regression.memory(outcome[None, :])[0]), len(outcome), regression.memory)


def _has_season(values: Floats, places: npt.NDArray[np.int64]) -> bool:
    """Whether a season explains more of the values than it costs, beside a line and the value of the period before.

    That of weeks, whose 52 levels always cost too much, counts without being asked: weeks share their holidays.
    """
    if len(np.unique(places)) > 12:
        return True
    before = lagged(values, 1)[:, None]
    plain = np.column_stack([line(len(values)), before])
    seasonal = np.column_stack([season_and_line(places), before])
    return least_bic(values, [plain, seasonal]) == 1


def _p_values(t: Floats, freedom: int) -> Floats:
    """Of Student's t, both sides: what makes statistics with other degrees of freedom comparable."""
    p_values: Floats = 2 * stats.t.sf(np.abs(t), freedom)
    return p_values


def _smallest_seen(p_value: float, freedom: int) -> float:
    """The correlation with that p-value."""
    t = float(stats.t.isf(p_value / 2, freedom))
    return t / float(np.sqrt(freedom + t**2))
