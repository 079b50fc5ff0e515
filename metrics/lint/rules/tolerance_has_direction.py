"""A target with a tolerance is of a KPI whose direction is up or down: others aren't judged by it."""

from __future__ import annotations

from collections.abc import Iterator

from metrics.core.errors import NyckeltalError
from metrics.definitions.kpis.kpi import Kpi


def findings(kpi: Kpi) -> Iterator[NyckeltalError]:
    target, direction = kpi.adoption.target, kpi.definition.direction
    if target.tolerance is not None and direction not in ("up", "down"):
        yield kpi.problem("target", f"has a tolerance, but the KPI's direction is {direction}: no value is at risk")
