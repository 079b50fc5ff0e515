"""The definition of a KPI with a conversion metric states in `matures_after` at least the metric's conversion window.

Until the window of the period's last day has closed, its value is provisional.
"""

from __future__ import annotations

from collections.abc import Iterator

from metrics.compiler.offsets import days_in
from metrics.compiler.plan import conversion_metrics
from metrics.compiler.semantic_layer import SemanticLayer
from metrics.core.errors import NyckeltalError
from metrics.definitions.kpis.kpi import Kpi


def findings(kpi: Kpi, layer: SemanticLayer) -> Iterator[NyckeltalError]:
    definition = kpi.definition
    if definition.metric not in layer.metrics:
        return  # metric_exists reports it
    for metric in conversion_metrics(definition.metric, layer):
        window = metric.type_params.conversion_type_params.window
        if window is None:
            yield kpi.problem(
                "metric",
                f"conversion metric '{metric.name}' has no window, so its values never become final; state a window",
                standard=True,
            )
            continue
        length = f"{window.count} {window.granularity}" + ("s" if window.count > 1 else "")
        matures_after = definition.matures_after
        if matures_after is None or days_in(matures_after) < days_in(length):
            yield kpi.problem(
                "metric" if matures_after is None else "matures_after",
                f"conversions of '{metric.name}' count for {length} after their event; until then values aren't final",
                standard=True,
                expected=f"matures_after: {length}, or more",
            )
