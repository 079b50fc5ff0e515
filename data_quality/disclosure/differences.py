"""Which figures of persons' amounts (such as pay) may be published beside all others.

Colleagues know who works where, and how everybody's amount grew; what they don't know are the amounts. So two figures
of a place tell of exactly those persons who are behind one of them and not behind the other, and every figure is an
equation in the amounts of those behind it. Who is behind a figure says `histories.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data_quality.disclosure.histories import Figure
from data_quality.disclosure.system import TOTAL, Place
from data_quality.disclosure.thresholds import DECIMALS
from metrics.definitions.catalog import CatalogKpi

# Before the figures, each person's amount is guessed by itself, within this share of it (one standard deviation).
_GUESS = 0.2
# The variance that rounding adds to a figure, in units of _GUESS squared.
_ROUNDING = (10**-DECIMALS / 12**0.5 / _GUESS) ** 2
# The share of the variance of a person's guess that figures may explain. The sum of two alike persons explains half.
_MOST = 0.49
# What figures of members may explain, so that some is left for later totals.
_MOST_WITH_MEMBERS = 0.45
# A figure that explains less than this tells nothing new: it is of the same persons with the same amounts.
_NOTHING = 1e-6
# What a figure may add of persons of whom public figures explain _MOST already (by other rules, or by rows that were
# corrected since). If it were nothing, no figure of a place where one of them works could be published again.
_MORE = 0.01

_Numbers = npt.NDArray[Any]
_Group = npt.NDArray[np.bool_]  # which of all persons


def too_close(
    kpi: CatalogKpi, table: pa.Table, wanted: Mapping[Figure, int], public: Collection[Figure]
) -> set[Figure]:
    """The wanted figures that may not be published beside the public ones and each other.

    `table` has the KPI's HISTORIES. `wanted` gives each figure's rank. Totals are decided first, then those of lower
    rank, then those of later days; each beside what is published by then. A figure may be published when
    - it differs from each other one of its place by `disclosure_threshold` persons or more, whom a few don't dominate;
      and so do the members of a segment that are published on both days, taken together, and everybody else;
    - all figures together leave the guess of each person's amount wide enough (the prior-posterior rule).
    """
    if kpi.contributions is None:
        return set(wanted)
    reader = _Reader(table, kpi)
    for figure in public:
        reader.read(figure)
    hidden = set()
    ours = wanted.keys() - set(public)  # another period may show a public one already
    for figure in sorted(ours, key=lambda one: (one[0] != TOTAL, wanted[one], -one[1].toordinal(), one[0])):
        if reader.may_read(figure):
            reader.read(figure)
        else:
            hidden.add(figure)
    return hidden


class _Reader:
    """What one knows who reads every published figure and guesses the persons' amounts.

    A figure is a ratio of two sums. By how much of it an amount is wrong changes the figure as much as the amount's
    share of its sum (the sign is the same for all figures of a person, and left out). So a figure is a linear equation
    in the errors of all guesses, which are taken to be normal. `explained` is the share of each guess's variance that
    is gone, 0 to 1. `factor` has a row for each figure read: the covariance that is left is I - factor.T @ factor.
    """

    def __init__(self, table: pa.Table, kpi: CatalogKpi) -> None:
        self.kpi = kpi
        places = zip(table.column("segment").to_pylist(), table.column("member").to_pylist(), strict=True)
        figures = list(zip(places, table.column("day").to_pylist(), strict=True))
        people = [behind.values for behind in table.column("people")]
        persons = [_numbers(behind, "person") for behind in people]
        n_persons = max((int(numbers.max()) + 1 for numbers in persons), default=0)
        self.there: dict[Figure, _Group] = {}
        self.shares: dict[Figure, tuple[_Numbers, _Numbers]] = {}
        self.largest = np.zeros(n_persons)
        for figure, behind, numbers in zip(figures, people, persons, strict=True):
            self.there[figure] = np.zeros(n_persons, dtype=bool)
            self.there[figure][numbers] = True
            self.shares[figure] = numbers, _numbers(behind, "share")
            self.largest[numbers] = np.maximum(self.largest[numbers], _numbers(behind, "amount"))
        self.published: dict[date, set[Place]] = defaultdict(set)
        self.explained = np.zeros(n_persons)
        self.factor = np.empty((len(figures), n_persons))
        self.n_read = 0

    def read(self, figure: Figure) -> None:
        """Take a figure as published."""
        place, day = figure
        self.published[day].add(place)
        if figure in self.there:
            self.factor[self.n_read] = news = self._news(figure)
            self.n_read += 1
            self.explained += news**2

    def may_read(self, figure: Figure) -> bool:
        """Whether a figure may be published beside those that were read. Not where nobody is known to be behind it."""
        place, day = figure
        others = [(place, other) for other, places in self.published.items() if place in places]
        if not self.there.keys() >= {figure, *others}:
            return False
        most = _MOST if place == TOTAL else _MOST_WITH_MEMBERS
        room = np.where(self.explained < _MOST, np.maximum(most - self.explained, _NOTHING), _MORE)
        if (self._news(figure) ** 2 > room).any():
            return False
        return all(self._enough(changed) for changed in self._differences(place, day))

    def _news(self, figure: Figure) -> _Numbers:
        """The row that a figure adds to `factor`; its square is what that adds to `explained`."""
        persons, shares = self.shares[figure]
        line = np.zeros_like(self.explained)
        line[persons] = shares
        factor = self.factor[: self.n_read]
        left = line - factor.T @ (factor @ line)
        return np.asarray(left / np.sqrt(line @ left + _ROUNDING))

    def _differences(self, place: Place, day: date) -> Iterator[_Group]:
        """The groups of persons of whom a place's figure of a day tells, together with figures of another day."""
        for other, places in self.published.items():
            if place not in places:
                continue
            yield self.there[place, day] ^ self.there[place, other]
            shown = places & {place, *self.published.get(day, ())}
            shown = {one for one in shown if {(one, day), (one, other)} <= self.there.keys()}
            for segment in {segment for segment, _ in shown} - {TOTAL[0]}:
                members = [one for one in shown if one[0] == segment]
                now, then = (np.any([self.there[one, at] for one in members], axis=0) for at in (day, other))
                yield now ^ then
                if TOTAL in shown:
                    yield (self.there[TOTAL, day] & ~now) ^ (self.there[TOTAL, other] & ~then)

    def _enough(self, changed: _Group) -> bool:
        """Whether a group is nobody, or as many as the threshold of whom a few don't dominate the others."""
        amounts = self.largest[changed]
        dominance = self.kpi.contributions
        if not amounts.size or dominance is None:
            return True
        few = dominance.n * amounts.max() > dominance.k * amounts.sum()
        return amounts.size >= self.kpi.disclosure_threshold and not few


def _numbers(people: pa.StructArray, name: str) -> _Numbers:
    return np.asarray(people.field(name))
