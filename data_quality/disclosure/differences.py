"""Differencing, dominance and prior-posterior rules for figures of persons' amounts, such as pay.

The attacker is assumed to be a colleague, who knows who works where and by how much every amount grew, but not the
amounts. Two facts follow. The difference of two figures of a place reveals an aggregate of exactly the persons who are
behind one of the figures and not behind the other. And every figure is a linear equation in the amounts of the persons
behind it. `histories.py` reads the persons behind each figure.

Source: Hundepool et al., Handbook on Statistical Disclosure Control (dominance and prior-posterior rules); INSEE's R
package diffman (differencing).
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

# The attacker's prior: the standard deviation of the guess of each person's amount, relative to the amount.
_PRIOR_DEVIATION = 0.2
# The variance that rounding adds to a figure, in units of _PRIOR_DEVIATION squared.
_ROUNDING_VARIANCE = (10**-DECIMALS / 12**0.5 / _PRIOR_DEVIATION) ** 2
# The largest share of a person's prior variance that figures may explain. The sum of two equal amounts explains half.
_MAX_EXPLAINED = 0.49
# The largest share for figures of members, so that later totals have some left.
_MAX_EXPLAINED_WITH_MEMBERS = 0.45
# A figure that explains less than this is redundant: it is of the same persons with the same amounts.
_NEGLIGIBLE = 1e-6
# What a figure may add for persons of whom published figures explain _MAX_EXPLAINED already (published by other rules,
# or before rows were corrected). With 0, no figure of a place where one of them works could be published again.
_ALLOWANCE = 0.01

_Numbers = npt.NDArray[Any]
_Group = npt.NDArray[np.bool_]  # by person number, whether the person belongs to the group


def disclosive(
    kpi: CatalogKpi, table: pa.Table, ranks: Mapping[Figure, int], published: Collection[Figure]
) -> set[Figure]:
    """The new figures that must not be published, given the published ones and the other new ones.

    `table` has the KPI's HISTORIES. `ranks` are the ranks of the new figures. Totals are decided first, then lower
    ranks, then later days, each given the figures that are published by then. A figure may be published if
    - (differencing and dominance) it differs from each other figure of its place by `disclosure_threshold` persons or
      more, of whom a few don't dominate the others. The same holds for the union of the members of a segment that are
      published on both days, and for everybody else;
    - (prior-posterior) all figures together leave the attacker's guess of each person's amount wide enough.
    """
    if kpi.contributions is None:
        return set(ranks)
    attacker = _Attacker(table, kpi)
    for figure in published:
        attacker.learn(figure)
    suppressed = set()
    new = ranks.keys() - set(published)  # another period may have published the same figure
    for figure in sorted(
        new, key=lambda figure: (figure[0] != TOTAL, ranks[figure], -figure[1].toordinal(), figure[0])
    ):
        if attacker.may_learn(figure):
            attacker.learn(figure)
        else:
            suppressed.add(figure)
    return suppressed


class _Attacker:
    """What an attacker knows who reads every published figure and guesses the persons' amounts.

    A figure is a ratio of two sums. A relative error in the guess of one amount changes the figure in proportion to the
    amount's share of its sum. (The sign is the same for all figures of a person and is left out.) So a figure is a
    linear equation in the relative errors of all guesses, whose prior is normal and independent.

    - `groups`: by figure, the persons behind it.
    - `shares`: by figure, the numbers of these persons and their shares of the sum.
    - `largest`: by person, the largest amount in any figure.
    - `published`: by day, the places with a published figure.
    - `explained`: by person, the share of the prior variance that the figures explain, 0 to 1.
    - `factor`: a row per learned figure (the first `n_learned` rows); the posterior covariance, in units of the prior
      variance, is I - factor.T @ factor.
    """

    def __init__(self, table: pa.Table, kpi: CatalogKpi) -> None:
        self.kpi = kpi
        places = zip(table.column("segment").to_pylist(), table.column("member").to_pylist(), strict=True)
        figures = list(zip(places, table.column("day").to_pylist(), strict=True))
        contributions = [people.values for people in table.column("people")]
        person_numbers = [_values(people, "person") for people in contributions]
        n_persons = max((int(numbers.max()) + 1 for numbers in person_numbers), default=0)
        self.groups: dict[Figure, _Group] = {}
        self.shares: dict[Figure, tuple[_Numbers, _Numbers]] = {}
        self.largest = np.zeros(n_persons)
        for figure, people, numbers in zip(figures, contributions, person_numbers, strict=True):
            self.groups[figure] = np.zeros(n_persons, dtype=bool)
            self.groups[figure][numbers] = True
            self.shares[figure] = numbers, _values(people, "share")
            self.largest[numbers] = np.maximum(self.largest[numbers], _values(people, "amount"))
        self.published: dict[date, set[Place]] = defaultdict(set)
        self.explained = np.zeros(n_persons)
        self.factor = np.empty((len(figures), n_persons))
        self.n_learned = 0

    def learn(self, figure: Figure) -> None:
        """Add a published figure to what the attacker knows."""
        place, day = figure
        self.published[day].add(place)
        if figure in self.groups:
            self.factor[self.n_learned] = row = self._factor_row(figure)
            self.n_learned += 1
            self.explained += row**2

    def may_learn(self, figure: Figure) -> bool:
        """Whether the figure may be published in addition to the learned ones.

        Not if the persons behind it, or behind another figure of its place, aren't known.
        """
        place, day = figure
        figures_of_place = [(place, other_day) for other_day, places in self.published.items() if place in places]
        if not self.groups.keys() >= {figure, *figures_of_place}:
            return False
        limit = _MAX_EXPLAINED if place == TOTAL else _MAX_EXPLAINED_WITH_MEMBERS
        allowed = np.where(self.explained < _MAX_EXPLAINED, np.maximum(limit - self.explained, _NEGLIGIBLE), _ALLOWANCE)
        if (self._factor_row(figure) ** 2 > allowed).any():
            return False
        return all(self._is_safe(group) for group in self._differences(place, day))

    def _factor_row(self, figure: Figure) -> _Numbers:
        """The row that the figure adds to `factor`, by person; its square is what it adds to `explained`."""
        persons, shares = self.shares[figure]
        equation = np.zeros_like(self.explained)
        equation[persons] = shares
        factor = self.factor[: self.n_learned]
        unexplained = equation - factor.T @ (factor @ equation)
        return np.asarray(unexplained / np.sqrt(equation @ unexplained + _ROUNDING_VARIANCE))

    def _differences(self, place: Place, day: date) -> Iterator[_Group]:
        """The groups of persons that the place's figure of the day reveals by differencing with another day.

        They are the persons by whom the place, the union of the published members of a segment, and everybody outside
        that union differ between the two days.
        """
        for other_day, places in self.published.items():
            if place not in places:
                continue
            yield self.groups[place, day] ^ self.groups[place, other_day]
            on_both_days = {
                other_place
                for other_place in places & {place, *self.published.get(day, ())}
                if {(other_place, day), (other_place, other_day)} <= self.groups.keys()
            }
            for segment in {segment for segment, _ in on_both_days} - {TOTAL[0]}:
                members = [member for member in on_both_days if member[0] == segment]
                union, other_union = (
                    np.any([self.groups[member, group_day] for member in members], axis=0)
                    for group_day in (day, other_day)
                )
                yield union ^ other_union
                if TOTAL in on_both_days:
                    yield (self.groups[TOTAL, day] & ~union) ^ (self.groups[TOTAL, other_day] & ~other_union)

    def _is_safe(self, group: _Group) -> bool:
        """Whether the group is empty, or has enough persons of whom none dominates the sum.

        `self.largest` has the amount of each person of the group. A KPI without amounts of persons has no dominance
        rule, and its cells are protected by their counts elsewhere.
        """
        amounts = self.largest[group]
        dominance = self.kpi.contributions
        if not amounts.size or dominance is None:
            return True
        is_dominated = dominance.n * amounts.max() > dominance.k * amounts.sum()
        return amounts.size >= self.kpi.disclosure_threshold and not is_dominated


def _values(people: pa.StructArray, name: str) -> _Numbers:
    return np.asarray(people.field(name))
