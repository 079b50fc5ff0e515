"""What a series may be in the coming year if level, trend, season and noise go on: arrays in, a data class out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from publishing.analysis.regression import Floats, binary_exponent, fit, lagged, least_bic, line, season_and_line

FEWEST_FREEDOM = 4
"""Periods beyond the parameters that are fitted: with fewer, the noise isn't known."""
_PATHS = 4_000


@dataclass(frozen=True)
class Prospects:
    """The coming periods as they may be.

    `paths` (path, period) are on the scale of the values: each goes on from the last value by another draw of the
    parameters, within their uncertainty, and of the noise. `has_season` says whether one was found; `slope` is what the
    line rises in a period, and `slope_error` its standard error.
    """

    paths: Floats
    has_season: bool
    slope: float
    slope_error: float


def prospects(
    values: Floats, places: npt.NDArray[np.int64], coming: npt.NDArray[np.int64], steps: Sequence[int] = ()
) -> Prospects | None:
    """The prospects for the periods after the last value; None where the values are too few.

    `values` has NaN where there is none, but ends with a value; `places` and `coming` are the numbers in the year of
    its periods and of the coming ones. The values are explained by a line, by steps of their level from the periods
    `steps` on, which last, by a season where they have one (by the least BIC), and by the value of the period before.
    """
    size, ahead = len(values), len(coming)
    exponent = binary_exponent(values)
    values = np.ldexp(values, -exponent)
    everywhere = np.concatenate([places, coming])
    before = lagged(values, 1)[:, None]
    levels = [(np.arange(size + ahead) >= step).astype(np.float64) for step in steps]
    kinds = [np.column_stack([columns, *levels]) for columns in (line(size + ahead), season_and_line(everywhere))]
    models = [np.column_stack([columns[:size], before]) for columns in kinds]
    chosen = least_bic(values, models)
    columns, model = kinds[chosen], models[chosen]
    known = np.isfinite(values) & np.isfinite(model).all(axis=1)
    used = (model[known] != 0).any(axis=0)  # a place in the year that has no value yet has no level of its own
    used[-1] = True  # the value before counts, even where it always was 0
    freedom = int(known.sum() - used.sum())
    if freedom < FEWEST_FREEDOM:
        return None
    rows = model[known][:, used]
    middle = np.linalg.lstsq(rows, values[known], rcond=None)[0]
    left = fit(values, model[:, used]).residuals[known]
    spread = np.linalg.pinv(rows.T @ rows) * float(left @ left) / freedom
    rng = np.random.default_rng(0)  # the same draws each time, so that an answer doesn't change by itself
    drawn = rng.multivariate_normal(middle, spread, _PATHS)
    memory = np.clip(drawn[:, -1], -1, 1)
    expected = drawn[:, :-1] @ columns[size:, used[:-1]].T
    noise = rng.choice(left * np.sqrt(len(left) / freedom), (_PATHS, ahead))
    paths = np.empty((_PATHS, ahead))
    last = np.full(_PATHS, values[-1])
    for place in range(ahead):
        last = expected[:, place] + memory * last + noise[:, place]
        paths[:, place] = last
    # Beside its own past the line's slope is that of a single period; the trend is what it comes to in the long run.
    free = max(1 - float(middle[-1]), 0.05)
    slope, slope_error = np.ldexp([float(middle[1]), float(np.sqrt(spread[1, 1]))], exponent) / free
    return Prospects(np.ldexp(paths, exponent), bool(chosen), float(slope), float(slope_error))
