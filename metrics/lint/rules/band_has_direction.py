"""A target that is a band is of a KPI whose direction is band: of others more, or less, is better."""

from __future__ import annotations

from collections.abc import Iterator

from metrics.core.errors import NyckeltalError
from metrics.definitions.kpis.kpi import Kpi


def findings(kpi: Kpi) -> Iterator[NyckeltalError]:
    target, direction = kpi.adoption.target, kpi.definition.direction
    has_band = target.band is not None or any(earlier.band is not None for earlier in target.earlier)
    if has_band and direction != "band":
        yield kpi.problem("target", f"is a band, but the KPI's direction is {direction}", expected="a `value`")
