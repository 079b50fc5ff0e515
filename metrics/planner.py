"""From KPIs to a plan: the leaves of each and the arithmetic over them, and the bases in which leaves share scans.

Pure: a semantic layer and KPIs go in, a plan comes out. No SQL text but the arithmetic's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp, parse_one

from metrics.leaves import LeafQuery, leaf_query
from metrics.periods import FREQS
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
class Base:
    """The leaves that one source of rows answers, over one time dimension: what one scan by day brings.

    Where a segment or a filter needs a joined table, that join is a source of its own, so that what it does to rows
    stays with the leaves and segments that need it. `to_date` says whether a KPI wants its months to date and rolling.
    """

    name: str
    source: str
    day: str
    segments: tuple[tuple[str, str], ...]
    freqs: tuple[str, ...]
    leaves: tuple[LeafQuery, ...]
    to_date: bool
    kpi_ids: tuple[str, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """The dbt models that it reads, the fact first."""
        return tuple(dict.fromkeys(re.findall(r"__ref__(\w+?)__", self.source)))

    @property
    def rolled_up(self) -> tuple[LeafQuery, ...]:
        """The leaves whose periods come from the values of their days."""
        return tuple(leaf for leaf in self.leaves if leaf.leaf_class in ("rolls up", "stock"))

    @property
    def recounted(self) -> tuple[LeafQuery, ...]:
        """The leaves whose periods are computed from their rows again."""
        return tuple(leaf for leaf in self.leaves if leaf.leaf_class not in ("rolls up", "stock"))


@dataclass(frozen=True)
class KpiPlan:
    """How one KPI is computed. The expressions are over leaf columns.

    A ratio is a ratio metric, or a derived one whose expression is one division.
    """

    kpi: Kpi
    is_ratio: bool
    numerator_metric: str | None
    denominator_metric: str | None
    leaves: tuple[str, ...]
    offsets: tuple[Leaf, ...]
    to_date: bool
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
    leaves = tuple(sorted({leaf.metric for leaf in arithmetic.leaves}))
    return KpiPlan(
        kpi=kpi,
        is_ratio=denominator is not None,
        numerator_metric=numerator_metric,
        denominator_metric=denominator_metric,
        leaves=leaves,
        offsets=tuple(sorted(leaf for leaf in arithmetic.leaves if leaf.offset)),
        to_date=kpi.adoption.to_date and not any(_is_stock(leaf, layer) for leaf in leaves),
        value=value,
        numerator=numerator,
        denominator=denominator,
        n_obs=n_obs,
        n_persons_numerator=persons_numerator,
        n_persons_denominator=persons_denominator,
    )


def bases(plans: Sequence[KpiPlan], layer: SemanticLayer) -> tuple[Base, ...]:
    """The bases beneath some KPIs, sorted by name: every leaf once, in as few scans as there are sources.

    Raises NyckeltalError when a leaf can't be cut by a segment that one of its KPIs is cut by.
    """
    wanted: dict[str, list[KpiPlan]] = {}
    for one in plans:
        for leaf in one.leaves:
            wanted.setdefault(leaf, []).append(one)
    sources: dict[tuple[str, str], list[tuple[LeafQuery, list[KpiPlan]]]] = {}
    for metric, using in sorted(wanted.items()):
        segments = sorted({segment for user in using for segment in user.kpi.adoption.segments})
        for query in _queries(metric, segments, layer):
            sources.setdefault((query.source, query.day), []).append((query, using))
    found = {}
    for (source, day), queries in sources.items():
        users = {user.kpi.id: user for _, using in queries for user in using}
        name = _base_name(queries[0][0], layer)
        if name in found:
            name += f"_{queries[0][0].metric}"
        found[name] = Base(
            name=name,
            source=source,
            day=day,
            segments=tuple(sorted({segment for query, _ in queries for segment in query.segments})),
            freqs=tuple(freq for freq in FREQS if any(freq in user.kpi.adoption.freqs for user in users.values())),
            leaves=tuple(query for query, _ in queries),
            to_date=any(user.to_date for user in users.values()),
            kpi_ids=tuple(sorted(users)),
        )
    return tuple(found[name] for name in sorted(found))


def _base_name(query: LeafQuery, layer: SemanticLayer) -> str:
    """The fact, with its time dimension where that isn't the fact's usual one, and the segment that a join is for."""
    aggregation = layer.metrics[query.metric].type_params.metric_aggregation_params
    name = str(aggregation.semantic_model)
    if aggregation.agg_time_dimension != layer.usual_time_dimension(name):
        name += f"_by_{aggregation.agg_time_dimension}"
    return name if query.total else f"{name}_of_{query.segments[0][0]}"


def _queries(metric: str, segments: Sequence[str], layer: SemanticLayer) -> list[LeafQuery]:
    """One query for all segments; where some need joined tables, one for the others and one for each of those."""
    whole = leaf_query(metric, segments, layer)
    alone = leaf_query(metric, (), layer)
    if whole.source == alone.source:
        return [whole]
    single = {segment: leaf_query(metric, (segment,), layer, total=False) for segment in segments}
    own = [segment for segment, query in single.items() if query.source == alone.source]
    return [leaf_query(metric, own, layer), *(query for segment, query in single.items() if segment not in own)]


def unsupported(metric_name: str, layer: SemanticLayer) -> str | None:
    """Why a metric can't be compiled, None when it can."""
    metric = layer.metrics[metric_name]
    kind = metric.type.value
    if kind not in ("simple", "ratio", "derived"):
        return f"metric '{metric_name}' is {kind}; simple, ratio and derived ones are compiled"
    aggregation = metric.type_params.metric_aggregation_params
    if aggregation is not None and (stock := aggregation.non_additive_dimension) and stock.window_groupings:
        return (
            f"metric '{metric_name}' takes the last day of each {', '.join(stock.window_groupings)}; of all is compiled"
        )
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


def _is_stock(metric: str, layer: SemanticLayer) -> bool:
    return layer.metrics[metric].type_params.metric_aggregation_params.non_additive_dimension is not None
