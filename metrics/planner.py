"""From a KPI's metric to its leaves: what has to be aggregated from which fact, and the arithmetic over it.

Pure: a semantic layer and a KPI go in, a plan comes out. No SQL text but the arithmetic's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlglot import exp, parse_one

from metrics.registry import Kpi
from metrics.semantic import SemanticLayer


@dataclass(frozen=True, order=True)
class Leaf:
    """A simple metric, perhaps of an earlier period (`offset`, such as "1 year")."""

    metric: str
    offset: str = ""

    @property
    def column(self) -> str:
        """Its column in the compiled SQL."""
        return f"{self.metric}_{self.offset.replace(' ', '_')}_ago" if self.offset else self.metric


@dataclass(frozen=True)
class LeafGroup:
    """Simple metrics that one scan answers: of one fact, one time dimension and one filter.

    A stock is semi-additive: it takes the last day of each period, so every frequency is a query of its own.
    """

    name: str
    metrics: tuple[str, ...]
    stock: bool


@dataclass(frozen=True)
class KpiPlan:
    """How one KPI is computed. The expressions are over leaf columns.

    A ratio is a ratio metric, or a derived one whose expression is one division.
    """

    kpi: Kpi
    is_ratio: bool
    numerator_metric: str | None
    denominator_metric: str | None
    groups: tuple[LeafGroup, ...]
    offsets: tuple[Leaf, ...]
    value: exp.Expr
    numerator: exp.Expr
    denominator: exp.Expr | None
    n_obs: exp.Expr
    n_persons_numerator: exp.Expr | None
    n_persons_denominator: exp.Expr | None

    @property
    def lookback(self) -> str | None:
        """How far back it looks, None when only at its own period."""
        return self.kpi.definition.lookback or max((leaf.offset for leaf in self.offsets), default=None)


def plan(kpi: Kpi, layer: SemanticLayer) -> KpiPlan:
    """The plan of one KPI, whose metrics are known to exist (rules.py sees to that)."""
    definition = kpi.definition
    metric = layer.metrics[definition.metric]
    arithmetic = _Arithmetic(layer)
    value = arithmetic.value(definition.metric)
    numerator, denominator = value.copy(), None
    numerator_metric = denominator_metric = None
    if metric.type.value == "ratio":
        numerator_metric = metric.type_params.numerator.name
        denominator_metric = metric.type_params.denominator.name
        numerator = arithmetic.input(metric.type_params.numerator)
        denominator = arithmetic.input(metric.type_params.denominator)
    elif metric.type.value == "derived" and isinstance(tree := _expr(metric), exp.Div):
        numerator_metric = tree.this.sql(dialect="duckdb")
        denominator_metric = tree.expression.sql(dialect="duckdb")
        numerator = arithmetic.derived(metric, tree.this)
        denominator = arithmetic.derived(metric, tree.expression)
    n_obs = arithmetic.value(definition.n_obs)
    persons = definition.persons
    persons_numerator = arithmetic.value(persons.numerator) if persons else None
    persons_denominator = arithmetic.value(persons.denominator) if persons and persons.denominator else None
    return KpiPlan(
        kpi=kpi,
        is_ratio=denominator is not None,
        numerator_metric=numerator_metric,
        denominator_metric=denominator_metric,
        groups=_groups(sorted({leaf.metric for leaf in arithmetic.leaves}), layer),
        offsets=tuple(sorted(leaf for leaf in arithmetic.leaves if leaf.offset)),
        value=value,
        numerator=numerator,
        denominator=denominator,
        n_obs=n_obs,
        n_persons_numerator=persons_numerator,
        n_persons_denominator=persons_denominator,
    )


def unsupported(metric_name: str, layer: SemanticLayer) -> str | None:
    """Why a metric can't be compiled, None when it can."""
    metric = layer.metrics[metric_name]
    kind = metric.type.value
    if kind not in ("simple", "ratio", "derived"):
        return f"metric '{metric_name}' is {kind}; simple, ratio and derived ones are compiled"
    if metric.type_params.join_to_timespine:
        return f"metric '{metric_name}' joins to the time spine; an empty period has no observation"
    if metric.type_params.fill_nulls_with is not None:
        return f"metric '{metric_name}' fills nulls; write coalesce() in a derived metric, which holds after joins too"
    if kind != "simple" and metric.filter is not None:
        return f"metric '{metric_name}' has a filter; state it on its simple metrics"
    for one in _inputs(metric):
        if one.filter is not None or one.offset_to_grain is not None:
            return f"metric '{metric_name}' filters or re-anchors its input '{one.name}'; state a metric for that"
        if (reason := unsupported(one.name, layer)) is not None:
            return reason
    return None


class _Arithmetic:
    """Builds expressions over leaf columns and remembers the leaves that they use."""

    def __init__(self, layer: SemanticLayer) -> None:
        self.layer = layer
        self.leaves: set[Leaf] = set()

    def value(self, metric_name: str, offset: str = "") -> exp.Expr:
        metric = self.layer.metrics[metric_name]
        if metric.type.value == "simple":
            leaf = Leaf(metric_name, offset)
            self.leaves.add(leaf)
            return exp.column(leaf.column)
        if metric.type.value == "ratio":
            numerator = self.input(metric.type_params.numerator, offset)
            denominator = self.input(metric.type_params.denominator, offset)
            # DuckDB divides by zero without a word; a ratio without a denominator is no value.
            return exp.Div(
                this=exp.cast(numerator, "double"),
                expression=exp.cast(exp.func("NULLIF", denominator, exp.Literal.number(0)), "double"),
            )
        return self.derived(metric, _expr(metric), offset)

    def derived(self, metric: Any, tree: exp.Expr, offset: str = "") -> exp.Expr:
        inputs = {one.alias or one.name: self.input(one, offset) for one in metric.type_params.metrics}
        return tree.transform(lambda node: _operand(inputs[node.name]) if _names(node, inputs) else node)

    def input(self, one: Any, offset: str = "") -> exp.Expr:
        window = one.offset_window
        shift = f"{window.count} {window.granularity}" if window else ""
        return self.value(one.name, shift or offset)


def _expr(metric: Any) -> exp.Expr:
    return parse_one(metric.type_params.expr, dialect="duckdb")


def _operand(expression: exp.Expr) -> exp.Expr:
    return exp.paren(expression) if isinstance(expression, exp.Binary) else expression


def _names(node: exp.Expr, inputs: dict[str, exp.Expr]) -> bool:
    return isinstance(node, exp.Column) and node.name in inputs


def _inputs(metric: Any) -> list[Any]:
    parameters = metric.type_params
    return [
        one for one in (parameters.numerator, parameters.denominator, *(parameters.metrics or ())) if one is not None
    ]


def _groups(metric_names: list[str], layer: SemanticLayer) -> tuple[LeafGroup, ...]:
    scans: dict[tuple[str, str, str, bool], list[str]] = {}
    for name in metric_names:
        metric = layer.metrics[name]
        aggregation = metric.type_params.metric_aggregation_params
        filters = metric.filter.where_filters if metric.filter else []
        condition = " and ".join(one.where_sql_template for one in filters)
        stock = aggregation.non_additive_dimension is not None
        scans.setdefault((aggregation.semantic_model, aggregation.agg_time_dimension, condition, stock), []).append(
            name
        )
    groups: list[LeafGroup] = []
    for (semantic_model, _, _, stock), names in scans.items():
        # A group is named after its fact; where a fact is scanned twice, after the first metric too.
        alone = sum(key[0] == semantic_model for key in scans) == 1
        groups.append(LeafGroup(semantic_model if alone else f"{semantic_model}_{names[0]}", tuple(names), stock))
    return tuple(groups)
