"""An attacker on pay: a colleague who knows who works where and since when, and reads every published pay gap.

`differenced` compares any two published figures of one place: two periods of any frequency, or two vintages of one.
Where one person came or went between them, head counts and the two gaps give that person's pay.
`estimated` takes all figures of all places and periods together, as equations in everybody's pay (a gap, the pays
relative to each other and the head counts are linear), and says how well each person's pay is known after them. It
knows more than any colleague: by how much everybody's pay has grown, so that nothing but the pay itself is unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

Place = tuple[str, str]
Pay = dict[tuple[str, str], float]  # by sex and person, on one day
SPREAD = 0.2  # the attacker guesses every pay within this share of the mean, one standard deviation
ROUNDED = 5e-7  # a published gap lies so close to the true one


@dataclass
class Figures:
    """The published gaps of each place by the day that they are of, and who was paid what there on that day."""

    gaps: dict[Place, dict[date, set[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    pays: dict[Place, dict[date, Pay]] = field(default_factory=lambda: defaultdict(dict))


@dataclass(frozen=True)
class Difference:
    """Two published figures of a place between which a few persons came or went.

    `pay` is what the attacker works out of the one person's, and `true_pay` what it is, both as shares of the mean pay
    of the other sex; None where several came or went.
    """

    place: Place
    days: tuple[date, date]
    n_changed: int
    pay: float | None = None
    true_pay: float | None = None

    @property
    def recovered(self) -> bool:
        """Whether the pay is known to within five per cent."""
        return self.pay is not None and self.true_pay is not None and abs(self.pay / self.true_pay - 1) < 0.05


def read(warehouse: Any, public: Iterable[Mapping[str, Any]]) -> Figures:
    """What was published of the gap (rows like those of `kpi.vintages`), beside the people of the warehouse's marts."""
    figures = Figures()
    for row in public:
        if row["kpi_id"] == "gender_pay_gap" and row["obs_value"] is not None:
            figures.gaps[row["segment"], row["member"]][row["period_end"]].add(row["obs_value"])
    days = sorted({day for gaps in figures.gaps.values() for day in gaps})
    segments = sorted({segment for segment, _ in figures.gaps} - {"_T"})
    members = "".join(f", coalesce({segment}, '_U')" for segment in segments)
    people = warehouse.execute(
        f"select date_day, sex, employee_id, hourly_pay::double{members} from marts.fct_employee_days"
        " where sex in ('F', 'M') and hourly_pay is not null and list_contains($days, date_day)",
        {"days": days},
    ).fetchall()
    for day, sex, person, pay, *where in people:
        for place in (("_T", "_T"), *zip(segments, where, strict=True)):
            if day in figures.gaps.get(place, ()):
                figures.pays[place].setdefault(day, {})[sex, person] = pay
    for place, gaps in figures.gaps.items():  # a period that is still open: nobody is known to be there at its end
        figures.gaps[place] = defaultdict(set, {day: gaps[day] for day in gaps if day in figures.pays[place]})
    return figures


def differenced(figures: Figures, threshold: int = 10) -> list[Difference]:
    """Every two published figures of a place that tell of 1 to threshold - 1 persons together."""
    differences = []
    for place, gaps in figures.gaps.items():
        values = [(day, gap) for day in sorted(gaps) for gap in sorted(gaps[day])]
        for (first, gap), (second, other_gap) in combinations(values, 2):
            before, after = figures.pays[place][first], figures.pays[place][second]
            changed = before.keys() ^ after.keys()
            if 0 < len(changed) < threshold:
                pay = _of_one(*changed, before, after, gap, other_gap) if len(changed) == 1 else (None, None)
                differences.append(Difference(place, (first, second), len(changed), *pay))
            elif first == second:  # two vintages that differ, by nobody knows whom
                differences.append(Difference(place, (first, second), 0))
    return differences


def _of_one(person: tuple[str, str], before: Pay, after: Pay, gap: float, other_gap: float) -> tuple[float, float]:
    """The one person's pay by the figures, and the true one."""
    sex = person[0]

    def total(pays: Pay, gap: float) -> float:
        relative = 1 - gap if sex == "F" else 1 / (1 - gap)
        return relative * sum(1 for of_sex, _ in pays if of_sex == sex)

    holder = after if person in after else before
    others_pay = [pay for (of_sex, _), pay in holder.items() if of_sex != sex]
    pay = abs(total(after, other_gap) - total(before, gap))
    return pay, holder[person] / (sum(others_pay) / len(others_pay))


def estimated(figures: Figures) -> dict[tuple[str, str], float]:
    """For each person, the standard deviation of the attacker's guess after all figures, as a share of that before.

    Unknown is by which share of it each person's guessed pay is wrong, on all days alike. The guesses before are
    independent of each other, with a standard deviation of SPREAD. A gap that is rounded tells a little less.
    """
    people = sorted({person for days in figures.pays.values() for pays in days.values() for person in pays})
    number = {person: n for n, person in enumerate(people)}
    lines = []
    for place, gaps in figures.gaps.items():
        for day, values in gaps.items():
            pays = figures.pays[place][day]
            counts = {sex: sum(1 for of_sex, _ in pays if of_sex == sex) for sex in "FM"}
            mean_of_men = sum(pay for (sex, _), pay in pays.items() if sex == "M") / counts["M"]
            for gap in values:
                # The women's mean is (1 - gap) times the men's: by how much does each wrong guess change that?
                line = np.zeros(len(number))
                for (sex, person), pay in pays.items():
                    weight = 1.0 if sex == "F" else gap - 1
                    line[number[sex, person]] = weight * pay / counts[sex] / mean_of_men
                lines.append(line)
    return dict(zip(people, _shrunk(np.array(lines)), strict=True)) if lines else {}


def _shrunk(lines: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Of unknowns with independent guesses, how much narrower the guesses are once the lines' sums are known."""
    noise = (ROUNDED / 3**0.5 / SPREAD) ** 2
    explained = lines.T @ np.linalg.solve(lines @ lines.T + noise * np.eye(len(lines)), lines)
    return np.asarray(np.sqrt(np.clip(1 - np.diag(explained), 0, None)))
