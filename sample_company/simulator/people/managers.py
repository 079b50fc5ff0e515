"""The HR system's org chart: who leads, at which level, from when to when."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sample_company.simulator.files import SourceFolder, labels
from sample_company.simulator.people.staff import DEPARTMENTS, STAYS, Staff, employee_id
from sample_company.simulator.timeline import Month, Span

LEVELS = ("L1", "L2", "L3")
STAFF_PER_MANAGER = np.array([70.0, 28.0, 10.0])
"""Employees of a department for each manager of a level."""
WOMENS_CHANCE, YEARLY_CHANCE = 0.75, 1.06
"""A woman's chance to be appointed relative to a man's, and how it grows by the year."""
TENURE_DAYS = 270
"""Nobody leads before."""


class Managers:
    """The management positions so far; `run` follows the staff's month."""

    def __init__(self, span: Span, staff: Staff) -> None:
        self._span = span
        self._staff = staff
        self._open: dict[int, int] = {}
        self._rows: list[tuple[int, int, np.datetime64]] = []

    def run(self, month: Month) -> None:
        """Whoever leads keeps the position until leaving the company; what is vacant on the 1st is filled that day."""
        rng = self._span.rng("managers", month)
        staff, first = self._staff, month.days[0]
        employed = staff.employed(first)
        self._open = {person: level for person, level in self._open.items() if employed[person]}
        leads = np.zeros(len(employed), dtype=bool)
        leads[list(self._open)] = True
        weights = np.where(staff.sex == 0, WOMENS_CHANCE * YEARLY_CHANCE ** (month.year - 2023), 1.0)
        for department in range(len(DEPARTMENTS)):
            here = employed & (staff.department == department)
            for level, per_manager in enumerate(STAFF_PER_MANAGER):
                n_managers = sum(
                    1 for person, at in self._open.items() if at == level and staff.department[person] == department
                )
                n_vacant = max(1, int(here.sum() / per_manager)) - n_managers
                eligible = np.flatnonzero(here & ~leads & (staff.hired <= first - TENURE_DAYS))
                for person in _drawn(rng, eligible, weights, n_vacant):
                    self._open[person] = level
                    leads[person] = True
                    self._rows.append((person, level, first))

    def write(self, folder: SourceFolder) -> None:
        """hr/org_chart.csv: one row per position, `valid_to` its last day, as known at the last simulated day."""
        until = np.datetime64(self._span.until)
        person, level, since = (np.array(column) for column in zip(*self._rows, strict=True))
        last = self._staff.left[person] - np.timedelta64(1, "D")
        table = pa.table(
            {
                "employee_id": pa.array([employee_id(index) for index in person.tolist()]),
                "level": labels(level, LEVELS),
                "valid_from": since,
                "valid_to": np.where(last <= until, last, STAYS),
            }
        )
        folder.csv("hr/org_chart.csv", table, self._span.until, delimiter=";")


def _drawn(
    rng: np.random.Generator, eligible: npt.NDArray[np.int64], weights: npt.NDArray[np.float64], n_vacant: int
) -> list[int]:
    """Draw a person for each vacancy, as far as there are eligible ones; none if more managers lead than are needed.

    `eligible` are numbers of persons; `weights` has the relative chance of every person, by number.
    """
    count = min(max(n_vacant, 0), len(eligible))
    chances = weights[eligible] / weights[eligible].sum()
    return [int(person) for person in rng.choice(eligible, count, replace=False, p=chances)] if count else []
