"""What published cells of one population tell of each other, as a linear system over its smallest groups of persons.

The unknowns ("atoms") are the persons of one member in one stretch of time: a month, or where weeks are published of
flows, the part of a week that lies in one month. A published cell tells the sum of its atoms; the members of every
segment have one total. KPIs that count the same persons share unknowns, so that one tells what the other hides.

It is safe to take the public to know more than it does. So a published value is taken to tell how many persons are
behind it, and distinct counts to add up over time and segments.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from data_quality.disclosure.thresholds import Row, counted, needs
from metrics.core.periods import PART_OF_WEEK
from metrics.definitions.catalog import CatalogKpi, PersonCount

Place = tuple[str, str]  # segment and member
TOTAL: Place = ("_T", "_T")
GRAINS = (PART_OF_WEEK, "M", "Q", "A", "W")  # the finest first; a week alone is its own grain


class Cell(NamedTuple):
    """One cell of a KPI's published table."""

    kpi_id: str
    freq: str
    time_period: str
    segment: str
    member: str


@dataclass(frozen=True)
class Target:
    """A sum of atoms that the public must not be able to tell: it must be free to be `up` more and `down` less."""

    cell: Cell
    atoms: tuple[int, ...]
    up: int
    down: int


@dataclass(frozen=True)
class System:
    """The system of one group of persons.

    `spans` are the atoms' first and last days; `persons` how many they hold and `room` how many more they can; `ties`
    are pairs of sums that are equal; `sums` gives the atoms whose sum a cell tells.
    """

    name: str
    spans: tuple[tuple[date, date], ...]
    persons: tuple[float, ...]
    room: tuple[float, ...]
    ties: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    sums: Mapping[Cell, tuple[int, ...]]
    targets: tuple[Target, ...]


def systems(rows: Iterable[Row], kpis: Mapping[str, CatalogKpi], today: date) -> list[System]:
    """The systems of all groups of persons, by name, from the candidate rows of every protected KPI.

    Targets are the cells whose period has ended before today: of another one nobody knows yet what it will be.
    """
    groups: dict[str, list[tuple[Row, PersonCount]]] = defaultdict(list)
    for row in rows:
        kpi = kpis[row["kpi_id"]]
        if counted(row, kpi):
            for told in kpi.person_counts:
                groups[told.group].append((row, told))
    return [_system(name, groups[name], kpis, today) for name in sorted(groups)]


def cell_of(row: Row) -> Cell:
    """The row's cell."""
    return Cell(row["kpi_id"], row["freq"], row["time_period"], row["segment"], row["member"])


def _system(
    name: str, tellings: Sequence[tuple[Row, PersonCount]], kpis: Mapping[str, CatalogKpi], today: date
) -> System:
    atoms = _Atoms(tellings, kpis)
    sums: dict[Cell, tuple[int, ...]] = {}
    targets = []
    for row, told in tellings:
        cell, found = cell_of(row), atoms.told_by(row, told)
        if not found:
            continue
        if row["freq"] != PART_OF_WEEK:
            sums[cell] = found
        for need in needs(row, kpis[row["kpi_id"]]) if row["period_end"] < today else ():
            if need.role == told.role:
                targets.append(Target(cell, found, need.up, need.down))
    return System(
        name,
        tuple(atoms.spans[stretch] for stretch, _ in atoms.keys),
        tuple(atoms.persons[key] for key in atoms.keys),
        tuple(atoms.room.get(key, float("inf")) for key in atoms.keys),
        tuple(atoms.ties),
        sums,
        tuple(sorted(targets, key=lambda one: (GRAINS.index(one.cell.freq), one.cell))),
    )


class _Atoms:
    """The smallest groups of persons: of every member in every stretch of time. A total's are those of its members."""

    def __init__(self, tellings: Sequence[tuple[Row, PersonCount]], kpis: Mapping[str, CatalogKpi]) -> None:
        stocks = any(told.stock for _, told in tellings)
        freqs = {row["freq"] for row, _ in tellings} - ({PART_OF_WEEK} if stocks else set())
        self.grain = next(freq for freq in GRAINS if freq in freqs)
        of_grain = [(row, told) for row, told in tellings if row["freq"] == self.grain]
        self.spans = sorted({(row["period_start"], row["period_end"]) for row, _ in of_grain})
        self.starts, self.ends = [start for start, _ in self.spans], [end for _, end in self.spans]
        self.persons: dict[tuple[int, Place], float] = {}
        self.room: dict[tuple[int, Place], float] = {}
        for row, told in of_grain:
            if told.role == "n_obs":
                continue
            key = bisect_left(self.starts, row["period_start"]), (row["segment"], row["member"])
            count = float(row[f"n_persons_{told.role}"] or 0)
            self.persons[key] = min(count, self.persons.get(key, count))
            if told.role == "numerator" and kpis[row["kpi_id"]].nested_persons:
                others = float(row["n_persons_denominator"] - row["n_persons_numerator"])
                self.room[key] = min(others, self.room.get(key, others))
        self.keys: list[tuple[int, Place]] = []
        self.ties: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        self.at: dict[tuple[int, Place], tuple[int, ...]] = {}
        segments: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        cut = {stretch for stretch, place in self.persons if place != TOTAL}
        for stretch, place in sorted(self.persons):
            if place != TOTAL or stretch not in cut:
                segments[stretch][place[0]].append(len(self.keys))
                self.at[stretch, place] = (len(self.keys),)
                self.keys.append((stretch, place))
        for stretch, by_segment in segments.items():
            whole, *rest = (tuple(numbers) for numbers in by_segment.values())
            self.at[stretch, TOTAL] = whole
            self.ties += [(whole, other) for other in rest]

    def told_by(self, row: Row, told: PersonCount) -> tuple[int, ...]:
        """The atoms of the cell's period: of a stock, and of a week within coarser atoms, those of the last day.

        None at all where the cell tells nothing that atoms can express.
        """
        last = bisect_right(self.starts, row["period_end"]) - 1
        if row["freq"] == PART_OF_WEEK != self.grain:
            stretches = range(0)
        elif told.stock or (row["freq"] == "W" and self.grain not in ("W", PART_OF_WEEK)):
            stretches = range(last, last + 1) if last >= 0 and self.ends[last] >= row["period_end"] else range(0)
        else:
            stretches = range(bisect_left(self.starts, row["period_start"]), bisect_right(self.ends, row["period_end"]))
        place = row["segment"], row["member"]
        return tuple(atom for stretch in stretches for atom in self.at.get((stretch, place), ()))
