"""Which figures of persons' amounts (such as pay) may be published beside those of other days.

Colleagues know who works where; what they don't know are the amounts. So two figures of a place tell of exactly those
persons who are behind one of them and not behind the other. Who is behind a figure says `histories.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from data_quality.disclosure.histories import Figure
from data_quality.disclosure.system import TOTAL, Place
from metrics.catalog import CatalogKpi, Contributions


def too_close(
    kpi: CatalogKpi, table: pa.Table, wanted: Mapping[Figure, int], public: Collection[Figure]
) -> set[Figure]:
    """The wanted figures that may not be published beside the public ones and each other.

    `table` has the KPI's HISTORIES. `wanted` gives each figure's rank: of two that can't both be published, that of the
    lower rank is, then that of the earlier day.
    - A figure may be published when it differs from each other one of its place by `disclosure_threshold` persons or
      more, and when all sums of such differences do.
    - The members of a segment that are published on both of two days are a place, taken together. So is everybody else,
      as the total less these members tells of them.
    - Persons of whom a few dominate the others count as those few.
    """
    if kpi.contributions is None:
        return set(wanted)
    people = _People(table, kpi.contributions, kpi.disclosure_threshold)
    published: dict[date, set[Place]] = {}
    for place, day in public:
        published.setdefault(day, set()).add(place)
    ranks: dict[date, int] = {}
    for (_, day), rank in wanted.items():
        ranks[day] = min(rank, ranks.get(day, rank))
    for day in sorted(ranks, key=lambda one: (ranks[one], one)):
        known = published.pop(day, set())
        new = {
            place
            for place, of_day in sorted(wanted)
            if of_day == day
            and place not in known
            and people.may_join(place, day, [other for other, places in published.items() if place in places])
        }
        for segment in kpi.segments:
            new -= people.revealing(segment, day, known, new, published)
        published[day] = known | new
    return {(place, day) for place, day in wanted if place not in published[day]}


class _People:
    """Who was where on which day: for each place, a row for each day and a column for each history."""

    def __init__(self, table: pa.Table, dominance: Contributions, threshold: int) -> None:
        self.dominance, self.threshold = dominance, threshold
        self.counts = table.column("n_persons").to_numpy()
        self.amounts = table.column("amount").to_numpy()
        self.largest = table.column("largest_amount").to_numpy()
        histories = table.column("history").to_pylist()
        days = sorted({entry["day"] for history in histories for entry in history})
        self.row = {day: number for number, day in enumerate(days)}
        self.there: dict[Place, npt.NDArray[np.bool_]] = {}
        for column, history in enumerate(histories):
            for entry in history:
                place = entry["segment"], entry["member"]
                if place not in self.there:
                    self.there[place] = np.zeros((len(days), len(histories)), dtype=bool)
                self.there[place][self.row[entry["day"]], column] = True

    def may_join(self, place: Place, day: date, others: Collection[date]) -> bool:
        """Whether the place's figure of a day may be published beside those of other days."""
        if place not in self.there or not {day, *others} <= self.row.keys():
            return False
        there = self.there[place]
        if not all(self._enough(there[self.row[day]] ^ there[self.row[other]]) for other in others):
            return False
        return self._fewest(there, day, others) >= self.threshold

    def revealing(
        self, segment: str, day: date, known: set[Place], new: set[Place], published: Mapping[date, set[Place]]
    ) -> set[Place]:
        """The new places without which the segment's published members together, and the total, tell of enough persons.

        The smallest member is taken first. Where no member is new, the total is.
        """
        hidden: set[Place] = set()
        others = [other for other in published if other in self.row]
        while day in self.row:
            shown = (known | new) - hidden
            members = {place for place in shown if place[0] == segment and place in self.there}
            close = [other for other in others if self._close(members & published[other], day, other, shown, published)]
            if not close:
                break
            free = [place for other in close for place in members & published[other] & new]
            if not free and TOTAL not in shown & new:
                break  # all of it is public already
            hidden.add(min(free, key=lambda place: (self._size(place, day), place), default=TOTAL))
        return hidden

    def _close(
        self, members: set[Place], day: date, other: date, shown: set[Place], published: Mapping[date, set[Place]]
    ) -> bool:
        """Whether those in any of the members, or those in none beside the total, tell of a few persons on two days."""
        if not members:
            return False
        within, within_other = self._within(members, day), self._within(members, other)
        groups = [within ^ within_other]
        if TOTAL in shown & published[other] and TOTAL in self.there:
            everybody = self.there[TOTAL]
            groups.append((everybody[self.row[day]] & ~within) ^ (everybody[self.row[other]] & ~within_other))
        return any(changed.any() and not self._enough(changed) for changed in groups)

    def _within(self, members: Iterable[Place], day: date) -> npt.NDArray[np.bool_]:
        return np.asarray(np.logical_or.reduce([self.there[place][self.row[day]] for place in members]))

    def _size(self, place: Place, day: date) -> int:
        return int(self.counts[self.there[place][self.row[day]]].sum())

    def _enough(self, changed: npt.NDArray[np.bool_]) -> bool:
        """Whether persons (columns) are as many as the threshold, and a few of them don't dominate the others."""
        few = self.dominance.n * self.largest[changed].max(initial=0) > self.dominance.k * self.amounts[changed].sum()
        return not few and int(self.counts[changed].sum()) >= self.threshold

    def _fewest(self, there: npt.NDArray[np.bool_], day: date, others: Collection[date]) -> float:
        """The fewest persons of whom any sum or difference of the figures of all these days can tell.

        A person comes in the time before a figure and goes in the time after one. Weights of figures by which everybody
        else cancels out part these times in two; the persons who came in one part and went in the other are left. So
        the fewest are a minimum cut. Only cuts that part the times before and after the new figure are new.
        """
        days = sorted({day, *others}, key=self.row.__getitem__)
        if len(days) == 1:
            return float("inf")
        present = there[[self.row[one] for one in days]]
        comes = present & ~np.vstack([np.zeros_like(present[:1]), present[:-1]])
        once = comes.sum(axis=0) == 1  # who came twice could cancel out
        first, stays = comes[:, once].argmax(axis=0), present[:, once].sum(axis=0)
        after = (first + stays) % len(days)  # the time after the last figure is that before the first: outside
        flows = np.zeros((len(days), len(days)), dtype=np.int32)
        np.add.at(flows, (first, after), self.counts[once].astype(np.int32))
        at = days.index(day)
        both_ways = csr_array(flows + flows.T)
        return float(maximum_flow(both_ways, at, (at + 1) % len(days)).flow_value)
