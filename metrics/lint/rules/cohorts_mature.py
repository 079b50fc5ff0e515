"""A KPI of a cohort is provisional until the window of its last day has closed: its definition says how long."""

from __future__ import annotations

from collections.abc import Iterator

from metrics.compiler.plan import conversion_metrics, days_in
from metrics.compiler.semantic_layer import SemanticLayer
from metrics.core.errors import NyckeltalError
from metrics.definitions.company import Company
from metrics.definitions.kpi import Kpi


def findings(kpi: Kpi, _: Company, layer: SemanticLayer) -> Iterator[NyckeltalError]:
    definition = kpi.definition
    if definition.metric not in layer.metrics:
        return  # metric_exists says so
    for metric in conversion_metrics(definition.metric, layer):
        window = metric.type_params.conversion_type_params.window
        if window is None:
            yield kpi.problem(
                "metric", f"conversion metric '{metric.name}' has no window, so that no value is final", standard=True
            )
            continue
        length = f"{window.count} {window.granularity}" + ("s" if window.count > 1 else "")
        stated = definition.matures_after
        if stated is None or days_in(stated) < days_in(length):
            yield kpi.problem(
                "metric" if stated is None else "matures_after",
                f"conversions of '{metric.name}' count for {length} after their event; until then values aren't final",
                standard=True,
                expected=f"matures_after: {length}, or more",
            )
