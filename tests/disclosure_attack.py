"""An attacker on protected KPIs: everything public as equations, solved for what isn't.

What is public is given as rows like those of `kpi.vintages`. The attacker cuts time at every boundary of a period,
takes one unknown for each quantity, member and stretch of time, and writes one equation for each value that was ever
published, one for each segment and stretch (its members have one total), one for each member whose segment is part of a
combination, and looks for
- sums of unknowns that are determined: the cells that were hidden, and the stretches between cells;
- how far each can lie apart for all that is published (intervals, by linear programs).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

Place = tuple[str, str]
Form = tuple[Place, date, date]  # the sum over a member's days, both ends included


@dataclass(frozen=True)
class Bounds:
    """A sum that the attacker sought: between which values it lies; they are equal when it is determined."""

    form: Form
    lowest: float
    highest: float


def equations(quantity: str, rows: Iterable[Mapping[str, Any]]) -> dict[Form, float]:
    """What published rows tell of a quantity: leavers, absence_days, contracted_days, headcount or staff.

    `staff` is how many there are at all, which everything that is told per head, or day, of a member tells nearly.
    A stock is told of its last day.
    """
    disclosed: dict[Form, float] = {}
    for row in rows:
        if row["obs_value"] is None:
            continue
        kpi, column = _DISCLOSED_BY[quantity]
        place = row["segment"], row["member"]
        whole = place, row["period_start"], row["period_end"]
        last = place, row["period_end"], row["period_end"]
        if quantity == "staff":
            if row["kpi_id"] in ("headcount", "turnover_rate", "absence_rate") and row["freq"] == "M":
                disclosed[whole] = 1.0
        elif row["kpi_id"] == kpi and row[column] is not None:
            disclosed[last if quantity == "headcount" else whole] = row[column]
    return disclosed


_DISCLOSED_BY = {
    "leavers": ("turnover_rate", "numerator"),
    "absence_days": ("absence_rate", "numerator"),
    "contracted_days": ("absence_rate", "denominator"),
    "headcount": ("headcount", "obs_value"),
    "staff": ("", ""),
}


def attack(
    disclosed: Mapping[Form, float], sought: Iterable[Form], all_places: Iterable[Place], *, intervals: bool = True
) -> list[Bounds]:
    """Between which values each sought sum lies, given all that was disclosed. What can't be expressed isn't returned.

    `all_places` are the members that there are: a hidden cell is there to be seen. Without `intervals` only determined
    sums are returned.
    """
    sought = list(sought)
    forms = [*disclosed, *sought]
    cuts = sorted({start for _, start, _ in forms} | {end + timedelta(days=1) for _, _, end in forms})
    stretches = {start: n for n, (start, _) in enumerate(pairwise(cuts))}
    members: dict[str, set[str]] = defaultdict(set)
    for segment, member in all_places:
        members[segment].add(member)
    places = [(segment, member) for segment in sorted(members) for member in sorted(members[segment])]
    column = {(place, n): len(stretches) * i + n for i, place in enumerate(places) for n in range(len(stretches))}

    def coefficients(form: Form) -> dict[int, float]:
        place, start, end = form
        last = end + timedelta(days=1)
        return {column[place, n]: 1.0 for cut, n in stretches.items() if start <= cut < last}

    lines = [(coefficients(form), value) for form, value in disclosed.items()]
    for n in range(len(stretches)):
        for segment in members:
            if segment != "_T" and ("_T", "_T") in places:
                parts = {column[(segment, member), n]: 1.0 for member in members[segment]}
                lines.append((parts | {column[("_T", "_T"), n]: -1.0}, 0.0))
            for number, single in enumerate(segment.split(":")):
                for member in members[single] if single != segment and single in members else ():
                    linked = [place for place in members[segment] if place.split(":")[number] == member]
                    parts = {column[(segment, place), n]: 1.0 for place in linked}
                    lines.append((parts | {column[(single, member), n]: -1.0}, 0.0))
    bounds = []
    for columns, part in _components(lines, [(form, coefficients(form)) for form in sought]):
        bounds += _solve(columns, part[0], part[1], intervals)
    return bounds


Line = tuple[dict[int, float], float]
SoughtForm = tuple[Form, dict[int, float]]


def _components(
    lines: list[Line], sought: list[SoughtForm]
) -> Iterable[tuple[list[int], tuple[list[Line], list[SoughtForm]]]]:
    """The parts of the system that share no unknown."""
    parent: dict[int, int] = {}

    def root(unknown: int) -> int:
        while parent.setdefault(unknown, unknown) != unknown:
            parent[unknown] = parent[parent[unknown]]
            unknown = parent[unknown]
        return unknown

    for coefficients in [line for line, _ in lines] + [line for _, line in sought]:
        first, *further_unknowns = coefficients
        for unknown in further_unknowns:
            parent[root(unknown)] = root(first)
    parts: dict[int, tuple[list[Line], list[SoughtForm]]] = defaultdict(lambda: ([], []))
    for line in lines:
        parts[root(next(iter(line[0])))][0].append(line)
    for sought_form in sought:
        parts[root(next(iter(sought_form[1])))][1].append(sought_form)
    for part in parts.values():
        if part[1]:
            yield sorted({c for line in (*(x for x, _ in part[0]), *(x for _, x in part[1])) for c in line}), part


def _solve(columns: list[int], lines: list[Line], sought: list[SoughtForm], intervals: bool) -> list[Bounds]:
    at = {column: n for n, column in enumerate(columns)}

    def dense(coefficients: dict[int, float]) -> Any:
        row = np.zeros(len(columns))
        row[[at[column] for column in coefficients]] = list(coefficients.values())
        return row

    matrix = np.array([dense(line) for line, _ in lines]).reshape(len(lines), len(columns))
    values = np.array([value for _, value in lines])
    # A form is determined when it lies in the row space.
    left, sizes, basis = np.linalg.svd(matrix, full_matrices=False)
    is_large = sizes > 1e-9 * max(sizes, default=1.0)
    basis = basis[is_large]
    solution = basis.T @ ((left.T[is_large] @ values) / sizes[is_large])
    sparse = csr_array(matrix)
    bounds = []
    for form, coefficients in sought:
        aim = dense(coefficients)
        if np.linalg.norm(aim - basis.T @ (basis @ aim)) < 1e-7:
            value = float(solution @ aim)
            bounds.append(Bounds(form, value, value))
        elif intervals:
            ends = []
            for sign in (1.0, -1.0):
                best = linprog(sign * aim, A_eq=sparse, b_eq=values, bounds=(0, None), method="highs")
                ends.append(sign * best.fun if best.status == 0 else -sign * np.inf)
            bounds.append(Bounds(form, *ends))
    return bounds


def cells(connection: Any, table: str) -> list[dict[str, Any]]:
    """The rows of the people KPIs in a table of cells."""
    result = connection.execute(
        "select kpi_id, freq, time_period, period_start, period_end, segment, member, obs_value, numerator, denominator"
        f" from {table} where kpi_id in ('headcount', 'turnover_rate', 'absence_rate', 'gender_pay_gap')"
    )
    return list(result.to_arrow_table().to_pylist())


PERSONS = {
    # What counts the persons of a form, and from which of its days: the whole stretch, or the last day.
    "leavers": ("marts.fct_exits", "exit_date", "first"),
    "absence_days": ("marts.fct_absence_days", "absence_date", "first"),
    "contracted_days": ("marts.fct_employee_days", "date_day", "first"),
    "headcount": ("marts.fct_employee_days", "date_day", "last"),
    "staff": ("marts.fct_employee_days", "date_day", "last"),
}


def persons(warehouse: Any, quantity: str, forms: Iterable[Form]) -> dict[Form, int]:
    """How many distinct persons are behind each form, counted in the facts."""
    forms = list(forms)
    if not forms:
        return {}
    table, day, since = PERSONS[quantity]
    segments = sorted({segment for (segment, _), _, _ in forms} - {"_T"})
    cases = " ".join(f"when '{segment}' then coalesce({segment}, '_U')" for segment in segments)
    member = f"case segment {cases} else '_T' end" if cases else "'_T'"
    warehouse.execute(
        "create or replace temp table forms (id integer, segment varchar, member varchar, first date, last date)"
    )
    warehouse.executemany(
        "insert into forms values (?, ?, ?, ?, ?)",
        [[n, *place, first, last] for n, (place, first, last) in enumerate(forms)],
    )
    counted = warehouse.execute(
        f"""select id, count(distinct employee_id) from forms
        join {table} f on f.{day} between forms.{since} and forms.last and {member} = forms.member group by id"""
    ).fetchall()
    return dict.fromkeys(forms, 0) | {forms[n]: count for n, count in counted}


def stretches(quantity: str, rows: Iterable[Mapping[str, Any]]) -> set[Form]:
    """The sums that are worth an attacker's while: the cells of the tables, and the parts of weeks between them."""
    kpi = {"staff": "headcount"}.get(quantity, _DISCLOSED_BY[quantity][0])
    forms = set()
    for row in rows:
        if row["kpi_id"] != kpi or (quantity == "staff" and row["freq"] != "M"):
            continue
        place, first, last = (row["segment"], row["member"]), row["period_start"], row["period_end"]
        forms.add((place, last if quantity == "headcount" else first, last))
        if row["freq"] == "W" and quantity != "headcount":
            cut = date(last.year, last.month, 1)
            if first < cut:
                forms |= {(place, first, cut - timedelta(days=1)), (place, cut, last)}
    return forms


def leaks(
    warehouse: Any, rows: list[Mapping[str, Any]], public: list[Mapping[str, Any]], threshold: int = 5
) -> list[str]:
    """Every sum of fewer persons than the threshold that the public gets to know, or nearly: one line each.

    `rows` are all cells of the tables, `public` those of which something was told. A sum is known nearly when it can
    lie in fewer places than the threshold.
    """
    leaked = []
    for quantity in PERSONS:
        disclosed = equations(quantity, public)
        count = persons(warehouse, quantity, stretches(quantity, rows) | disclosed.keys())
        small = {form for form, n in count.items() if 0 < n < threshold}
        leaked += [f"{quantity} {form} was published: {count[form]}" for form in small & disclosed.keys()]
        places = {form[0] for form in count}
        for bounds in attack(disclosed, sorted(small - disclosed.keys()), places, intervals=quantity != "staff"):
            if bounds.highest - bounds.lowest < threshold - 1e-6:
                leaked.append(
                    f"{quantity} {bounds.form} is {bounds.lowest:g} to {bounds.highest:g}, of {count[bounds.form]}"
                )
    return leaked
