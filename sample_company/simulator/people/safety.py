"""Hours worked, and the injuries that happen in them."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sample_company.simulator.business import COUNTRIES, Floats, pick
from sample_company.simulator.files import SourceFolder, labels
from sample_company.simulator.people.staff import DEPARTMENTS, MONTHLY_HOURS, Staff, employee_id
from sample_company.simulator.timeline import Days, Month, Span

# Share of the contracted hours that is worked, from January to December.
WORKED = np.array([0.90, 0.86, 0.91, 0.88, 0.89, 0.86, 0.52, 0.84, 0.93, 0.90, 0.94, 0.84])
PER_MILLION_HOURS, YEARLY_SAFETY = 41.0, 0.95
"""Injuries in 2023, and how they get fewer by the year."""
RISK = np.array([2.3, 0.3, 1.1, 0.25, 0.25, 0.2])
"""Of each department."""
PEAK = {11: 1.4, 12: 1.5}
"""In the months with the most parcels."""
OUTCOMES = ("First aid", "Medical treatment", "Restricted work", "Days away")
OUTCOME_SHARES = np.array([0.26, 0.30, 0.14, 0.30])
MEAN_DAYS_AWAY = 9.0
COLUMNS = ("case_no", "employee_id", "occurred_on", "outcome", "days_away")


class Safety:
    """The injuries so far; `run` follows the staff's month."""

    def __init__(self, folder: SourceFolder, span: Span, staff: Staff) -> None:
        self._folder = folder
        self._span = span
        self._staff = staff
        self._rows: list[tuple[str, str, date, str, int]] = []

    def run(self, month: Month) -> None:
        """Write the month's hours once it is over, and record its injuries."""
        hours, days_here = self._hours(month)
        self._write_hours(month, hours)
        rng = self._span.rng("injuries", month)
        rate = PER_MILLION_HOURS * YEARLY_SAFETY ** (month.year - 2023) * PEAK.get(month.month, 1.0)
        injured = np.flatnonzero(rng.random(len(hours)) < hours * rate * RISK[self._staff.department] / 1e6)
        day = days_here[injured] + (rng.random(len(injured)) * 28).astype(np.int64)
        day = np.minimum(day, month.days[-1])
        outcome = pick(rng, len(injured), OUTCOME_SHARES)
        away = np.where(outcome == OUTCOMES.index("Days away"), rng.geometric(1 / MEAN_DAYS_AWAY, len(injured)), 0)
        here = self._staff.hired[injured] <= day
        here &= ~(self._staff.left[injured] <= day) & (day <= np.datetime64(self._span.until))
        for number, row in enumerate(np.argsort(day, kind="stable").tolist(), start=1):
            if here[row]:
                case = f"H{month.year % 100}{month.month:02}{number:02}"
                who = employee_id(int(injured[row]))
                self._rows.append((case, who, day[row].astype(object), OUTCOMES[outcome[row]], int(away[row])))

    def _hours(self, month: Month) -> tuple[Floats, Days]:
        """Hours of each employee in a month, and the first day of each in it."""
        rng = self._span.rng("hours", month)
        staff, first, after = self._staff, month.days[0], month.days[-1] + 1
        since = np.maximum(staff.hired, first)
        till = np.where(np.isnat(staff.left), after, np.minimum(staff.left, after))
        share = (till - since).astype(np.int64).clip(0) / len(month.days)
        worked = WORKED[month.month - 1] * rng.normal(1, 0.05, len(share)).clip(0.7, 1.2)
        return np.round(MONTHLY_HOURS[staff.country] * share * worked, 2), since

    def _write_hours(self, month: Month, hours: npt.NDArray[np.float64]) -> None:
        if month.last > self._span.until:
            return
        who = np.flatnonzero(hours > 0)
        table = pa.table(
            {
                "month": pa.repeat(month.first, len(who)),
                "employee_id": pa.array([employee_id(index) for index in who.tolist()]),
                "department": labels(self._staff.department[who], DEPARTMENTS),
                "country": labels(self._staff.country[who], COUNTRIES),
                "hours": hours[who],
            }
        )
        self._folder.parquet(f"hse/time_sheets_{month.code}.parquet", table, month.last)

    def write(self) -> None:
        """hse/injury_log.xlsx: one row per injury."""
        self._folder.excel("hse/injury_log.xlsx", "Cases", COLUMNS, self._rows, self._span.until)
