"""The frequencies and segments of an adoption are among those that the definition allows."""

from __future__ import annotations

from collections.abc import Iterator

from metrics.compiler.semantic_layer import SemanticLayer
from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.definitions.company import Company
from metrics.definitions.kpi import Kpi


def findings(kpi: Kpi, _: Company, __: SemanticLayer) -> Iterator[NyckeltalError]:
    for field in ("freqs", "segments"):
        allowed = getattr(kpi.definition, field)
        for name in getattr(kpi.adoption, field):
            if name not in allowed:
                yield kpi.problem(
                    field, f"the definition has no '{name}'{did_you_mean(name, allowed)}", expected=", ".join(allowed)
                )
