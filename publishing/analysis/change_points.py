"""Whether the level or the trend of a series changed of late: arrays in, data classes out.

A change is a step, or a bend of the line, from one period on. The largest of all that were tried is compared with the
largest in simulated noise (D. Andrews, Tests for Parameter Instability with Unknown Change Point, 1993).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from publishing.analysis.autoregression import Autoregression, cautious_memory, noise
from publishing.analysis.regression import SEASONS, Floats, fit, season_and_line

Kind = Literal["level", "trend"]
LASTS = 3
"""So many periods a change must have lasted. What lasts one or two is the gate's to judge."""
FEWEST_YEARS = 2
"""With less, a season can't be told from a change."""
FEWEST_FREEDOM = 4
"""Periods beyond the parameters that are fitted."""
_SIMULATED = 20_000


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
        columns = season_and_line(places)
        self._columns = columns if beside is None else np.column_stack([columns, beside])
        places_tried = range(max(size - year, LASTS), size - LASTS + 1)
        kinds: tuple[Kind, ...] = ("level", "trend")
        changes = [(kind, place) for kind in kinds for place in places_tried]
        shapes = np.column_stack([_shape(kind, place, size) for kind, place in changes])
        self._regression = Autoregression(np.isfinite(values), self._columns, shapes)
        told = zip(changes, self._regression.is_told, strict=True)  # the others are what season and line can make
        self._changes = [change for change, is_told in told if is_told]
        is_complete = self._regression.periods >= FEWEST_YEARS * year - 1
        self.possible = bool(is_complete and self._changes and self._regression.freedom >= FEWEST_FREEDOM)

    def quick_p(self) -> float:
        """A p-value that is rather too small: as if the memory of the noise were known."""
        strongest = np.abs(self._regression.regress(self._values[None, :]).t).max()
        return min(1.0, float(2 * stats.t.sf(strongest, self._regression.freedom)) * len(self._changes))

    def shift(self) -> Shift:
        """The strongest change, with its p-value from simulated noise."""
        found = self._regression.regress(self._values[None, :])
        best = int(np.abs(found.t[0]).argmax())
        size = len(self._values)
        memory = cautious_memory(float(found.memory[0, best]), size, self._memory_beside_strongest)
        strongest = np.abs(self._regression.regress(noise(memory, _SIMULATED, size)).t).max(axis=1)
        stronger = int((strongest >= abs(found.t[0, best])).sum())
        kind, place = self._changes[best]
        return Shift(kind, place, self._size(kind, place), (1 + stronger) / (1 + _SIMULATED))

    def _memory_beside_strongest(self, series: Floats) -> Floats:
        found = self._regression.regress(series)
        memory: Floats = found.memory[np.arange(len(series)), np.abs(found.t).argmax(axis=1)]
        return memory

    def _size(self, kind: Kind, place: int) -> float:
        """The change beside season and line, by least squares."""
        known = np.isfinite(self._values) & np.isfinite(self._columns).all(axis=1)
        shape = np.where(known, _shape(kind, place, len(self._values)), np.nan)
        change = fit(shape, self._columns).residuals[known]
        left = fit(np.where(known, self._values, np.nan), self._columns).residuals[known]
        return float(left @ change / (change @ change))


def _shape(kind: Kind, place: int, size: int) -> Floats:
    """A step from the period `place` on, or a bend of the line there: 1 in that period, then 2, 3."""
    since = np.arange(size, dtype=np.float64) - place + 1
    return (since > 0).astype(np.float64) if kind == "level" else np.maximum(since, 0.0)
