"""Least squares for short series of periods: season and trend, gaps as NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SEASONS = {"W": 52, "M": 12, "Q": 4, "A": 1}
"""Periods in a year. The rare week 53 counts as week 52."""

ROUNDING = 1e-9
"""The share of the largest value below which what a fit leaves is a rounding error."""


class Fit(NamedTuple):
    """A least-squares fit: what it leaves of each value (NaN where it had none), and how many parameters it took."""

    residuals: Floats
    parameters: int


def line(size: int) -> Floats:
    """The columns of a straight line over so many periods, a row for each."""
    numbers = np.arange(size, dtype=np.float64)
    return np.column_stack([np.ones(size), numbers - numbers.mean()])


def season_and_line(places: npt.NDArray[np.int64]) -> Floats:
    """The columns of a level for each place in the year, and of a straight line; one row for each period.

    `places` are the periods' numbers in their year, such as 0 to 11 of months. A place that is there once only shares
    the level of the first one: alone it would explain its period away.
    """
    own = np.flatnonzero(np.bincount(places) > 1)[1:]
    return np.column_stack([line(len(places)), places[:, None] == own])


def least_bic(values: Floats, models: Sequence[Floats]) -> int:
    """Which of the models, each the columns of a regression, explains the values best for what it costs.

    By Schwarz's criterion (BIC, 1978), over the periods that all of the models have; 0, the first, where they are too
    few to tell.
    """
    known = np.isfinite(values) & np.all([np.isfinite(model).all(axis=1) for model in models], axis=0)
    costs = []
    for model in models:
        parameters = model.shape[1]
        if known.sum() <= parameters + 1:
            costs.append(np.inf)
            continue
        left = fit(np.where(known, values, np.nan), model).residuals[known]
        spread = max(float(np.mean(left**2)), np.finfo(float).tiny)
        costs.append(known.sum() * np.log(spread) + parameters * np.log(known.sum()))
    return int(np.argmin(costs))


def fit(values: Floats, columns: Floats) -> Fit:
    """The least-squares fit of the values on the columns, over the periods in which all of them are there."""
    known = np.isfinite(values) & np.isfinite(columns).all(axis=1)
    residuals = np.full(len(values), np.nan)
    coefficients, _, rank, _ = np.linalg.lstsq(columns[known], values[known], rcond=None)
    residuals[known] = values[known] - columns[known] @ coefficients
    return Fit(residuals, int(rank))


def lagged(values: Floats, periods: int) -> Floats:
    """The value of so many periods before, in the place of each; NaN where there is none."""
    return np.concatenate([np.full(min(periods, len(values)), np.nan), values[: max(len(values) - periods, 0)]])


def binary_exponent(values: Floats) -> int:
    """The power of two by which the values are at most 1: divided by it, the squares of huge and tiny ones are finite.

    Dividing by a power of two loses no digit.
    """
    largest = float(np.nanmax(np.abs(values), initial=0.0))
    return int(np.frexp(largest)[1]) if np.isfinite(largest) else 0


def varies(values: Floats, columns: Floats) -> bool:
    """Whether the columns leave more of the values unexplained than rounding errors; True for too few values."""
    known = np.isfinite(values) & np.isfinite(columns).all(axis=1)
    fitted = fit(values, columns)
    if known.sum() <= fitted.parameters:
        return True
    return bool(np.abs(fitted.residuals[known]).max() > ROUNDING * np.abs(values[known]).max())


def logs_where_relative(values: Floats, *, relative: bool) -> Floats:
    """The values' logarithms where changes of the KPI are stated relatively and all values are above 0."""
    return np.log(values) if relative and np.nanmin(values, initial=np.inf) > 0 else values
