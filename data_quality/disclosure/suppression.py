"""Secondary suppression: the further cells to suppress so that no sensitive number of persons can be computed.

A sensitive number is safe when it has two witnesses: alternative populations that agree with everything published, in
which the number is higher by its upper and lower by its lower protection level. Small integer programs find a witness
that changes as little as possible of what could still be published, and the cells that it changes are suppressed.
Suppressing more cells never invalidates a witness, so that each remains the proof that its number is safe.
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

# The change from the true population to another one: of the number of persons of every atom, by the atom's number.
Change = npt.NDArray[np.float64]


def protect(system: System, published_cells: Collection[Cell], costs: Mapping[Cell, float]) -> set[Cell]:
    """The cells to suppress, chosen from those in `costs`, which has the cost of suppressing each.

    `published_cells` are those that are published already, and so all that the attacker knows. If they reveal so much
    that a sensitive number can't be protected, all cells of `costs` in its period are suppressed, so that nothing more
    is revealed.
    """
    search = _Search(system, published_cells, costs)
    for number, target in enumerate(system.targets):
        first, last = search.days(target.atoms)
        years = {period_of("A", first).start, period_of("A", last).start}
        if target.cell in published_cells or not years & search.years:
            continue  # the target is published already, or this release has no cell in its years
        for sign, level in ((1, target.upper), (-1, target.lower)):
            if (number, sign) not in search.proved and not search.suppress_for(target, sign * level):
                search.suppress_all(first, last)
    return search.suppressed


class _Search:
    """Suppresses cells for one target after another; keeps the cells suppressed so far and the levels proved so far.

    `proved` has (number of the target, sign): 1 for its upper, -1 for its lower protection level.
    """

    def __init__(self, system: System, published_cells: Collection[Cell], costs: Mapping[Cell, float]) -> None:
        self.system, self.published_cells, self.costs = system, published_cells, costs
        targets, n_atoms = system.targets, len(system.spans)
        self.cells = [cell for cell in sorted(costs) if cell in system.sums]
        self.cell_matrix = _matrix([dict.fromkeys(system.sums[cell], 1.0) for cell in self.cells], n_atoms)
        self.years = {
            period_of("A", day).start for cell in self.cells for atom in system.sums[cell] for day in system.spans[atom]
        }
        self.target_matrix = _matrix([dict.fromkeys(target.atoms, 1.0) for target in targets], n_atoms)
        self.levels = {
            1: np.array([target.upper for target in targets]),
            -1: np.array([target.lower for target in targets]),
        }
        self.lowest, self.highest = -np.array(system.persons), np.array(system.headroom)
        self.programs: dict[tuple[date, date], _WitnessProgram] = {}
        self.suppressed: set[Cell] = set()
        self.proved: set[tuple[int, int]] = set()

    def days(self, atoms: tuple[int, ...]) -> tuple[date, date]:
        """The first and the last day of some atoms."""
        return self.system.spans[atoms[0]][0], max(self.system.spans[atom][1] for atom in atoms)

    def suppress_for(self, target: Target, amount: int) -> bool:
        """Suppress cells until readers can't exclude that the target is higher by the amount (or lower, if negative).

        Finds a witness, suppresses the cells that it changes, and records what the witness proves. The witness changes
        only atoms of the target's year. For a week it is first sought within the quarter.
        Returns False, and suppresses nothing, when there is no witness.
        """
        first, last = self.days(target.atoms)
        for freq in ("Q", "A") if target.cell.freq in (PART_OF_WEEK, "W") else ("A",):
            window = period_of(freq, first).start, period_of(freq, last).end
            if window not in self.programs:
                self.programs[window] = _WitnessProgram(self.system, self.published_cells, self.costs, *window)
            change = self.programs[window].witness(target, amount, self.suppressed)
            if change is not None:
                self.suppressed |= {self.cells[number] for number in np.flatnonzero(self.cell_matrix @ change)}
                self._add_proofs(change)
                self._add_proofs(-change)
                return True
        return False

    def suppress_all(self, first: date, last: date) -> None:
        """Suppress every cell whose atoms overlap these days."""
        for cell in self.cells:
            start, end = self.days(self.system.sums[cell])
            if start <= last and first <= end:
                self.suppressed.add(cell)

    def _add_proofs(self, change: Change) -> None:
        """Record every protection level that the change proves, if no atom gets fewer or more persons than possible."""
        if ((change >= self.lowest) & (change <= self.highest)).all():
            target_changes = self.target_matrix @ change
            for sign, levels in self.levels.items():
                proved_numbers = np.flatnonzero(sign * target_changes >= levels)
                self.proved |= {(int(number), sign) for number in proved_numbers}


class _WitnessProgram:
    """The integer program (an optimisation problem) that finds witnesses within a window of days.

    Its variables are the change of each atom in the window, and for each cell that may be suppressed the absolute
    change of its sum. Known cells and equal sums must not change. Atoms outside the window don't change. The objective
    is the cost of the cells that change.
    """

    def __init__(
        self, system: System, published_cells: Collection[Cell], costs: Mapping[Cell, float], first: date, last: date
    ) -> None:
        self.n_atoms = len(system.spans)
        self.atoms = [n for n, (start, end) in enumerate(system.spans) if first <= start and end <= last]
        self.column_of_atom = {atom: column for column, atom in enumerate(self.atoms)}
        columns_of_cell = {cell: columns for cell, atoms in system.sums.items() if (columns := self._columns(atoms))}
        self.free_cells = [cell for cell in columns_of_cell if cell in costs]
        self.costs = np.array([costs[cell] for cell in self.free_cells])
        unchanged = dict.fromkeys(columns for cell, columns in columns_of_cell.items() if cell in published_cells)
        equal_sums = [
            (self._columns(left), self._columns(right))
            for left, right in system.equal_sums
            if left[0] in self.column_of_atom
        ]
        rows: list[dict[int, float]] = [dict.fromkeys(columns, 1.0) for columns in unchanged]
        rows += [dict.fromkeys(left, 1.0) | dict.fromkeys(right, -1.0) for left, right in equal_sums]
        n_equal = len(rows)
        for column, cell in enumerate(self.free_cells, start=len(self.atoms)):  # absolute change >= ± change
            rows.append(dict.fromkeys(columns_of_cell[cell], 1.0) | {column: 1.0})  # >= 0
            rows.append(dict.fromkeys(columns_of_cell[cell], -1.0) | {column: 1.0})  # >= 0
        self.n_columns = len(self.atoms) + len(self.free_cells)
        upper = np.concatenate([np.zeros(n_equal), np.full(len(rows) - n_equal, np.inf)])
        self.constraint = LinearConstraint(_matrix(rows, self.n_columns), np.zeros(len(rows)), upper)
        self.bounds = Bounds(
            [-system.persons[atom] for atom in self.atoms] + [0.0] * len(self.free_cells),
            [system.headroom[atom] for atom in self.atoms] + [np.inf] * len(self.free_cells),
        )

    def _columns(self, atoms: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(self.column_of_atom[atom] for atom in atoms if atom in self.column_of_atom)

    def witness(self, target: Target, amount: int, suppressed: Collection[Cell]) -> Change | None:
        """The cheapest change that changes the target's sum by the amount; None when there is none.

        Changing a cell that is `suppressed` already costs nothing.
        """
        target_row = _matrix([dict.fromkeys(self._columns(target.atoms), 1.0)], self.n_columns)
        cell_costs = np.where([cell in suppressed for cell in self.free_cells], 0, self.costs)
        constraints = [self.constraint, LinearConstraint(target_row, amount, amount)]
        costs = np.concatenate([np.zeros(len(self.atoms)), cell_costs])
        # The linear relaxation mostly has an integer solution; only where it has none, integers are required.
        for integer in (0, 1):
            integrality = np.concatenate([np.full(len(self.atoms), integer), np.zeros(len(self.free_cells))])
            solution = milp(costs, constraints=constraints, bounds=self.bounds, integrality=integrality)
            if not solution.success:
                return None
            change = np.zeros(self.n_atoms)
            change[self.atoms] = np.round(solution.x[: len(self.atoms)])
            if np.abs(solution.x[: len(self.atoms)] - change[self.atoms]).max() < 1e-6:
                return change
        return None


def _matrix(rows: Sequence[Mapping[int, float]], n_columns: int) -> csr_array:
    """The sparse matrix with these rows, each given as its non-zero values by column."""
    entries = [(value, number, column) for number, row in enumerate(rows) for column, value in row.items()]
    values, row_numbers, columns = zip(*entries, strict=True) if entries else ((), (), ())
    return csr_array((values, (row_numbers, columns)), shape=(len(rows), n_columns))
