"""The learning platform: courses that employees complete."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sample_company.simulator.business import pick
from sample_company.simulator.files import SourceFolder
from sample_company.simulator.people.staff import Staff, employee_id
from sample_company.simulator.timeline import OFFICE, Month, Span, instants

# Course: (minutes, share of completions)
COURSES = {
    "Fire safety": (60, 0.15),
    "Data protection": (45, 0.15),
    "Forklift licence": (960, 0.10),
    "Leading others": (840, 0.14),
    "Spreadsheets": (240, 0.16),
    "First aid": (180, 0.15),
    "Product knowledge": (360, 0.15),
}
A_MONTH, YEARLY_MORE = 0.30, 1.04
"""Courses of an employee in an ordinary month of 2023, and how they grow by the year."""
# From January to December.
SEASON = np.array([1.1, 1.2, 1.2, 1.1, 1.0, 0.7, 0.2, 0.8, 1.3, 1.3, 1.2, 0.6])
BY_DEPARTMENT = np.array([0.8, 1.0, 0.8, 1.5, 1.2, 1.2])


def write_completions(folder: SourceFolder, span: Span, month: Month, staff: Staff) -> None:
    """lms/completions_<month>.jsonl: the courses completed in a month; times are UTC."""
    rng = span.rng("training", month)
    employed = staff.employed(month.days[0])
    usual = A_MONTH * YEARLY_MORE ** (month.year - 2023) * SEASON[month.month - 1] * BY_DEPARTMENT[staff.department]
    who = np.repeat(np.arange(len(employed)), np.where(employed, rng.poisson(usual), 0))
    day = rng.choice(np.array([d for d in month.days if np.is_busday(d)]), len(who))
    course = pick(rng, len(who), np.array([share for _, share in COURSES.values()]))
    at = instants(rng, day, OFFICE)
    order = np.argsort(at, kind="stable")
    who, day, course, at = who[order], day[order], course[order], at[order]
    here = ~(staff.left[who] <= day) & (at < span.end)
    names, minutes = list(COURSES), np.array([length for length, _ in COURSES.values()])
    table = pa.table(
        {
            "completion_id": pa.array([f"C{month.code}-{number:04}" for number in range(1, len(who) + 1)]),
            "employee_id": pa.array([employee_id(index) for index in who.tolist()], pa.string()),
            "course": pa.array([names[index] for index in course.tolist()], pa.string()),
            "completed_at": pa.array(np.datetime_as_string(at, unit="s"), pa.string()),
            "duration_minutes": minutes[course],
        }
    ).filter(pa.array(here))
    folder.jsonl(f"lms/completions_{month.code}.jsonl", table.to_pandas(), span.newest(month))
