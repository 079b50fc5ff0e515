"""Every metric that a definition names exists in the semantic layer and can be compiled."""

from __future__ import annotations

from collections.abc import Iterator

from metrics.compiler.semantic_layer import SemanticLayer
from metrics.compiler.support import unsupported
from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.definitions.kpis.kpi import Kpi


def findings(kpi: Kpi, layer: SemanticLayer) -> Iterator[NyckeltalError]:
    definition = kpi.definition
    metrics_by_field = {"metric": [definition.metric], "n_obs": [definition.n_obs], "persons": []}
    if definition.persons:
        metrics_by_field["persons"] = list(definition.persons.metrics)
    for field, names in metrics_by_field.items():
        for name in names:
            if name not in layer.metrics:
                yield kpi.problem(
                    field, f"there is no metric '{name}'{did_you_mean(name, list(layer.metrics))}", standard=True
                )
            elif (reason := unsupported(name, layer, definition.freqs)) is not None:
                yield kpi.problem(field, reason, standard=True)
