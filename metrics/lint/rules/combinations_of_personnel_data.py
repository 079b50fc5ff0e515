"""A KPI that reads personnel data is cut by a combination only where disclosure control can protect its cells.

That is: by two segments, by each of which it is cut as well, and not where persons' amounts are protected.
"""

from __future__ import annotations

from collections.abc import Iterator

from metrics.core.errors import NyckeltalError
from metrics.core.segments import is_combination, parts_of
from metrics.definitions.kpis.kpi import Kpi


def findings(kpi: Kpi) -> Iterator[NyckeltalError]:
    persons, segments = kpi.definition.persons, kpi.adoption.segments
    for segment in segments if persons else ():
        parts = parts_of(segment)
        problem = f"the combination of {' and '.join(parts)} can't be protected: the KPI reads personnel data"
        if not is_combination(segment):
            continue
        if persons and persons.dominance:
            yield kpi.problem("segments", f"{problem} on persons' amounts", expected="single segments")
        elif len(parts) > 2 or not set(parts) <= set(segments):
            yield kpi.problem("segments", problem, expected="two segments that are also listed by themselves")
