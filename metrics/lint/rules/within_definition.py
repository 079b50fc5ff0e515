"""The frequencies and segments of an adoption are among those that the definition allows.

A combination of segments is allowed where each of them is.
"""

from __future__ import annotations

from collections.abc import Iterator

from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.core.segments import singles
from metrics.definitions.kpis.kpi import Kpi


def findings(kpi: Kpi) -> Iterator[NyckeltalError]:
    adopted = {"freqs": kpi.adoption.freqs, "segments": singles(kpi.adoption.segments)}
    for field, names in adopted.items():
        allowed = getattr(kpi.definition, field)
        for name in names:
            if name not in allowed:
                yield kpi.problem(
                    field, f"the definition has no '{name}'{did_you_mean(name, allowed)}", expected=", ".join(allowed)
                )
