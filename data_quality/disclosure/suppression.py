"""Which further cells to hide so that no hidden number of persons can be worked out.

A hidden number is safe when there are witnesses for it: other states of the population that fit everything published,
and in which the number is as much higher, or lower, as is needed. Witnesses come from small integer programs, which
change as little as possible of what could still be published; what a witness changes is then hidden. Hiding more never
spoils a witness that was found before, so each stays the proof of its number's safety.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from data_quality.disclosure.system import Cell, System, Target
from metrics.core.periods import PART_OF_WEEK, period_of

Change = npt.NDArray[np.float64]  # of every atom of a system


def protect(system: System, known: Collection[Cell], costs: Mapping[Cell, float]) -> set[Cell]:
    """The cells to hide among those of `costs`, which says what hiding each of them costs.

    `known` are the cells that the public has, for good; of other ones it has nothing. Where so much is known that a
    number can't be protected, the cells of `costs` in its time are hidden, so that no more is told of it.
    """
    search = _Search(system, known, costs)
    for number, target in enumerate(system.targets):
        first, last = search.days(target.atoms)
        years = {period_of("A", first).start, period_of("A", last).start}
        if target.cell in known or not years & search.years:
            continue  # is public, or nothing can be told of it now
        for sign, need in ((1, target.up), (-1, target.down)):
            if (number, sign) not in search.proved and not search.prove(target, sign * need):
                search.hide_all(first, last)
    return search.hidden


class _Search:
    """What is hidden so far, and of which targets it is proved that they can be higher (1) or lower (-1)."""

    def __init__(self, system: System, known: Collection[Cell], costs: Mapping[Cell, float]) -> None:
        self.system, self.known, self.costs = system, known, costs
        self.cells = [cell for cell in sorted(costs) if cell in system.sums]
        self.told = _matrix([dict.fromkeys(system.sums[cell], 1.0) for cell in self.cells], len(system.spans))
        self.years = {
            period_of("A", day).start for cell in self.cells for atom in system.sums[cell] for day in system.spans[atom]
        }
        self.aims = _matrix([dict.fromkeys(one.atoms, 1.0) for one in system.targets], len(system.spans))
        self.needs = {sign: np.array([one.up if sign > 0 else one.down for one in system.targets]) for sign in (1, -1)}
        self.lowest, self.highest = -np.array(system.persons), np.array(system.room)
        self.programs: dict[tuple[date, date], _Program] = {}
        self.hidden: set[Cell] = set()
        self.proved: set[tuple[int, int]] = set()

    def days(self, atoms: tuple[int, ...]) -> tuple[date, date]:
        """The first and the last day of some atoms."""
        return self.system.spans[atoms[0]][0], max(self.system.spans[atom][1] for atom in atoms)

    def prove(self, target: Target, amount: int) -> bool:
        """Hide what must be so that the target could be another by the amount; False when nothing can make it so.

        The changes that prove it are kept within the year, and those of a week within its quarter where that will do.
        """
        first, last = self.days(target.atoms)
        for freq in ("Q", "A") if target.cell.freq in (PART_OF_WEEK, "W") else ("A",):
            window = period_of(freq, first).start, period_of(freq, last).end
            if window not in self.programs:
                self.programs[window] = _Program(self.system, self.known, self.costs, *window)
            change = self.programs[window].witness(target, amount, self.hidden)
            if change is not None:
                self.hidden |= {self.cells[n] for n in np.flatnonzero(self.told @ change)}
                self._proves(change)
                self._proves(-change)
                return True
        return False

    def hide_all(self, first: date, last: date) -> None:
        """Hide every cell that tells of any of these days."""
        for cell in self.cells:
            start, end = self.days(self.system.sums[cell])
            if start <= last and first <= end:
                self.hidden.add(cell)

    def _proves(self, change: Change) -> None:
        """Note every target of which the change is a witness, if it is possible at all."""
        if ((change >= self.lowest) & (change <= self.highest)).all():
            moved = self.aims @ change
            for sign, need in self.needs.items():
                self.proved |= {(int(number), sign) for number in np.flatnonzero(sign * moved >= need)}


class _Program:
    """The changes of the atoms within some days that the public couldn't notice, and what they cost.

    Variables are the change of each atom, and of each cell that may be hidden the size of its change.
    What lies outside these days stays as it is.
    """

    def __init__(
        self, system: System, known: Collection[Cell], costs: Mapping[Cell, float], first: date, last: date
    ) -> None:
        self.n_atoms = len(system.spans)
        self.atoms = [n for n, (start, end) in enumerate(system.spans) if first <= start and end <= last]
        self.column = {atom: number for number, atom in enumerate(self.atoms)}
        inside = {cell: columns for cell, atoms in system.sums.items() if (columns := self._columns(atoms))}
        self.open = [cell for cell in inside if cell in costs]
        self.costs = np.array([costs[cell] for cell in self.open])
        unmoved = dict.fromkeys(columns for cell, columns in inside.items() if cell in known)
        ties = [(self._columns(left), self._columns(right)) for left, right in system.ties if left[0] in self.column]
        rows: list[dict[int, float]] = [dict.fromkeys(columns, 1.0) for columns in unmoved]
        rows += [dict.fromkeys(left, 1.0) | dict.fromkeys(right, -1.0) for left, right in ties]
        n_equal = len(rows)
        for number, cell in enumerate(self.open, start=len(self.atoms)):
            rows.append(dict.fromkeys(inside[cell], 1.0) | {number: 1.0})  # >= 0
            rows.append(dict.fromkeys(inside[cell], -1.0) | {number: 1.0})  # >= 0
        self.width = len(self.atoms) + len(self.open)
        upper = np.concatenate([np.zeros(n_equal), np.full(len(rows) - n_equal, np.inf)])
        self.rules = LinearConstraint(_matrix(rows, self.width), np.zeros(len(rows)), upper)
        self.bounds = Bounds(
            [-system.persons[atom] for atom in self.atoms] + [0.0] * len(self.open),
            [system.room[atom] for atom in self.atoms] + [np.inf] * len(self.open),
        )

    def _columns(self, atoms: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(self.column[atom] for atom in atoms if atom in self.column)

    def witness(self, target: Target, amount: int, hidden: Collection[Cell]) -> Change | None:
        """A change by which the target's sum is another by the amount, at the least cost; None when there is none."""
        aim = _matrix([dict.fromkeys(self._columns(target.atoms), 1.0)], self.width)
        costs = np.where([cell in hidden for cell in self.open], 0, self.costs)
        constraints = [self.rules, LinearConstraint(aim, amount, amount)]
        costs = np.concatenate([np.zeros(len(self.atoms)), costs])
        # Mostly the solution is of whole persons by itself; only where it isn't, that must be asked for.
        for whole in (0, 1):
            integrality = np.concatenate([np.full(len(self.atoms), whole), np.zeros(len(self.open))])
            found = milp(costs, constraints=constraints, bounds=self.bounds, integrality=integrality)
            if not found.success:
                return None
            change = np.zeros(self.n_atoms)
            change[self.atoms] = np.round(found.x[: len(self.atoms)])
            if np.abs(found.x[: len(self.atoms)] - change[self.atoms]).max() < 1e-6:
                return change
        return None


def _matrix(rows: Sequence[Mapping[int, float]], width: int) -> csr_array:
    entries = [(value, number, column) for number, row in enumerate(rows) for column, value in row.items()]
    values, at_row, at_column = zip(*entries, strict=True) if entries else ((), (), ())
    return csr_array((values, (at_row, at_column)), shape=(len(rows), width))
