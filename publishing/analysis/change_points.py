"""Whether the level or the trend of a series changed of late: arrays in, data classes out.

A change is a step, or a bend of the line, from one period on. The largest of all that were tried is compared with the
largest in simulated noise (D. Andrews, Tests for Parameter Instability with Unknown Change Point, 1993).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from publishing.analysis.autoregression import most_similar, noise
from publishing.analysis.regression import SEASONS, Floats, fit, lagged, least_bic, line, season_and_line

Kind = Literal["level", "trend"]
LASTS = 3
"""So many periods a change must have lasted. What lasts one or two is the gate's to judge."""
FEWEST_YEARS = 2
"""With less, a season can't be told from a change."""
FEWEST_FREEDOM = 4
"""Periods beyond the parameters that are fitted."""
_SIMULATED = 100_000
_PARTS = 20  # so that they fit into memory
_MOST_MEMORY = 0.9


@dataclass(frozen=True)
class Shift:
    """The strongest change of late in a series.

    `place` is the index of the first period after it. `size` is in the values' own scale: of a level the step, of a
    trend how much more the value rises in a period. `p_value` is how often noise without a change shows one as strong.
    """

    kind: Kind
    place: int
    size: float
    p_value: float


class _Strength(NamedTuple):
    """Arrays (series, change): how strong each change is, and the memory of the noise beside it."""

    t: Floats
    memory: Floats


class Search:
    """The search for a change in the last year of a series; `quick_p` is cheap, `shift` simulates.

    `values` has NaN where there is none; `places` are the periods' numbers in their year. `beside` is another series:
    then the change is sought in what it leaves of the values, at the same linear relation of both all the time.
    """

    def __init__(self, values: Floats, places: npt.NDArray[np.int64], freq: str, beside: Floats | None = None) -> None:
        self._values = values
        size, year = len(values), SEASONS[freq]
        self.possible = False
        if size < FEWEST_YEARS * year or year < 2 * LASTS - 2:
            return
        columns = _season_where_seen(values, places)
        self._columns = columns if beside is None else np.column_stack([columns, beside])
        known = np.isfinite(values) & np.isfinite(self._columns).all(axis=1)
        self._rows = np.flatnonzero(known)
        if len(self._rows) < FEWEST_YEARS * year:
            return
        spanned = np.linalg.svd(self._columns[known], full_matrices=False)
        self._basis = spanned.U[:, spanned.S / spanned.S[0] > 1e-9]
        self._freedom = len(self._rows) - self._basis.shape[1] - 2
        self._follows = np.flatnonzero(np.diff(self._rows) == 1)  # the periods whose next one is there too
        kinds: tuple[Kind, ...] = ("level", "trend")
        tried = [(kind, place) for kind in kinds for place in range(max(size - year, LASTS), size - LASTS + 1)]
        shapes = np.array([_shape(kind, place, size)[known] for kind, place in tried])
        left = self._left(shapes)
        # The others are what season and line can make.
        distinct = (left**2).sum(axis=1) > 1e-6 * (shapes**2).sum(axis=1)
        self._changes = [change for change, is_distinct in zip(tried, distinct, strict=True) if is_distinct]
        self._shapes = left[distinct]
        self.possible = bool(self._changes) and self._freedom >= FEWEST_FREEDOM

    def quick_p(self) -> float:
        """A p-value that is rather too small: as if the memory of the noise were known."""
        strongest = np.abs(self._strength(self._values[None, :]).t).max()
        return min(1.0, float(2 * stats.t.sf(strongest, self._freedom)) * len(self._changes))

    def shift(self) -> Shift:
        """The strongest change, with its p-value from simulated noise."""
        strength = self._strength(self._values[None, :])
        best = int(np.abs(strength.t[0]).argmax())
        strongest, memory = [], []
        for series in np.split(noise(_SIMULATED, len(self._values)), _PARTS):
            simulated = self._strength(series)
            places = np.abs(simulated.t).argmax(axis=1)[:, None]
            strongest.append(np.abs(np.take_along_axis(simulated.t, places, axis=1))[:, 0])
            memory.append(np.take_along_axis(simulated.memory, places, axis=1)[:, 0])
        similar = most_similar(np.concatenate(memory), float(strength.memory[0, best]))
        stronger = int((np.concatenate(strongest)[similar] >= abs(strength.t[0, best])).sum())
        kind, place = self._changes[best]
        return Shift(kind, place, self._size(kind, place), (1 + stronger) / (1 + len(similar)))

    def _strength(self, series: Floats) -> _Strength:
        """Of each series (series, periods) and change: Student's t, less the more the noise beside it remembers.

        Noise that remembers makes means as uncertain as fewer values would: by the root of (1 + memory) / (1 - memory).
        """
        left, shapes, follows = self._left(series[:, self._rows]), self._shapes, self._follows
        sizes = (shapes**2).sum(axis=1)[None, :]
        step = left @ shapes.T / sizes
        unexplained = (left**2).sum(axis=1)[:, None] - step**2 * sizes
        unexplained = np.maximum(unexplained, np.finfo(float).tiny)
        before, after = left[:, follows], left[:, follows + 1]
        shapes_before, shapes_after = shapes[:, follows], shapes[:, follows + 1]
        together = (
            (before * after).sum(axis=1)[:, None]
            - step * (before @ shapes_after.T + after @ shapes_before.T)
            + step**2 * (shapes_before * shapes_after).sum(axis=1)[None, :]
        )
        memory = np.clip(together / unexplained, -1, 1)
        counted = np.clip(memory, 0, _MOST_MEMORY)
        spread = np.sqrt(unexplained / self._freedom * (1 + counted) / (1 - counted))
        return _Strength(step * np.sqrt(sizes) / spread, memory)

    def _left(self, rows: Floats) -> Floats:
        """The rows (row, periods) less what season, line and the other series explain of each."""
        left: Floats = rows - (rows @ self._basis) @ self._basis.T
        return left

    def _size(self, kind: Kind, place: int) -> float:
        """The change beside season and line, by least squares."""
        known = np.isfinite(self._values) & np.isfinite(self._columns).all(axis=1)
        shape = np.where(known, _shape(kind, place, len(self._values)), np.nan)
        change = fit(shape, self._columns).residuals[known]
        left = fit(np.where(known, self._values, np.nan), self._columns).residuals[known]
        return float(left @ change / (change @ change))


def _season_where_seen(values: Floats, places: npt.NDArray[np.int64]) -> Floats:
    """The columns of a line, and of a season where it explains more of the values than it costs (BIC)."""
    kinds = [line(len(values)), season_and_line(places)]
    before = lagged(values, 1)[:, None]
    return kinds[least_bic(values, [np.column_stack([columns, before]) for columns in kinds])]


def _shape(kind: Kind, place: int, size: int) -> Floats:
    """A step from the period `place` on, or a bend of the line there: 1 in that period, then 2, 3."""
    since = np.arange(size, dtype=np.float64) - place + 1
    return (since > 0).astype(np.float64) if kind == "level" else np.maximum(since, 0.0)
