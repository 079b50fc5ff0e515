"""A `freq_dimension` is a dimension of all the facts that the KPI is computed from."""

from __future__ import annotations

from collections.abc import Iterator

from metrics.compiler.plan import metrics_over_rows
from metrics.compiler.semantic_layer import SemanticLayer
from metrics.compiler.support import is_flow
from metrics.core.errors import NyckeltalError
from metrics.definitions.kpis.kpi import Kpi


def findings(kpi: Kpi, layer: SemanticLayer) -> Iterator[NyckeltalError]:
    definition = kpi.definition
    if definition.freq_dimension is None:
        return
    named_metrics = (definition.metric, definition.n_obs)
    if any(name not in layer.metrics for name in named_metrics):
        return  # metric_exists reports it
    for metric in sorted({row_metric for name in named_metrics for row_metric in metrics_over_rows(name, layer)}):
        dimensions = layer.dimensions(metric) if is_flow(metric, layer) else ()
        if definition.freq_dimension not in dimensions:
            yield kpi.problem(
                "freq_dimension",
                f"metric '{metric}' has no rows of a frequency by '{definition.freq_dimension}'",
                expected=f"a dimension of its facts: {', '.join(dimensions) or 'only sums and counts have one'}",
                standard=True,
            )
