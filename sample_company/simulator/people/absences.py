"""The HR system's absences: sickness, care of children, and holidays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sample_company.simulator.business import pick, weekday
from sample_company.simulator.files import SourceFolder
from sample_company.simulator.people.staff import Staff, employee_id
from sample_company.simulator.timeline import Days, Month, Span

TYPES = ("sick", "care_of_child", "holiday")
CHILD_SHARE = 0.15
FALLING_ILL = 0.29
"""Chance of an employee to begin an unplanned absence in a month."""
# From January to December.
ILLNESS = np.array([1.12, 1.20, 1.12, 1.00, 0.94, 0.86, 0.76, 0.88, 0.98, 1.05, 1.08, 1.02])
ON_HOLIDAY = np.array([0.05, 0.14, 0.06, 0.14, 0.10, 0.15, 0.70, 0.25, 0.06, 0.14, 0.05, 0.40])
HOLIDAY_DAYS = np.array([7, 7, 7, 7, 5, 12, 21, 12, 5, 7, 5, 10])
LONG_SHARE = 0.055
ILLNESS_BY_DEPARTMENT = np.array([1.15, 1.20, 1.08, 0.80, 0.82, 0.85])
START_WEEK = np.array([1.5, 1.1, 1.0, 0.9, 0.7, 0.0, 0.0])
COLUMNS = ("absence_id", "employee_id", "type", "first_day", "last_day")


class Absences:
    """The absences so far; `run` follows the staff's month."""

    def __init__(self, span: Span, staff: Staff) -> None:
        self._span = span
        self._staff = staff
        self._back = np.empty(0, dtype="datetime64[D]")
        self._rows: list[tuple[str, int, int, np.datetime64, np.datetime64]] = []

    def run(self, month: Month) -> None:
        """The absences that begin in a month. Nobody is away for two reasons on one day."""
        rng = self._span.rng("absences", month)
        staff, first = self._staff, month.days[0]
        newcomers = len(staff.hired) - len(self._back)
        self._back = np.concatenate([self._back, np.full(newcomers, first)])
        employed = staff.employed(first)

        chance = FALLING_ILL * ILLNESS[month.month - 1] * ILLNESS_BY_DEPARTMENT[staff.department]
        ill = np.flatnonzero((rng.random(len(employed)) < chance) & employed)
        long = rng.random(len(ill)) < LONG_SHARE
        length = np.where(long, 11 + rng.exponential(15, len(ill)).astype(np.int64), 1 + rng.poisson(1.5, len(ill)))
        kind = (rng.random(len(ill)) < CHILD_SHARE) & ~long
        ill_from = _starts(rng, month, len(ill))

        away = np.flatnonzero((rng.random(len(employed)) < ON_HOLIDAY[month.month - 1]) & employed)
        away_from = _starts(rng, month, len(away))
        away_length = np.full(len(away), HOLIDAY_DAYS[month.month - 1])

        self._book(
            month,
            np.concatenate([ill, away]),
            np.concatenate([kind.astype(np.int64), np.full(len(away), 2)]),
            np.concatenate([ill_from, away_from]),
            np.concatenate([length, away_length]),
        )

    def _book(
        self,
        month: Month,
        who: npt.NDArray[np.int64],
        kind: npt.NDArray[np.int64],
        start: Days,
        length: npt.NDArray[np.int64],
    ) -> None:
        """Record the month's absences by their start, except of people who are already away or have left."""
        number = 0
        for row in np.lexsort((kind, start)).tolist():
            employee, begins = who[row], start[row]
            left = self._staff.left[employee]
            if begins < self._back[employee] or begins >= left:
                continue
            back = begins + length[row]
            if not np.isnat(left):
                back = min(back, left)
            self._back[employee] = back
            number += 1
            name = f"A{month.year % 100}{month.month:02}{number:04}"
            self._rows.append((name, int(employee), int(kind[row]), begins, back - np.timedelta64(1, "D")))

    def write(self, folder: SourceFolder) -> None:
        """hr/absences.xlsx: one row per absence that has begun; one that lasts is reported up to the last day."""
        until = np.datetime64(self._span.until)
        rows = (
            (name, employee_id(employee), TYPES[kind], begins.astype(object), min(ends, until).astype(object))
            for name, employee, kind, begins, ends in self._rows
            if begins <= until
        )
        folder.excel("hr/absences.xlsx", "Absences", COLUMNS, rows, self._span.until)


def _starts(rng: np.random.Generator, month: Month, count: int) -> Days:
    return np.asarray(month.days[pick(rng, count, START_WEEK[weekday(month.days)])])
