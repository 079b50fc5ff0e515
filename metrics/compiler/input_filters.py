"""Moves every filter to a simple metric, so that the compiler needs to know filters of simple metrics only.

A filter on a ratio, derived, cumulative or conversion metric, or on one of a metric's inputs, applies to all simple
metrics below it. Each of these is copied with the filters. The copy's name is made of the name of the metric with the
filter and that of the input. In a conversion metric only the base events are filtered, as in MetricFlow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def metrics_with_moved_filters(metrics: Iterable[Any]) -> dict[str, Any]:
    """MetricFlow's metrics by name, with filters on simple metrics only; the copies that this needs are added."""
    originals = {metric.name: metric for metric in metrics}
    mover = _Mover(originals)
    for metric in originals.values():
        mover.moved[metric.name] = metric if metric.type.value == "simple" else mover.copied(metric, metric.name, [])
    return mover.moved


class _Mover:
    """`originals` are the metrics as they are declared, `moved` those with moved filters and the copies."""

    def __init__(self, originals: dict[str, Any]) -> None:
        self.originals = originals
        self.moved: dict[str, Any] = {}

    def copied(self, metric: Any, name: str, outer_filters: list[Any]) -> Any:
        """A copy of the metric under that name. The outer filters apply to its simple metrics, too."""
        copy = metric.copy(deep=True)
        copy.name = name
        filters = [*outer_filters, *_where_filters(metric)]
        if metric.type.value == "simple":
            copy.filter = _intersection(metric, filters)
            return copy
        copy.filter = None
        for role, metric_input in inputs(copy):
            input_filters = [] if role == "conversion" else [*filters, *_where_filters(metric_input)]
            if input_filters and metric_input.name in self.originals:
                if copy.type.value == "derived":
                    metric_input.alias = metric_input.alias or metric_input.name
                metric_input.name = self._filtered(metric_input.name, f"{name}_{role}", input_filters)
                metric_input.filter = None
        return copy

    def _filtered(self, metric_name: str, wanted_name: str, filters: list[Any]) -> str:
        """The name of a copy of the metric to which the filters apply, which is added."""
        name = wanted_name
        while name in self.originals or name in self.moved:
            name += "_filtered"
        self.moved[name] = self.copied(self.originals[metric_name], name, filters)
        return name


def filtered_copy(metric: Any, name: str, condition: str) -> Any:
    """A copy of a simple metric under another name, with one more filter: a template as MetricFlow has it."""
    from metricflow_semantic_interfaces.implementations.filters.where_filter import PydanticWhereFilter

    copy = metric.copy(deep=True)
    copy.name = name
    copy.filter = _intersection(metric, [*_where_filters(metric), PydanticWhereFilter(where_sql_template=condition)])
    return copy


def inputs(metric: Any) -> Iterator[tuple[str, Any]]:
    """The metrics that a metric is computed from, as MetricFlow's inputs, with their roles; none of a simple metric."""
    parameters = metric.type_params
    roles = [("numerator", parameters.numerator), ("denominator", parameters.denominator)]
    roles += [(metric_input.alias or metric_input.name, metric_input) for metric_input in parameters.metrics or ()]
    if cumulative_params := parameters.cumulative_type_params:
        roles.append(("input", cumulative_params.metric))
    if conversion_params := parameters.conversion_type_params:
        roles += [("base", conversion_params.base_metric), ("conversion", conversion_params.conversion_metric)]
    yield from ((role, metric_input) for role, metric_input in roles if metric_input is not None)


def _where_filters(metric_or_input: Any) -> list[Any]:
    return list(metric_or_input.filter.where_filters) if metric_or_input.filter is not None else []


def _intersection(metric: Any, filters: list[Any]) -> Any:
    """One filter that combines all of them with AND; equal ones once."""
    from metricflow_semantic_interfaces.implementations.filters.where_filter import PydanticWhereFilterIntersection

    filter_by_template = {where_filter.where_sql_template: where_filter for where_filter in filters}
    return (
        PydanticWhereFilterIntersection(where_filters=list(filter_by_template.values()))
        if filter_by_template
        else metric.filter
    )
