"""An adoption's version counts the standard definition's changes and the company's own."""

from __future__ import annotations

from collections.abc import Iterator

from metrics.compiler.semantic_layer import SemanticLayer
from metrics.core.errors import NyckeltalError
from metrics.definitions.company import Company
from metrics.definitions.kpi import Kpi


def findings(kpi: Kpi, _: Company, __: SemanticLayer) -> Iterator[NyckeltalError]:
    own, standard = kpi.adoption.definition_version, kpi.definition.definition_version
    if own is not None and own < standard:
        yield kpi.problem(
            "definition_version", f"is below the standard definition's, {standard}", expected="none, or more"
        )
