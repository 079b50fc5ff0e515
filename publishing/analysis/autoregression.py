"""Regression of short series whose noise remembers its value of the period before, and simulated noise to compare with.

In few periods Student's t finds too much: the memory is estimated too small, and the noise is taken for a signal. So
the statistics that were found are compared with those of simulated noise of the same length, gaps and memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from publishing.analysis.regression import Floats

_MEMORIES = np.linspace(0, 1, 11)
_SIMULATED_FOR_MEMORY = 1_000
_CAUTION = 0.25


class Found(NamedTuple):
    """Arrays (series, column): Student's t of the column, and the memory of the noise beside it."""

    t: Floats
    memory: Floats


class Autoregression:
    """Series explained by columns, their own value of the period before, and one more column at a time.

    `columns` (periods, columns) explain all series; `added` (periods, columns) are tried one at a time; `known` says in
    which periods the series have values. Only periods are used in which everything is there, the value of the period
    before too. `freedom` are the degrees of freedom beside one added column; `is_told` says, for each added column,
    whether the others don't explain it already.
    """

    def __init__(self, known: npt.NDArray[np.bool_], columns: Floats, added: Floats) -> None:
        before = np.concatenate([[False], known[:-1]])
        self._rows = np.flatnonzero(known & before & np.isfinite(columns).all(axis=1) & np.isfinite(added).all(axis=1))
        self.freedom = -1
        self.is_told = np.zeros(added.shape[1], dtype=bool)
        if len(self._rows) <= columns.shape[1] + 2:
            return
        # What the columns explain is taken out of all else beforehand (R. Frisch and F. Waugh, 1933).
        spanned = np.linalg.svd(columns[self._rows], full_matrices=False)
        self._basis = spanned.U[:, spanned.S / spanned.S[0] > 1e-9]
        self.freedom = len(self._rows) - self._basis.shape[1] - 2
        rows = added[self._rows].T
        self._added = self._left(rows)
        self.is_told = (self._added**2).sum(axis=1) > 1e-6 * (rows**2).sum(axis=1)
        self._added = self._added[self.is_told]

    @property
    def periods(self) -> int:
        """The number of periods that are used."""
        return len(self._rows)

    def regress(self, series: Floats) -> Found:
        """The regressions of each series (series, periods) with each added column that is told."""
        now, before, added = self._left(series[:, self._rows]), self._left(series[:, self._rows - 1]), self._added
        before_before = (before**2).sum(axis=1)[:, None]
        before_now = (before * now).sum(axis=1)[:, None]
        before_added = before @ added.T
        added_added = (added**2).sum(axis=1)[None, :] - before_added**2 / before_before
        slope = (now @ added.T - before_added * before_now / before_before) / added_added
        left = (now**2).sum(axis=1)[:, None] - before_now**2 / before_before - slope**2 * added_added
        spread = np.sqrt(np.maximum(left, np.finfo(float).tiny) / self.freedom)
        return Found(slope * np.sqrt(added_added) / spread, (before_now - slope * before_added) / before_before)

    def memory(self, series: Floats) -> Floats:
        """The memory of each series' noise, without an added column."""
        now, before = self._left(series[:, self._rows]), self._left(series[:, self._rows - 1])
        memory: Floats = (before * now).sum(axis=1) / (before**2).sum(axis=1)
        return memory

    def residuals(self, values: Floats) -> Floats:
        """What the columns and the value of the period before leave of a series, without an added column; else NaN."""
        left = np.full(len(values), np.nan)
        if self.freedom < 0:
            return left
        now, before = (self._left(values[None, rows])[0] for rows in (self._rows, self._rows - 1))
        left[self._rows] = now - before * (before @ now) / (before @ before)
        return left

    def _left(self, rows: Floats) -> Floats:
        """The rows less what the columns explain of each."""
        left: Floats = rows - (rows @ self._basis) @ self._basis.T
        return left


def noise(memory: float, count: int, size: int) -> Floats:
    """So many series (series, periods) of normal noise; each value is `memory` times the one before, and chance."""
    rng = np.random.default_rng(0)  # the same noise each time, so that an answer doesn't change by itself
    series = rng.standard_normal((count, size))
    if memory < 1:
        series[:, 0] /= np.sqrt(1 - memory**2)
    for place in range(1, size):
        series[:, place] += memory * series[:, place - 1]
    return series


def cautious_memory(seen: float, size: int, estimated: Callable[[Floats], Floats]) -> float:
    """The memory of noise of which a quarter shows less than `seen`: rather too much memory than too little.

    `estimated` gives the memory that each series (series, periods) shows.
    """
    shown = [np.quantile(estimated(noise(memory, _SIMULATED_FOR_MEMORY, size)), _CAUTION) for memory in _MEMORIES]
    return float(np.interp(seen, np.maximum.accumulate(shown), _MEMORIES))
