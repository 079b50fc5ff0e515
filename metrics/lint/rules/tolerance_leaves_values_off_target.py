"""A target's tolerance leaves values that are off target: within the KPI's bounds some value misses it by more.

A KPI without a lower bound is taken to stay above 0, or above -1 where it is a fraction.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from metrics.core.errors import NyckeltalError
from metrics.definitions.kpis.kpi import Kpi


def findings(kpi: Kpi) -> Iterator[NyckeltalError]:
    target, bounds, unit = kpi.adoption.target, kpi.definition.bounds, kpi.definition.unit
    upper = inf if bounds.upper is None else bounds.upper
    for value, tolerance in [(target.value, target.tolerance), *((one.value, one.tolerance) for one in target.earlier)]:
        if value is None or tolerance is None:
            continue
        lower = -1.0 if unit == "fraction" else 0.0 if value > 0 else -inf
        lower = lower if bounds.lower is None else bounds.lower
        is_up, is_down = kpi.definition.direction == "up", kpi.definition.direction == "down"
        if (is_up and value - tolerance < lower) or (is_down and value + tolerance > upper):
            yield kpi.problem(
                "target",
                f"its tolerance of {tolerance:g} is so large that no value would be off the target of {value:g};"
                " state a smaller one, in the KPI's unit",
            )
