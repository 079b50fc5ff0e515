"""The quarterly survey of the staff. It comes before what happens.

Whoever will resign answers less gladly, and so do all before a quarter in which many leave.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sample_company.simulator.business import Floats
from sample_company.simulator.files import SourceFolder
from sample_company.simulator.people.staff import Staff, employee_id
from sample_company.simulator.timeline import Month, Span

WAVES = (2, 5, 8, 11)
"""The months in which it is held."""
FIRST_DAY, DAYS = 5, 14
ANSWERING = 0.76
ITEMS = ("proud", "motivated", "growth", "trust", "recognised", "stay")
GLADNESS = np.array([1.25, 0.95, 0.55, 1.05, 0.65, 0.95])
"""Log odds of a favourable answer to each item."""
BY_DEPARTMENT = np.array([-0.25, -0.30, -0.05, 0.25, 0.20, 0.25])
USUAL_LEAVING, WEIGHT_OF_LEAVING = 0.0350, 40.0
"""Share of the staff that leaves in an ordinary quarter; log odds lost for each share more in the quarter to come."""
BEFORE_RESIGNING, MONTHS_BEFORE = 1.6, 6
"""Log odds lost by whoever resigns within so many months."""
PERSONS_SPREAD = 0.55
BLANK = 0.02
RESIGNED = 0
COLUMNS = ("wave", "employee_id", "submitted_on", "recommend", *ITEMS)


class Survey:
    """The answers so far; `run` follows the staff's month. `ahead` are the same staff, some months later."""

    def __init__(self, span: Span, staff: Staff, ahead: Staff) -> None:
        self._span = span
        self._staff = staff
        self._ahead = ahead
        self._rows: list[tuple[Any, ...]] = []

    def run(self, month: Month) -> None:
        """Hold the survey, in the months in which it is held."""
        if month.month not in WAVES:
            return
        rng = self._span.rng("survey", month)
        first = month.days[FIRST_DAY - 1]
        mood = self._mood(month)
        asked = np.flatnonzero(self._staff.employed(first))
        answering = asked[rng.random(len(asked)) < ANSWERING + 0.03 * np.tanh(mood[asked])]
        days = first + rng.integers(0, DAYS, len(answering))
        recommend = np.round(7.75 + 1.15 * mood[answering] + rng.normal(0, 1.5, len(answering))).clip(0, 10)
        is_favourable = rng.random((len(answering), len(ITEMS))) < _share(mood[answering][:, None] + GLADNESS)
        score = np.where(
            is_favourable, rng.integers(4, 6, is_favourable.shape), rng.integers(1, 4, is_favourable.shape)
        )
        blank = rng.random((len(answering), len(ITEMS) + 1)) < BLANK
        scores = np.column_stack([recommend.astype(np.int64), score])
        wave = f"{month.year}-Q{(month.month + 2) // 3}"
        left = self._staff.left[answering]
        for index, day, values, blanks, gone in zip(
            answering.tolist(), days, scores.tolist(), blank, left, strict=True
        ):
            if day <= np.datetime64(self._span.until) and not gone <= day:
                cells = (None if is_blank else value for value, is_blank in zip(values, blanks, strict=True))
                self._rows.append((wave, employee_id(index), day.astype(object), *cells))

    def _mood(self, month: Month) -> Floats:
        """Log odds that each employee adds to a favourable answer."""
        staff, left = self._staff, self._ahead.left
        count = len(staff.hired)
        next_quarter = np.datetime64(month.next().next().first)
        after = np.datetime64(next_quarter.astype("datetime64[M]") + 3, "D")
        leaving = ((left >= next_quarter) & (left < after)).sum() / staff.employed(month.days[0]).sum()
        resigns = (self._ahead.reason == RESIGNED) & (left <= month.days[0] + 30 * MONTHS_BEFORE)
        # One number per employee: who comes later doesn't change anyone's.
        temper: npt.NDArray[np.float64] = self._span.rng("tempers").normal(0, PERSONS_SPREAD, count)
        mood: Floats = (
            temper
            + BY_DEPARTMENT[staff.department]
            - WEIGHT_OF_LEAVING * (leaving - USUAL_LEAVING)
            - BEFORE_RESIGNING * resigns[:count]
        )
        return mood

    def write(self, folder: SourceFolder) -> None:
        """hr/pulse_survey.xlsx: one row per employee and wave."""
        folder.excel("hr/pulse_survey.xlsx", "Answers", COLUMNS, self._rows, self._span.until)


def _share(log_odds: Floats) -> Floats:
    shares: Floats = 1 / (1 + np.exp(-log_odds))
    return shares
