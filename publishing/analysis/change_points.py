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
    are the changes after that, each of length 1; `sizes` (change) the logarithms of their lengths before. They and
    `determinants` are the part of the negative logarithm of the restricted likelihood that doesn't depend on the
    series.
    """

    memory: float
    leaving: Floats
    shapes: Floats
    sizes: Floats
    determinants: float


def _filter(memory: float, rows: npt.NDArray[np.int64], basis: Floats, shapes: Floats) -> _Filter:
    """The filter of noise whose value remembers so much of the one a period before; `rows` are the periods' numbers."""
    factor = np.linalg.cholesky(memory ** np.abs(rows[:, None] - rows))
    whitening = np.linalg.inv(factor)
    spanned, triangle = np.linalg.qr(whitening @ basis)
    leaving = whitening.T - (whitening.T @ spanned) @ spanned.T
    left = shapes @ leaving
    sizes = np.linalg.norm(left, axis=1)
    determinants = float(np.log(np.diag(factor)).sum() + np.log(np.abs(np.diag(triangle))).sum())
    return _Filter(memory, leaving, left / sizes[:, None], np.log(sizes), determinants)


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
        basis = _basis(self._columns[known])
        distinct = _is_distinct(shapes, basis)  # the others are what season and line can make
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
            likelihood = -self._freedom / 2 * np.log(unexplained) - each.determinants - each.sizes
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


class _Steps(NamedTuple):
    """Of each series the stronger early step of the pair that explains most: its place, t, the memory of the noise."""

    place: npt.NDArray[np.int64]
    t: Floats
    memory: Floats


def _strongest_step(values: Floats, columns: Floats, before: int) -> int | None:
    """The step before that period that noise wouldn't show, beside the other step that explains most with it."""
    rows = np.flatnonzero(np.isfinite(values) & np.isfinite(columns).all(axis=1))
    basis = _basis(columns[rows])
    freedom = len(rows) - basis.shape[1] - 2
    if freedom < FEWEST_FREEDOM:
        return None
    places = np.arange(LASTS, len(values) - LASTS + 1)
    places = places[:: 1 + len(places) // _MOST_PLACES]
    shapes = np.array([_shape("level", place, len(values))[rows] for place in places.tolist()])
    distinct = _is_distinct(shapes, basis)
    places, shapes = places[distinct], shapes[distinct]
    if len(places) < 2:
        return None
    filters = [_filter(memory, rows, basis, shapes) for memory in _MEMORIES]
    found = _steps(values[None, rows], filters, places, before, freedom)
    if 2 * stats.t.sf(found.t[0], freedom) * len(places) > _STEP_P:
        return None
    simulated = [
        _steps(series[:, rows], filters, places, before, freedom)
        for series in np.split(noise(_SIMULATED_FOR_STEPS, len(values), _MOST_MEMORY), _PARTS)
    ]
    similar = most_similar(np.concatenate([steps.memory for steps in simulated]), float(found.memory[0]))
    stronger = int((np.concatenate([steps.t for steps in simulated])[similar] >= found.t[0]).sum())
    return int(found.place[0]) if (1 + stronger) / (1 + len(similar)) <= _STEP_P else None


def _steps(
    series: Floats, filters: Sequence[_Filter], places: npt.NDArray[np.int64], before: int, freedom: int
) -> _Steps:
    """Of each series (series, periods) the steps, at `places`, that explain most as if its noise had no memory.

    Then the memory beside them is the most likely one, and t is Student's at that memory.
    """
    pair = _pairs(series @ filters[0].leaving, filters[0].shapes, places, before)
    most, memory = np.full(len(series), -np.inf), np.zeros(len(series))
    t = np.zeros((len(series), 2))
    for each in filters:
        left = series @ each.leaving
        ours, theirs = np.take_along_axis(left @ each.shapes.T, pair, axis=1).T
        product = (each.shapes[pair[:, 0]] * each.shapes[pair[:, 1]]).sum(axis=1)
        alone = np.maximum(1 - product**2, np.finfo(float).tiny)
        explained = (ours**2 - 2 * ours * theirs * product + theirs**2) / alone
        unexplained = np.maximum((left**2).sum(axis=1) - explained, np.finfo(float).tiny)
        penalty = each.determinants + each.sizes[pair].sum(axis=1) + np.log(alone) / 2
        likelihood = -freedom / 2 * np.log(unexplained) - penalty
        better = likelihood > most
        most, memory = np.where(better, likelihood, most), np.where(better, each.memory, memory)
        size = np.abs(np.column_stack([ours - theirs * product, theirs - ours * product]))
        t[better] = (size / np.sqrt(alone * unexplained / freedom)[:, None])[better]
    t = np.where(places[pair] < before, t, 0)
    stronger = t.argmax(axis=1)[:, None]
    return _Steps(np.take_along_axis(places[pair], stronger, axis=1)[:, 0], t.max(axis=1), memory)


def _pairs(left: Floats, shapes: Floats, places: npt.NDArray[np.int64], before: int) -> npt.NDArray[np.int64]:
    """The pair of steps (series, 2), one of them early, that explains most of each series (series, periods).

    `shapes` (step, periods) are of length 1.
    """
    products, projected = shapes @ shapes.T, left @ shapes.T
    best = np.full(len(left), -np.inf)
    pair = np.zeros((len(left), 2), dtype=np.int64)
    for early in np.flatnonzero(places < before):
        alone = 1 - products[early] ** 2
        others = np.flatnonzero((np.abs(places - places[early]) >= LASTS) & (alone > 1e-6))
        if not len(others):
            continue
        # What two steps explain: the quadratic form of their projections with the inverse of their products.
        ours, theirs = projected[:, [early]], projected[:, others]
        explained = (ours**2 - 2 * ours * theirs * products[early, others] + theirs**2) / alone[others]
        strongest = explained.argmax(axis=1)
        most = np.take_along_axis(explained, strongest[:, None], axis=1)[:, 0]
        better = most > best
        best = np.where(better, most, best)
        pair[better] = np.column_stack([np.full(len(left), early), others[strongest]])[better]
    return pair


def _basis(columns: Floats) -> Floats:
    """An orthonormal basis (periods, dimension) of what the columns span."""
    spanned = np.linalg.svd(columns, full_matrices=False)
    basis: Floats = spanned.U[:, spanned.S / spanned.S[0] > 1e-9]
    return basis


def _is_distinct(shapes: Floats, basis: Floats) -> npt.NDArray[np.bool_]:
    """Whether the basis leaves anything of each of the shapes (shape, periods)."""
    left = shapes - (shapes @ basis) @ basis.T
    is_distinct: npt.NDArray[np.bool_] = (left**2).sum(axis=1) > 1e-6 * (shapes**2).sum(axis=1)
    return is_distinct


def _season_where_seen(values: Floats, places: npt.NDArray[np.int64]) -> Floats:
    """The columns of a line, and of a season where it explains more of the values than it costs (BIC)."""
    kinds = [line(len(values)), season_and_line(places)]
    before = lagged(values, 1)[:, None]
    return kinds[least_bic(values, [np.column_stack([columns, before]) for columns in kinds])]


def _shape(kind: Kind, place: int, size: int) -> Floats:
    """A step from the period `place` on, or a bend of the line there: 1 in that period, then 2, 3."""
    since = np.arange(size, dtype=np.float64) - place + 1
    return (since > 0).astype(np.float64) if kind == "level" else np.maximum(since, 0.0)
