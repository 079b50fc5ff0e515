"""Which persons a KPI's published cells are about: what disclosure control has to know of its metrics."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from metrics.compiler.measures import measure_query
from metrics.compiler.semantic_layer import SemanticLayer
from metrics.core.errors import NyckeltalError
from metrics.definitions.catalog import Contributions, PersonCount
from metrics.definitions.kpi import Definition

Role = Literal["numerator", "denominator", "n_obs"]


def person_counts(definition: Definition, layer: SemanticLayer) -> tuple[PersonCount, ...]:
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


def _told(role: Role, metric: str, layer: SemanticLayer) -> PersonCount:
    """The group is what the metric counts, whatever the time: the semantic model, the key and the filter."""
    parameters = layer.metrics[metric].type_params
    counted = parameters.metric_aggregation_params
    if counted is None:
        return PersonCount(role=role, group=metric, stock=False)
    filters = layer.metrics[metric].filter
    where = " and ".join(one.where_sql_template for one in filters.where_filters) if filters else ""
    group = f"{counted.semantic_model}.{parameters.expr}" + (f" where {where}" if where else "")
    return PersonCount(role=role, group=group, stock=counted.non_additive_dimension is not None)


def contributions(definition: Definition, segments: Sequence[str], layer: SemanticLayer) -> Contributions | None:
    """Where each person's amount is found; None for a KPI of amounts of no person (one without `dominance`).

    Raises NyckeltalError for a KPI that isn't of the last day of its period, and for metrics of another shape than
    `persons` needs.
    """
    persons = definition.persons
    if persons is None or persons.dominance is None or persons.denominator is None:
        return None
    rule = persons.dominance
    groups = {persons.numerator: rule.numerator, persons.denominator: rule.denominator}
    selects = [_amounts(counted, share, segments, layer) for counted, share in groups.items()]
    return Contributions(sql="\nUNION ALL\n".join(selects), n=rule.n, k=rule.k)


def _amounts(counted: str, share: str, segments: Sequence[str], layer: SemanticLayer) -> str:
    """SQL for the columns role, day, person, amount and <segment>_member: what each counted person brings."""
    largest = layer.metrics[share].type_params
    if largest.denominator is None:
        raise NyckeltalError(f"metric '{share}' is no ratio: it has to be the largest amount over the sum of all")
    people, amounts = (measure_query(metric, segments, layer) for metric in (counted, largest.denominator.name))
    if people.measure_class != "stock" or amounts.measure_class != "stock":
        raise NyckeltalError(
            f"metrics '{counted}' and '{amounts.metric}' are taken over a period: persons' amounts can be protected"
            " only where both are of its last day (non_additive_dimension)"
        )
    if (people.source, people.day, people.counts) != (amounts.source, amounts.day, amounts.counts):
        raise NyckeltalError(f"metrics '{counted}' and '{amounts.metric}' are of other rows")
    tables = {model.node_relation.alias: model.node_relation.schema_name for model in layer.manifest.semantic_models}
    source = re.sub(r"__ref__(\w+?)__", lambda table: f'"{tables[table[1]]}"."{table[1]}"', people.source)
    columns = [
        f"'{counted}' AS role",
        f"{people.day} AS day",
        f"{people.value} AS person",
        f"{amounts.value} AS amount",
    ]
    columns += [f"{column} AS {segment}_member" for segment, column in people.segments]
    return f"SELECT {', '.join(columns)} FROM {source} WHERE {people.counts or 'TRUE'}"
