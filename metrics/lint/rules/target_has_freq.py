"""The target of a sum or count states the frequency that it is meant for, if the KPI has several."""

from __future__ import annotations

from collections.abc import Iterator

from metrics.core.errors import NyckeltalError
from metrics.definitions.kpis.kpi import Kpi


def findings(kpi: Kpi) -> Iterator[NyckeltalError]:
    adoption = kpi.adoption
    target = adoption.target
    depends_on_freq = kpi.definition.adds_up and kpi.definition.kind != "stock" and len(adoption.freqs) > 1
    if depends_on_freq and target.value is not None and target.freq is None:
        yield kpi.problem(
            "target", "its value grows with the period, so one target can't be for all frequencies: state its `freq`"
        )
    if adoption.target.freq is not None and adoption.target.freq not in adoption.freqs:
        yield kpi.problem(
            "target",
            f"is for frequency {adoption.target.freq}, which isn't adopted",
            expected=f"one of {', '.join(adoption.freqs)}",
        )
