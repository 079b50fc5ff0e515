"""The persons behind a KPI's published cells: what disclosure control needs to know about its metrics."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from metrics.compiler.measures import measure_query
from metrics.compiler.semantic_layer import SemanticLayer
from metrics.core.errors import NyckeltalError
from metrics.definitions.catalog import Contributions, PersonCount
from metrics.definitions.kpis.kpi import Definition

Role = Literal["numerator", "denominator", "n_obs"]


def person_counts(definition: Definition, layer: SemanticLayer) -> tuple[PersonCount, ...]:
    """The groups of persons whose number a cell reveals: by its numerator, its denominator, and by n_obs if that metric
    is a distinct count.

    Empty for a KPI without `persons`.
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
    return tuple(_person_count(role, metric, layer) for role, metric in roles.items() if metric)


def part_of(definition: Definition, layer: SemanticLayer) -> str | None:
    """The group that the numerator's persons are a part of, by `persons.of`."""
    persons = definition.persons
    return _person_count("numerator", persons.of, layer).group if persons and persons.of else None


def _person_count(role: Role, metric: str, layer: SemanticLayer) -> PersonCount:
    """A group is identified by what the metric counts: its semantic model, key and filter, but not its time."""
    parameters = layer.metrics[metric].type_params
    aggregation = parameters.metric_aggregation_params
    if aggregation is None:
        return PersonCount(role=role, group=metric, stock=False)
    filters = layer.metrics[metric].filter
    where = " and ".join(where_filter.where_sql_template for where_filter in filters.where_filters) if filters else ""
    group = f"{aggregation.semantic_model}.{parameters.expr}" + (f" where {where}" if where else "")
    return PersonCount(role=role, group=group, stock=aggregation.non_additive_dimension is not None)


def contributions(definition: Definition, segments: Sequence[str], layer: SemanticLayer) -> Contributions | None:
    """The SQL of each person's amount; None for a KPI without `dominance`.

    Raises NyckeltalError for a KPI whose values aren't those of the last day of the period, for a share that isn't a
    ratio metric, and for a count and amounts over different rows.
    """
    persons = definition.persons
    if persons is None or persons.dominance is None or persons.numerator is None or persons.denominator is None:
        return None
    rule = persons.dominance
    groups = {persons.numerator: rule.numerator, persons.denominator: rule.denominator}
    selects = [_amounts(count_metric, share_metric, segments, layer) for count_metric, share_metric in groups.items()]
    return Contributions(sql="\nUNION ALL\n".join(selects), n=rule.n, k=rule.k)


def _amounts(count_metric: str, share_metric: str, segments: Sequence[str], layer: SemanticLayer) -> str:
    """SQL with the columns role, day, person, amount and <segment>_member: the amount of each counted person."""
    share = layer.metrics[share_metric].type_params
    if share.denominator is None:
        raise NyckeltalError(
            f"metric '{share_metric}' is not a ratio metric: it must be the largest amount over the sum of all amounts"
        )
    people, amounts = (measure_query(metric, segments, layer) for metric in (count_metric, share.denominator.name))
    if people.measure_class != "stock" or amounts.measure_class != "stock":
        raise NyckeltalError(
            f"metrics '{count_metric}' and '{amounts.metric}' are computed over a whole period: persons' amounts can be"
            " protected only where both are those of its last day (non_additive_dimension)"
        )
    if (people.source, people.day, people.filter_sql) != (amounts.source, amounts.day, amounts.filter_sql):
        raise NyckeltalError(
            f"metrics '{count_metric}' and '{amounts.metric}' are computed from different rows: give them the same"
            " semantic model, time dimension and filter"
        )
    tables = {model.node_relation.alias: model.node_relation.schema_name for model in layer.manifest.semantic_models}
    source = re.sub(r"__ref__(\w+?)__", lambda table: f'"{tables[table[1]]}"."{table[1]}"', people.source)
    columns = [
        f"'{count_metric}' AS role",
        f"{people.day} AS day",
        f"{people.value} AS person",
        f"{amounts.value} AS amount",
    ]
    columns += [f"{column} AS {segment}_member" for segment, column in people.segments]
    return f"SELECT {', '.join(columns)} FROM {source} WHERE {people.filter_sql or 'TRUE'}"
