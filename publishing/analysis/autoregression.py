"""Regression of short series whose noise remembers its last values, and simulated noise to compare with.

With few periods Student's t finds too much: it estimates the memory too small, and mistakes noise for a signal. So a
statistic is compared with the same statistic of simulated noise with the same length, gaps and apparent memory.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from publishing.analysis.regression import ROUNDING, Floats, lagged, least_bic

LONGEST_MEMORY = 3
_MOST_MEMORY = 0.8
_LEAST_LEFT = 1e-6
"""The smallest share of a column's sum of squares that the other columns must leave unexplained."""


class Autoregression:
    """Series explained by columns, their own last values, and one more column at a time.

    `columns` (periods, columns) explain all series; `added` (periods, columns) are tried one at a time; `known` says in
    which periods the series have values; `order` is the number of last values. Only periods are used in which
    everything is there, the last values too. `freedom` are the degrees of freedom beside one added column.
    `is_distinct` says, for each added column, whether the others don't explain it already.
    """

    def __init__(self, known: npt.NDArray[np.bool_], columns: Floats, added: Floats, order: int) -> None:
        self.order = order
        rows = known & np.isfinite(columns).all(axis=1) & np.isfinite(added).all(axis=1)
        for back in range(1, order + 1):
            rows &= np.concatenate([np.zeros(back, dtype=bool), known[:-back]])
        self._rows = np.flatnonzero(rows)
        self.freedom = -1
        self.is_distinct = np.zeros(added.shape[1], dtype=bool)
        if len(self._rows) <= columns.shape[1] + 1 + order:
            return
        # What the columns explain is taken out of all else beforehand (R. Frisch and F. Waugh, 1933).
        spanned = np.linalg.svd(columns[self._rows], full_matrices=False)
        self._basis = spanned.U[:, spanned.S / spanned.S[0] > 1e-9]
        self.freedom = len(self._rows) - self._basis.shape[1] - order - 1
        tried = added[self._rows].T
        self._added = self._left(tried)
        self.is_distinct = (self._added**2).sum(axis=1) > _LEAST_LEFT * (tried**2).sum(axis=1)
        self._added = self._added[self.is_distinct]
        self._all_sizes = (self._added**2).sum(axis=1)

    @property
    def periods(self) -> int:
        """The number of periods that are used."""
        return len(self._rows)

    def t(self, series: Floats) -> Floats:
        """Student's t (series, column) of each added column that is distinct, for each series (series, periods).

        It is close to 0 if the series' own last values explain the column: for example, if the column is 1 minus a
        share.
        """
        bases, left = _orthonormal(self._past(series), self._left(series[:, self._rows]))
        sizes = self._sizes(bases)
        slope = left @ self._added.T / sizes
        unexplained = (left**2).sum(axis=1)[:, None] - slope**2 * sizes
        spread = np.sqrt(np.maximum(unexplained, np.finfo(float).tiny) / self.freedom)
        t: Floats = slope * np.sqrt(sizes) / spread
        return t

    def _sizes(self, bases: list[Floats]) -> Floats:
        """The sum of squares of each added column that the last values don't explain (series, column)."""
        explained = sum(((base @ self._added.T) ** 2 for base in bases), np.zeros(1))
        sizes: Floats = np.maximum(self._all_sizes - explained, _LEAST_LEFT**2 * self._all_sizes)
        return sizes

    def memory(self, series: Floats) -> Floats:
        """How much each series (series, periods) remembers, without an added column: the sum of its weights."""
        past, now = self._past(series), self._left(series[:, self._rows])
        squares = np.einsum("bsr,csr->sbc", past, past)
        # The pseudo-inverse, as the last values of a series that rarely changes may be the same in all these periods.
        weights: Floats = np.linalg.pinv(squares, hermitian=True) @ np.einsum("bsr,sr->sb", past, now)[:, :, None]
        memory: Floats = weights.sum(axis=(1, 2))
        return memory

    def residuals(self, values: Floats) -> Floats:
        """The part of a series that the columns and its last values don't explain; NaN for periods that aren't used."""
        left = np.full(len(values), np.nan)
        if self.freedom >= 0:
            series = values[None, :]
            left[self._rows] = _orthonormal(self._past(series), self._left(series[:, self._rows]))[1][0]
        return left

    def leaves_something_of(self, values: Floats) -> bool:
        """Whether the columns leave anything of a series in these periods but rounding errors."""
        rows = values[self._rows]
        return bool(np.abs(self._left(rows)).max() > ROUNDING * np.abs(rows).max())

    def _past(self, series: Floats) -> Floats:
        """The last values of each series, without what the columns explain: (periods back, series, periods)."""
        return np.array([self._left(series[:, self._rows - back]) for back in range(1, self.order + 1)])

    def _left(self, rows: Floats) -> Floats:
        """The rows less what the columns explain of each."""
        left: Floats = rows - (rows @ self._basis) @ self._basis.T
        return left


def _orthonormal(past: Floats, now: Floats) -> tuple[list[Floats], Floats]:
    """The last values of each series made orthonormal, one after the other; and what they leave of `now`."""
    bases: list[Floats] = []
    for values in [*past, now]:
        for base in bases:
            values = values - (values * base).sum(axis=1)[:, None] * base
        bases.append(values / np.maximum(np.linalg.norm(values, axis=1), np.finfo(float).tiny)[:, None])
    return bases[:-1], values


def order_of(values: Floats, columns: Floats) -> int:
    """How many last values a series remembers beside the columns: one to three, by the least BIC."""
    past = [lagged(values, back)[:, None] for back in range(1, LONGEST_MEMORY + 1)]
    return 1 + least_bic(values, [np.column_stack([columns, *past[:order]]) for order in range(1, LONGEST_MEMORY + 1)])


def noise(count: int, size: int, most_memory: float = _MOST_MEMORY) -> Floats:
    """So many series (series, periods) of normal noise, which remember 0 to `most_memory` of their last value."""
    rng = np.random.default_rng(0)  # the same noise each time, so that an answer doesn't change by itself
    memory = rng.uniform(0, most_memory, count)
    series = rng.standard_normal((count, size))
    series[:, 0] /= np.sqrt(1 - memory**2)
    for place in range(1, size):
        series[:, place] += memory * series[:, place - 1]
    return series


def most_similar(shown: Floats, seen: float) -> npt.NDArray[np.int64]:
    """The tenth of the simulated series with an apparent memory most like the one seen; `shown` has each one's.

    So a finding is compared with what noise shows that looks as this does, whatever memory it really has: in short
    series the two differ.
    """
    return np.argsort(np.abs(shown - seen), kind="stable")[: max(1, len(shown) // 10)]
