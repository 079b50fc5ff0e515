"""The target of a sum or count says for which frequency it is meant."""

from __future__ import annotations

from collections.abc import Iterator

from metrics.compiler.semantic_layer import SemanticLayer
from metrics.core.errors import NyckeltalError
from metrics.definitions.company import Company
from metrics.definitions.kpi import Kpi


def findings(kpi: Kpi, _: Company, __: SemanticLayer) -> Iterator[NyckeltalError]:
    adoption = kpi.adoption
    target = adoption.target
    depends_on_freq = kpi.definition.adds_up and kpi.definition.kind != "stock" and len(adoption.freqs) > 1
    if depends_on_freq and target.value is not None and target.freq is None:
        yield kpi.problem("target", "a weekly sum and a yearly one have no target in common: state its `freq`")
    if adoption.target.freq is not None and adoption.target.freq not in adoption.freqs:
        yield kpi.problem("target", f"is for frequency {adoption.target.freq}, which isn't adopted")
