"""Which groups of persons a KPI's published cells tell of: what disclosure control has to know of its metrics."""

from __future__ import annotations

from typing import Literal

from metrics.catalog import Told
from metrics.registry import Definition
from metrics.semantic import SemanticLayer

Role = Literal["numerator", "denominator", "n_obs"]


def tells(definition: Definition, layer: SemanticLayer) -> tuple[Told, ...]:
    """The groups whose number a cell tells, by its numerator and its denominator, and by n_obs where that counts some.

    None for a KPI without `persons`.
    """
    if definition.persons is None:
        return ()
    roles: dict[Role, str | None] = {
        "numerator": definition.persons.numerator,
        "denominator": definition.persons.denominator,
    }
    counts = layer.metrics[definition.n_obs].type_params.metric_aggregation_params
    if counts is not None and counts.agg.value == "count_distinct":
        roles["n_obs"] = definition.n_obs
    return tuple(_told(role, metric, layer) for role, metric in roles.items() if metric)


def _told(role: Role, metric: str, layer: SemanticLayer) -> Told:
    """The group is what the metric counts, whatever the time: the semantic model, the key and the filter."""
    parameters = layer.metrics[metric].type_params
    counted = parameters.metric_aggregation_params
    if counted is None:
        return Told(role=role, group=metric, stock=False)
    filters = layer.metrics[metric].filter
    where = " and ".join(one.where_sql_template for one in filters.where_filters) if filters else ""
    group = f"{counted.semantic_model}.{parameters.expr}" + (f" where {where}" if where else "")
    return Told(role=role, group=group, stock=counted.non_additive_dimension is not None)
