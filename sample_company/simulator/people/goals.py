"""The goals of teams and employees: each quarter, each for a KPI that it serves, each judged in the week after it."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from sample_company.simulator.files import SourceFolder
from sample_company.simulator.people.staff import DEPARTMENTS, Staff, employee_id
from sample_company.simulator.timeline import Month, Span

SERVED = (
    ("on_time_delivery", "order_cycle_time", "unit_cost"),
    ("csat", "repeat_purchase_rate"),
    ("net_revenue", "return_rate", "inventory_turns"),
    ("mttr", "conversion_rate"),
    ("cac", "roas", "new_customers"),
    ("absence_rate", "operating_cost_ratio"),
)
"""The KPIs that the goals of each department serve."""
TEAM_GOALS = 3
WITH_GOAL = 0.85
"""Share of the employees who have a goal of their own."""
ATTAINED = np.array([0.66, 0.70, 0.72, 0.62, 0.69, 0.75])
SPREAD, DROPPED = 0.18, 0.04
DAYS_TO_JUDGE = 7


class Goals:
    """The goals so far; `run` follows the staff's month."""

    def __init__(self, span: Span, staff: Staff) -> None:
        self._span = span
        self._staff = staff
        self._rows: list[tuple[str, str | None, str, str, str, str, float, float | None]] = []

    def run(self, month: Month) -> None:
        """Set the goals of a quarter in its first month, or in the first of all; their scores come after its end."""
        if month.month % 3 != 1 and month.first != self._span.start:
            return
        rng = self._span.rng("goals", month)
        due = Month(month.year, (month.month + 2) // 3 * 3).last
        of_all = rng.normal(0, 0.03)
        employed = np.flatnonzero(self._staff.employed(month.days[0]))
        owners = employed[rng.random(len(employed)) < WITH_GOAL]
        owner = np.concatenate([np.full(TEAM_GOALS * len(DEPARTMENTS), -1), owners])
        team = np.concatenate([np.repeat(np.arange(len(DEPARTMENTS)), TEAM_GOALS), self._staff.department[owners]])
        weight = np.where(owner < 0, 3.0, rng.choice([1.0, 2.0], len(owner)))
        score = np.round((ATTAINED[team] + of_all + rng.normal(0, SPREAD, len(owner))).clip(0, 1), 1)
        dropped = rng.random(len(owner)) < DROPPED
        choice = rng.random(len(owner))
        days_to_judge = rng.integers(1, DAYS_TO_JUDGE + 1, len(owner)).tolist()
        for number, (who, where) in enumerate(zip(owner.tolist(), team.tolist(), strict=True)):
            served = SERVED[where][int(choice[number] * len(SERVED[where]))]
            is_judged = due + timedelta(days=days_to_judge[number]) <= self._span.until
            is_shown = is_judged and not dropped[number]
            name = f"G{month.year % 100}{month.month:02}-{number + 1:04}"
            self._rows.append(
                (
                    name,
                    employee_id(who) if who >= 0 else None,
                    DEPARTMENTS[where],
                    served,
                    month.first.isoformat(),
                    due.isoformat(),
                    float(weight[number]),
                    float(score[number]) if is_shown else None,
                )
            )

    def write(self, folder: SourceFolder) -> None:
        """okr/goals.jsonl: one row per goal."""
        names = ["goal_id", "owner_id", "team", "serves", "set_on", "due_on", "weight", "score"]
        folder.jsonl("okr/goals.jsonl", pd.DataFrame(self._rows, columns=names), self._span.until)
