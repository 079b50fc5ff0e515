"""The HR system: who is employed, moves, gets a rise and leaves. Absences are in `absences.py`."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt

from sample_company.simulator.business import COUNTRIES, CURRENCIES, pick
from sample_company.simulator.files import SourceFolder
from sample_company.simulator.sales.customers import FIRST_NAMES, LAST_NAMES
from sample_company.simulator.timeline import Days, Month, Span

STAFF = 628
DEPARTMENTS = ("Logistics", "Customer Service", "Stores", "Technology", "Marketing & Sales", "Finance & HR")
DEPARTMENT_SHARES = np.array([0.26, 0.17, 0.19, 0.15, 0.13, 0.10])
STAFF_SHARES = np.array([0.58, 0.17, 0.14, 0.11])
"""Of the countries."""
WOMEN = np.array([0.36, 0.56, 0.58, 0.32, 0.52, 0.62])
OTHER_SEX_SHARE = 0.004
MONTHLY_PAY = np.array([33_500, 33_000, 31_500, 44_500, 40_500, 41_500])
"""SEK, of each department."""
PAY_SPREAD = 0.15
WOMENS_PAY = 0.935
COUNTRY_PAY = np.array([1.0, 1.16, 1.18, 1.02])
LOCAL_PER_SEK = np.array([1.0, 1 / 0.98, 1 / 1.53, 1 / 11.4])
MONTHLY_HOURS = np.array([165.0, 162.5, 160.3, 162.0])
"""Contracted hours a month, of each country."""
RISE, WOMENS_EXTRA_RISE = 0.030, 0.0015
REVISION_MONTH = 4

LEAVERS = (5, 6, 7, 8, 9, 10)
GROWTH = (0, 1, 1, 2)
MOVES = 4
LEAVING = np.array([1.1, 1.35, 1.15, 0.8, 0.85, 0.65])
"""Relative chance to leave, of each department."""
SEXES = ("Female", "Male", "Other")
REASONS = ("Resigned", "Retired", "Dismissed", "Contract ended")
REASON_SHARES = np.array([0.70, 0.12, 0.08, 0.10])
STAYS = np.datetime64("NaT", "D")
WHO = ("employee_id", "name", "personal_number", "sex", "country", "department", "hired_on")
TERMS = ("valid_from", "valid_to", "monthly_salary", "currency", "monthly_hours", "leave_reason")


class Staff:
    """All employees by index, as of the last simulated month, and their spells (times in one position) so far."""

    def __init__(self, span: Span) -> None:
        self._span = span
        rng = span.rng("employees")
        start = np.datetime64(span.start)
        revision = np.datetime64(date(span.start.year - (span.start.month <= REVISION_MONTH), REVISION_MONTH, 1))
        self.country = self.sex = self.department = np.empty(0, dtype=np.int64)
        self.salary = np.empty(0)
        self.hired: Days = np.empty(0, dtype="datetime64[D]")
        self.left: Days = np.empty(0, dtype="datetime64[D]")
        self.reason = np.empty(0, dtype=np.int64)
        self.first_department = np.empty(0, dtype=np.int64)
        self._spells: list[tuple[npt.NDArray[np.int64], Days, npt.NDArray[np.int64], npt.NDArray[np.float64]]] = []
        days_ago = np.sort((120 + rng.exponential(1700, STAFF)).clip(max=9000).astype(np.int64))[::-1]
        self._hire(rng, pick(rng, STAFF, DEPARTMENT_SHARES), start - days_ago, since=revision)

    def employed(self, day: np.datetime64) -> npt.NDArray[np.bool_]:
        """Who is under contract on a day."""
        return np.asarray((self.hired <= day) & ~(self.left <= day))

    def run(self, month: Month) -> None:
        """What happens in a month: leaving, hiring, the yearly revision of pay, and moves to other departments."""
        rng = self._span.rng("employees", month)
        first = month.days[0]
        settled = self.employed(first) & np.isnat(self.left) & (self.hired < first - 90)
        count = int(rng.choice(LEAVERS))
        chance = LEAVING[self.department] * settled
        leavers = rng.choice(len(chance), count, replace=False, p=chance / chance.sum())
        self.left[leavers] = first + rng.integers(1, len(month.days), count)
        self.reason[leavers] = pick(rng, count, REASON_SHARES)

        if month.month == REVISION_MONTH:
            self._revise_pay(rng, first)
        settled[leavers] = False
        movers = rng.choice(np.flatnonzero(settled), MOVES, replace=False)
        self.department[movers] = pick(rng, MOVES, DEPARTMENT_SHARES)
        self.salary[movers] *= 1.02
        self._open_spells(movers, np.full(MOVES, month.days[14]))

        vacancies = np.concatenate([self.department[leavers], pick(rng, int(rng.choice(GROWTH)), DEPARTMENT_SHARES)])
        self._hire(rng, vacancies, first + rng.integers(0, len(month.days), len(vacancies)), since=first)

    def _revise_pay(self, rng: np.random.Generator, day: np.datetime64) -> None:
        employed = np.flatnonzero(self.employed(day))
        rise = RISE + WOMENS_EXTRA_RISE * (self.sex[employed] == 0) + rng.normal(0, 0.008, len(employed))
        self.salary[employed] *= 1 + rise.clip(0, 0.08)
        self._open_spells(employed, np.full(len(employed), day))

    def _hire(
        self, rng: np.random.Generator, department: npt.NDArray[np.int64], hired: Days, since: np.datetime64
    ) -> None:
        """Add employees who are hired on these days, with random country, sex and pay; spells begin at `since`."""
        count, before = len(department), len(self.country)
        country = pick(rng, count, STAFF_SHARES)
        is_woman = rng.random(count) < WOMEN[department]
        sex = np.where(rng.random(count) < OTHER_SEX_SHARE, 2, np.where(is_woman, 0, 1))
        years = max(self._span_years(since), 0)
        level = (1 + RISE) ** years * np.where(sex == 0, WOMENS_PAY, 1.0) * rng.lognormal(0, PAY_SPREAD, count)
        salary = MONTHLY_PAY[department] * COUNTRY_PAY[country] * level * LOCAL_PER_SEK[country]
        self.country = np.concatenate([self.country, country])
        self.sex = np.concatenate([self.sex, sex])
        self.department = np.concatenate([self.department, department])
        self.first_department = np.concatenate([self.first_department, department])
        self.salary = np.concatenate([self.salary, salary])
        self.hired = np.concatenate([self.hired, hired])
        self.left = np.concatenate([self.left, np.full(count, STAYS)])
        self.reason = np.concatenate([self.reason, np.full(count, -1)])
        self._open_spells(np.arange(before, before + count), np.maximum(hired, since))

    def _span_years(self, day: np.datetime64) -> int:
        """How many revisions of pay there were since the one of April 2023."""
        month = day.astype("datetime64[M]").astype(np.int64)
        return int((month - np.datetime64("2023-04").astype(np.int64)) // 12)

    def _open_spells(self, who: npt.NDArray[np.int64], since: Days) -> None:
        self._spells.append((who, since, self.department[who].copy(), self.salary[who].copy()))

    def write(self, folder: SourceFolder) -> None:
        """hr/employees.xlsx: one row per spell, `valid_to` its last day, as known at the last simulated day."""
        until = np.datetime64(self._span.until)
        who, since, department, salary = (np.concatenate(parts) for parts in zip(*self._spells, strict=True))
        order = np.lexsort((since, who))
        who, since, department, salary = who[order], since[order], department[order], salary[order]
        is_last = np.append(who[1:] != who[:-1], True)
        one_day = np.timedelta64(1, "D")
        valid_to = np.where(is_last, self.left[who], np.append(since[1:], STAYS)) - one_day
        valid_to = np.where(valid_to <= until, valid_to, STAYS)
        reason = np.where(is_last & ~np.isnat(valid_to), self.reason[who], -1)
        # One row of numbers per employee: who comes later doesn't rename anyone.
        drawn = self._span.rng("employee names").random((len(self.country), 3))
        first = (drawn[:, 0] * len(FIRST_NAMES)).astype(np.int64)
        last = (drawn[:, 1] * len(LAST_NAMES)).astype(np.int64)
        births = self.hired - ((19 + 16 * drawn[:, 2]) * 365).astype(np.int64)
        step = np.array([100, 100, 100, 10])[self.country[who]]
        pay = (np.round(salary / step) * step).astype(int).tolist()
        rows = (
            (
                employee_id(i),
                f"{FIRST_NAMES[first[i]]} {LAST_NAMES[last[i]]}",
                f"{births[i].astype(object):%Y%m%d}-{i:04}",
                SEXES[self.sex[i]],
                COUNTRIES[self.country[i]],
                DEPARTMENTS[department[row]],
                self.hired[i].astype(object),
                since[row].astype(object),
                valid_to[row].astype(object),
                pay[row],
                CURRENCIES[self.country[i]],
                float(MONTHLY_HOURS[self.country[i]]),
                REASONS[reason[row]] if reason[row] >= 0 else None,
            )
            for row, i in enumerate(who.tolist())
            if since[row] <= until
        )
        folder.excel("hr/employees.xlsx", "Employees", (*WHO, *TERMS), rows, self._span.until)


MONTHS_AHEAD = 7


def staff_ahead(span: Span) -> Staff:
    """The same staff some months after the last day: with future hires and leavers."""
    staff = Staff(span)
    month = Month.of(span.start)
    last = Month.of(span.until).number + MONTHS_AHEAD
    while month.number <= last:
        staff.run(month)
        month = month.next()
    return staff


def employee_id(index: int) -> str:
    """The number that the HR system gives an employee."""
    return f"E{index + 1001:05}"
