"""Whether the level or the trend of a series changed of late: arrays in, data classes out.

A change is a step, or a bend of the line, from one period on. The largest of all that were tried is compared with the
largest in simulated noise (D. Andrews, Tests for Parameter Instability with Unknown Change Point, 1993).

Steps of earlier years are found first, and taken out like season and line: they would hide a later change. They are
found one after the other, each beside the change that explains most together with it, as two steps can look like a line
(after J. Bai and P. Perron, Estimating and Testing Linear Models with Multiple Structural Changes, 1998).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from publishing.analysis.autoregression import most_similar, noise
from publishing.analysis.regression import (
    SEASONS,
    Floats,
    binary_exponent,
    fit,
    lagged,
    least_bic,
    line,
    season_and_line,
)

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
"""Noise is taken to remember at most so much of its last value; with more, it can't be told from steps and lines."""
_MEMORIES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, _MOST_MEMORY)
"""What the noise beside a change may remember: the most likely one counts."""
MOST_STEPS = 3
"""So many steps of earlier years are taken out at most."""
_STEP_P = 0.01
"""How often noise may show a step as strong as one that is taken out."""
_SIMULATED_FOR_STEPS = 20_000
_MOST_PLACES = 60  # at which a step is sought: of longer series every second period, or third


@dataclass(frozen=True)
class Shift:
    """The strongest change of late in a series.

    `place` is the index of the first period after it. `size` is in the values' own scale: of a level the step, of a
    trend how much more the value rises in a period. `p_value` is how often noise without a change shows one as strong.
    `earlier_steps` are the places of the steps of earlier years that were taken out.
    """

    kind: Kind
    place: int
    size: float
    p_value: float
    earlier_steps: tuple[int, ...] = ()


class _Strength(NamedTuple):
    """Arrays (series, change): how strong each change is, and the memory of the noise beside it."""

    t: Floats
    memory: Floats


class _Filter(NamedTuple):
    """What makes noise of one memory independent, in the periods with values.

    `leaving` (periods, periods), multiplied to series, takes out memory, season and line. `shapes` (change, periods)
    are the changes after that, each of length 1. `penalty` (change) is the part of the negative logarithm of the
    restricted likelihood that doesn't depend on the series.
    """

    memory: float
    leaving: Floats
    shapes: Floats
    penalty: Floats


def _filter(memory: float, rows: npt.NDArray[np.int64], basis: Floats, shapes: Floats) -> _Filter:
    """The filter of noise whose value remembers so much of the one a period before; `rows` are the periods' numbers."""
    factor = np.linalg.cholesky(memory ** np.abs(rows[:, None] - rows))
    whitening = np.linalg.inv(factor)
    spanned, triangle = np.linalg.qr(whitening @ basis)
    leaving = whitening.T - (whitening.T @ spanned) @ spanned.T
    left = shapes @ leaving
    sizes = (left**2).sum(axis=1)
    determinants = np.log(np.diag(factor)).sum() + np.log(np.abs(np.diag(triangle))).sum()
    return _Filter(memory, leaving, left / np.sqrt(sizes)[:, None], determinants + np.log(sizes) / 2)


class Search:
    """The search for a change in the last year of a series; `quick_p` is cheap, `shift` simulates.

    `values` has NaN where there is none; `places` are the periods' numbers in their year. `beside` is another series:
    then the change is sought in what it leaves of the values, at the same linear relation of both all the time.
    """

    def __init__(self, values: Floats, places: npt.NDArray[np.int64], freq: str, beside: Floats | None = None) -> None:
        self._values = values
        self._scaled = np.ldexp(
            values, -binary_exponent(values)
        )  # so that the squares of huge and tiny ones are finite
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
        # A change of the relation to another series is sought as if it had had none before.
        self._earlier_steps = earlier_steps(values, self._columns, size - year) if beside is None else []
        self._columns = _with_steps(self._columns, self._earlier_steps)
        kinds: tuple[Kind, ...] = ("level", "trend")
        tried = [(kind, place) for kind in kinds for place in range(max(size - year, LASTS), size - LASTS + 1)]
        shapes = np.array([_shape(kind, place, size)[known] for kind, place in tried])
        spanned = np.linalg.svd(self._columns[known], full_matrices=False)
        basis = spanned.U[:, spanned.S / spanned.S[0] > 1e-9]
        left = shapes - (shapes @ basis) @ basis.T
        # The others are what season and line can make.
        distinct = (left**2).sum(axis=1) > 1e-6 * (shapes**2).sum(axis=1)
        self._changes = [change for change, is_distinct in zip(tried, distinct, strict=True) if is_distinct]
        self._freedom = len(self._rows) - basis.shape[1] - 1
        self.possible = bool(self._changes) and self._freedom > FEWEST_FREEDOM
        if self.possible:
            self._filters = [_filter(memory, self._rows, basis, shapes[distinct]) for memory in _MEMORIES]

    def quick_p(self) -> float:
        """A p-value that is rather too small: as if the memory of the noise were known."""
        strongest = np.abs(self._strength(self._scaled[None, :]).t).max()
        return min(1.0, float(2 * stats.t.sf(strongest, self._freedom)) * len(self._changes))

    def shift(self) -> Shift:
        """The strongest change, with its p-value from simulated noise."""
        strength = self._strength(self._scaled[None, :])
        best = int(np.abs(strength.t[0]).argmax())
        strongest, memory = [], []
        for series in np.split(noise(_SIMULATED, len(self._values), _MOST_MEMORY), _PARTS):
            simulated = self._strength(series)
            places = np.abs(simulated.t).argmax(axis=1)[:, None]
            strongest.append(np.abs(np.take_along_axis(simulated.t, places, axis=1))[:, 0])
            memory.append(np.take_along_axis(simulated.memory, places, axis=1)[:, 0])
        similar = most_similar(np.concatenate(memory), float(strength.memory[0, best]))
        stronger = int((np.concatenate(strongest)[similar] >= abs(strength.t[0, best])).sum())
        kind, place = self._changes[best]
        p_value = (1 + stronger) / (1 + len(similar))
        return Shift(kind, place, self._size(kind, place), p_value, tuple(self._earlier_steps))

    def _strength(self, series: Floats) -> _Strength:
        """Of each series (series, periods) and change: Student's t, at the most likely memory beside that change."""
        rows = series[:, self._rows]
        shape = (len(rows), len(self._changes))
        most, t, memory = np.full(shape, -np.inf), np.zeros(shape), np.zeros(shape)
        for each in self._filters:
            left = rows @ each.leaving
            explained = left @ each.shapes.T
            unexplained = (left**2).sum(axis=1)[:, None] - explained**2
            unexplained = np.maximum(unexplained, np.finfo(float).tiny)
            likelihood = -self._freedom / 2 * np.log(unexplained) - each.penalty
            better = likelihood > most
            most = np.where(better, likelihood, most)
            memory = np.where(better, each.memory, memory)
            t = np.where(better, explained / np.sqrt(unexplained / self._freedom), t)
        return _Strength(t, memory)

    def _size(self, kind: Kind, place: int) -> float:
        """The change beside season and line, by least squares."""
        known = np.isfinite(self._values) & np.isfinite(self._columns).all(axis=1)
        shape = np.where(known, _shape(kind, place, len(self._values)), np.nan)
        change = fit(shape, self._columns).residuals[known]
        left = fit(np.where(known, self._values, np.nan), self._columns).residuals[known]
        return float(left @ change / (change @ change))


def earlier_steps(values: Floats, columns: Floats, before: int) -> list[int]:
    """The places of the steps before the period `before`, the strongest first: those beyond noise that remembers.

    `columns` (periods, columns) explain the values beside the steps.
    """
    values = np.ldexp(values, -binary_exponent(values))  # so that the squares of huge and tiny values are finite
    steps: list[int] = []
    for _ in range(MOST_STEPS):
        place = _strongest_step(values, _with_steps(columns, steps), before)
        if place is None:
            break
        steps.append(place)
    return steps


def _with_steps(columns: Floats, places: Sequence[int]) -> Floats:
    return np.column_stack([columns, *(_shape("level", place, len(columns)) for place in places)])


class _Pairs(NamedTuple):
    """Of each series the pair of steps that explains most: the place of its stronger early step, its t, the memory."""

    place: npt.NDArray[np.int64]
    t: Floats
    memory: Floats


def _strongest_step(values: Floats, columns: Floats, before: int) -> int | None:
    """The step before that period that noise wouldn't show, beside the other step that explains most with it."""
    known = np.isfinite(values) & np.isfinite(columns).all(axis=1)
    rows = np.flatnonzero(known)
    spanned = np.linalg.svd(columns[known], full_matrices=False)
    basis = spanned.U[:, spanned.S / spanned.S[0] > 1e-9]
    freedom = len(rows) - basis.shape[1] - 2
    if freedom < FEWEST_FREEDOM:
        return None

    def left_of(series: Floats) -> Floats:
        left: Floats = series - (series @ basis) @ basis.T
        return left

    places = np.arange(LASTS, len(values) - LASTS + 1)
    places = places[:: 1 + len(places) // _MOST_PLACES]
    shapes = np.array([_shape("level", place, len(values))[known] for place in places.tolist()])
    left_shapes = left_of(shapes)
    distinct = (left_shapes**2).sum(axis=1) > 1e-6 * (shapes**2).sum(axis=1)
    places, shapes = places[distinct], left_shapes[distinct]
    if len(places) < 2:
        return None
    follows = np.flatnonzero(np.diff(rows) == 1)
    found = _pairs(left_of(values[known][None, :]), basis, shapes, places, before, follows)
    if 2 * stats.t.sf(found.t[0], freedom) * len(places) > _STEP_P:
        return None
    simulated = [
        _pairs(left_of(series[:, rows]), basis, shapes, places, before, follows)
        for series in np.split(noise(_SIMULATED_FOR_STEPS, len(values), _MOST_MEMORY), _PARTS)
    ]
    similar = most_similar(np.concatenate([pairs.memory for pairs in simulated]), float(found.memory[0]))
    stronger = int((np.concatenate([pairs.t for pairs in simulated])[similar] >= found.t[0]).sum())
    return int(found.place[0]) if (1 + stronger) / (1 + len(similar)) <= _STEP_P else None


def _pairs(
    left: Floats,
    basis: Floats,
    shapes: Floats,
    places: npt.NDArray[np.int64],
    before: int,
    follows: npt.NDArray[np.int64],
) -> _Pairs:
    """For each series (series, periods) its best pair of the steps `shapes` (step, periods)."""
    products, projected = shapes @ shapes.T, left @ shapes.T
    sizes = np.diag(products)
    determinants = np.outer(sizes, sizes) - products**2
    best = np.full(len(left), -np.inf)
    pair = np.zeros((len(left), 2), dtype=np.int64)
    for early in np.flatnonzero(places < before):
        others = np.flatnonzero(
            (np.abs(places - places[early]) >= LASTS) & (determinants[early] > 1e-6 * sizes[early] * sizes)
        )
        if not len(others):
            continue
        # What two steps explain: the quadratic form of their projections with the inverse of their products.
        ours, theirs = projected[:, [early]], projected[:, others]
        explained = (
            ours**2 * sizes[others] - 2 * ours * theirs * products[early, others] + theirs**2 * sizes[early]
        ) / determinants[early, others]
        strongest = explained.argmax(axis=1)
        most = np.take_along_axis(explained, strongest[:, None], axis=1)[:, 0]
        better = most > best
        best = np.where(better, most, best)
        pair[better] = np.column_stack([np.full(len(left), early), others[strongest]])[better]
    first, second = pair.T
    ours, theirs = (np.take_along_axis(projected, step[:, None], axis=1)[:, 0] for step in (first, second))
    product, determinant = products[first, second], np.maximum(determinants[first, second], np.finfo(float).tiny)
    by_first = (ours * sizes[second] - theirs * product) / determinant
    by_second = (theirs * sizes[first] - ours * product) / determinant
    residuals = left - by_first[:, None] * shapes[first] - by_second[:, None] * shapes[second]
    unexplained = np.maximum((residuals**2).sum(axis=1), np.finfo(float).tiny)
    memory = (residuals[:, follows] * residuals[:, follows + 1]).sum(axis=1) / unexplained
    memory = np.clip(memory, 0, _MOST_MEMORY)
    t = np.abs(_t_without_memory(left, basis, shapes, pair, memory, follows))
    t = np.where((places[pair] < before) & np.isfinite(best)[:, None], t, 0)
    stronger = np.where(t[:, 0] >= t[:, 1], first, second)
    return _Pairs(places[stronger], t.max(axis=1), memory)


def _t_without_memory(
    left: Floats,
    basis: Floats,
    shapes: Floats,
    pair: npt.NDArray[np.int64],
    memory: Floats,
    follows: npt.NDArray[np.int64],
) -> Floats:
    """Student's t (series, 2) of the two steps of each series, from each value less what it remembers of the last one.

    Memory hides a step from the level of the values, but not from their changes (D. Cochrane and G. Orcutt, Application
    of Least Squares Regression to Relationships Containing Auto-Correlated Error Terms, 1949).
    """
    n_columns = basis.shape[1]
    explaining = np.vstack([basis.T, shapes])
    now, last = explaining[:, follows + 1], explaining[:, follows]
    chosen = np.column_stack([np.tile(np.arange(n_columns), (len(left), 1)), n_columns + pair])
    weight = memory[:, None, None]

    def of_chosen(products: Floats) -> Floats:
        picked: Floats = products[chosen[:, :, None], chosen[:, None, :]]
        return picked

    crossed = of_chosen(now @ last.T)
    squares = of_chosen(now @ now.T) - weight * (crossed + crossed.transpose(0, 2, 1))
    inverse = np.linalg.pinv(squares + weight**2 * of_chosen(last @ last.T), hermitian=True)
    values = left[:, follows + 1] - memory[:, None] * left[:, follows]
    sides = np.take_along_axis(values @ now.T - memory[:, None] * (values @ last.T), chosen, axis=1)
    fitted = np.einsum("sij,sj->si", inverse, sides)
    unexplained = np.maximum((values**2).sum(axis=1) - (fitted * sides).sum(axis=1), np.finfo(float).tiny)
    freedom = max(len(follows) - n_columns - 2, 1)
    spread = np.sqrt(np.einsum("sii->si", inverse) * (unexplained / freedom)[:, None])
    t: Floats = (fitted / np.maximum(spread, np.finfo(float).tiny))[:, -2:]
    return t


def _season_where_seen(values: Floats, places: npt.NDArray[np.int64]) -> Floats:
    """The columns of a line, and of a season where it explains more of the values than it costs (BIC)."""
    kinds = [line(len(values)), season_and_line(places)]
    before = lagged(values, 1)[:, None]
    return kinds[least_bic(values, [np.column_stack([columns, before]) for columns in kinds])]


def _shape(kind: Kind, place: int, size: int) -> Floats:
    """A step from the period `place` on, or a bend of the line there: 1 in that period, then 2, 3."""
    since = np.arange(size, dtype=np.float64) - place + 1
    return (since > 0).astype(np.float64) if kind == "level" else np.maximum(since, 0.0)
