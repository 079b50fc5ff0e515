"""A KPI that reads personnel data isn't cut by combinations of segments.

Disclosure control doesn't know that the members of a combination add up to those of its segments.
"""

from __future__ import annotations

from collections.abc import Iterator

from metrics.compiler.semantic_layer import SemanticLayer
from metrics.core.errors import NyckeltalError
from metrics.core.segments import is_combination, parts_of
from metrics.definitions.company import Company
from metrics.definitions.kpi import Kpi


def findings(kpi: Kpi, _: Company, __: SemanticLayer) -> Iterator[NyckeltalError]:
    for segment in kpi.adoption.segments:
        if kpi.definition.persons and is_combination(segment):
            parts = " and ".join(parts_of(segment))
            problem = f"the combination of {parts} can't be protected: the KPI reads personnel data"
            yield kpi.problem("segments", problem, expected="single segments")
