"""The linear system of the published cells that count one population of persons: what an attacker can compute.

The unknowns ("atoms") are the numbers of persons of one segment member in one span of time. The span is a month, or
where flows are published by week, the part of a week that lies in one month. A published cell is the sum of its atoms.
The members of every segment add up to the same total. The members of a combination of segments add up to the members
of each of its segments. KPIs that count the same persons share their atoms, because one of them can reveal what another
one suppresses.

The model assumes that the attacker knows more than the public does, which is safe: a published value reveals its number
of persons, and distinct counts add up over time and over segments.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from data_quality.disclosure.thresholds import WIDER, Row, complements, is_counted, protection_levels
from metrics.core.periods import PART_OF_WEEK
from metrics.core.segments import is_combination, member_parts, parts_of
from metrics.definitions.catalog import CatalogKpi, PersonCount

Place = tuple[str, str]  # segment and member
TOTAL: Place = ("_T", "_T")
# The frequencies that atoms can have, the finest first. W is used only where nothing else is published.
ATOM_FREQS = (PART_OF_WEEK, "M", "Q", "A", "W")


class Cell(NamedTuple):
    """One cell of a KPI's published table."""

    kpi_id: str
    freq: str
    time_period: str
    segment: str
    member: str


@dataclass(frozen=True)
class Target:
    """A sensitive sum of atoms, with its upper and lower protection level (`thresholds.ProtectionLevels`)."""

    cell: Cell
    atoms: tuple[int, ...]
    upper: int
    lower: int


@dataclass(frozen=True)
class System:
    """The system of one population. Atoms are numbered from 0.

    By atom: `spans` are its first and last day, `persons` its number of persons, `headroom` how many more it can have
    (infinite where nothing limits it). `equal_sums` are pairs of groups of atoms with equal sums. `sums` are, by
    published cell, the atoms that it is the sum of. `targets` are the sums to protect, shortest periods first.
    """

    name: str
    spans: tuple[tuple[date, date], ...]
    persons: tuple[float, ...]
    headroom: tuple[float, ...]
    equal_sums: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    sums: Mapping[Cell, tuple[int, ...]]
    targets: tuple[Target, ...]


def systems(rows: Iterable[Row], kpis: Mapping[str, CatalogKpi], today: date) -> list[System]:
    """The systems of all populations, in the order of their names, from the candidate rows of every protected KPI.

    Only cells whose period ended before today are targets: the final values of others aren't known yet.
    """
    rows = list(rows)
    kpis = _of_one_group_where_nobody_remains(rows, kpis)
    populations: dict[str, list[tuple[Row, PersonCount]]] = defaultdict(list)
    for row in rows:
        kpi = kpis[row["kpi_id"]]
        if is_counted(row, kpi):
            for count in kpi.person_counts:
                populations[count.group].append((row, count))
    return [_system(name, populations[name], kpis, today) for name in sorted(populations)]


def _of_one_group_where_nobody_remains(rows: Iterable[Row], kpis: Mapping[str, CatalogKpi]) -> dict[str, CatalogKpi]:
    """The KPIs, where those without a rest have one group of persons in place of two.

    The rest are the persons of the denominator who aren't in the numerator. The attacker is assumed to know how large
    it is, so a witness can raise the numerator by no more than the rest. If the rest is empty in every cell, no witness
    could raise any number. But then numerator and denominator are the same persons. They become one group, in one
    system with the KPIs that count the denominator. If another KPI counts the numerator's group too, the groups stay
    apart, because that KPI may have a rest in other cells.
    """
    numbers: dict[str, list[tuple[int | None, int | None]]] = defaultdict(list)
    for row in rows:
        if kpis[row["kpi_id"]].nested_persons:
            numbers[row["kpi_id"]].append((row["n_persons_numerator"], row["n_persons_denominator"]))
    counted_by: dict[str, set[str]] = defaultdict(set)
    for kpi_id, kpi in kpis.items():
        for count in kpi.person_counts:
            counted_by[count.group].add(kpi_id)
    merged = dict(kpis)
    for kpi_id, pairs in numbers.items():
        kpi = kpis[kpi_id]
        of_role = {count.role: count for count in kpi.person_counts}
        numerator, denominator = of_role.get("numerator"), of_role.get("denominator")
        if (
            numerator is not None
            and denominator is not None
            and numerator.stock == denominator.stock
            and counted_by[numerator.group] == {kpi_id}
            and all(part is not None and part == whole for part, whole in pairs)
        ):
            counts = tuple(
                count.model_copy(update={"group": denominator.group}) if count.group == numerator.group else count
                for count in kpi.person_counts
            )
            merged[kpi_id] = kpi.model_copy(update={"nested_persons": False, "person_counts": counts})
    return merged


def with_wider_groups(rows: Iterable[Row], kpis: Mapping[str, CatalogKpi]) -> list[Row]:
    """The rows, with WIDER where a KPI counts the group that the row's KPI is `part_of`, for the same cell."""
    rows = list(rows)
    wider = {kpi.part_of for kpi in kpis.values()}
    persons = {
        (count.group, *cell_of(row)[1:]): row[f"n_persons_{count.role}"]
        for row in rows
        for count in kpis[row["kpi_id"]].person_counts
        if count.group in wider and count.role != "n_obs"
    }
    return [
        row if number is None else {**row, WIDER: number}
        for row in rows
        for number in [persons.get((kpis[row["kpi_id"]].part_of or "", *cell_of(row)[1:]))]
    ]


def cell_of(row: Row) -> Cell:
    """The row's cell."""
    return Cell(row["kpi_id"], row["freq"], row["time_period"], row["segment"], row["member"])


def _system(
    name: str, counted_rows: Sequence[tuple[Row, PersonCount]], kpis: Mapping[str, CatalogKpi], today: date
) -> System:
    """The system of a population, from the rows that count it."""
    atoms = _Atoms(counted_rows, kpis)
    sums: dict[Cell, tuple[int, ...]] = {}
    targets = []
    for row, count in counted_rows:
        cell, cell_atoms = cell_of(row), atoms.of_cell(row, count)
        if not cell_atoms:
            continue
        if row["freq"] != PART_OF_WEEK:
            sums[cell] = cell_atoms
        for levels in protection_levels(row, kpis[row["kpi_id"]]) if row["period_end"] < today else ():
            if levels.role == count.role:
                targets.append(Target(cell, cell_atoms, levels.upper, levels.lower))
    return System(
        name,
        tuple(atoms.spans[span] for span, _ in atoms.keys),
        tuple(atoms.persons[key] for key in atoms.keys),
        tuple(atoms.headroom.get(key, float("inf")) for key in atoms.keys),
        tuple(atoms.equal_sums),
        sums,
        tuple(sorted(targets, key=lambda target: (ATOM_FREQS.index(target.cell.freq), target.cell))),
    )


class _Atoms:
    """The atoms of a population: one for every member in every span of time, and for the total where it isn't cut.

    `keys` gives each atom's (index of its span in `spans`, place). `atoms_of` gives the atoms of every such key; those
    of a total are the members of one segment. `persons` and `headroom` are those of `System`, by key; where several
    KPIs count the same persons, the smallest number.
    """

    def __init__(self, counted_rows: Sequence[tuple[Row, PersonCount]], kpis: Mapping[str, CatalogKpi]) -> None:
        stocks = any(count.stock for _, count in counted_rows)
        freqs = {row["freq"] for row, _ in counted_rows} - ({PART_OF_WEEK} if stocks else set())
        self.freq = next(freq for freq in ATOM_FREQS if freq in freqs)
        atom_rows = [(row, count) for row, count in counted_rows if row["freq"] == self.freq]
        self.spans = sorted({(row["period_start"], row["period_end"]) for row, _ in atom_rows})
        self.starts, self.ends = [start for start, _ in self.spans], [end for _, end in self.spans]
        self.persons: dict[tuple[int, Place], float] = {}
        self.headroom: dict[tuple[int, Place], float] = {}
        for row, count in atom_rows:
            if count.role == "n_obs":
                continue  # the row has no n_persons_n_obs
            key = bisect_left(self.starts, row["period_start"]), (row["segment"], row["member"])
            n_persons = float(row[f"n_persons_{count.role}"] or 0)
            self.persons[key] = min(n_persons, self.persons.get(key, n_persons))
            for complement in complements(row, kpis[row["kpi_id"]]) if count.role == "numerator" else ():
                self.headroom[key] = min(float(complement), self.headroom.get(key, float("inf")))
        self.keys: list[tuple[int, Place]] = []
        self.equal_sums: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        self.atoms_of: dict[tuple[int, Place], tuple[int, ...]] = {}
        segments: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        cut_spans = {span for span, place in self.persons if place != TOTAL}
        for span, place in sorted(self.persons):
            if place != TOTAL or span not in cut_spans:
                segments[span][place[0]].append(len(self.keys))
                self.atoms_of[span, place] = (len(self.keys),)
                self.keys.append((span, place))
        for span, by_segment in segments.items():
            first_segment, *other_segments = (tuple(atoms) for atoms in by_segment.values())
            self.atoms_of[span, TOTAL] = first_segment
            self.equal_sums += [(first_segment, segment) for segment in other_segments]
        self._link_combinations()

    def _link_combinations(self) -> None:
        """Each member of a segment has as many persons as the members of a combination that have it as their part."""
        parts: dict[tuple[int, Place], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for atom, (span, (segment, member)) in enumerate(self.keys):
            if is_combination(segment):
                for place in zip(parts_of(segment), member_parts(member), strict=True):
                    parts[span, place][segment].append(atom)
        for key, by_combination in parts.items():
            if key in self.atoms_of:
                self.equal_sums += [(self.atoms_of[key], tuple(atoms)) for atoms in by_combination.values()]

    def of_cell(self, row: Row, count: PersonCount) -> tuple[int, ...]:
        """The atoms that add up to the cell; empty if no atoms do.

        For a flow they are the atoms of its whole period. For a stock, and for a week where atoms are coarser than
        weeks, they are the atoms of the span with its last day.
        """
        last = bisect_right(self.starts, row["period_end"]) - 1
        if row["freq"] == PART_OF_WEEK != self.freq:
            spans = range(0)
        elif count.stock or (row["freq"] == "W" and self.freq not in ("W", PART_OF_WEEK)):
            spans = range(last, last + 1) if last >= 0 and self.ends[last] >= row["period_end"] else range(0)
        else:
            spans = range(bisect_left(self.starts, row["period_start"]), bisect_right(self.ends, row["period_end"]))
        place = row["segment"], row["member"]
        return tuple(atom for span in spans for atom in self.atoms_of.get((span, place), ()))
