"""The parts of MetricFlow's query for a simple metric, so that several metrics can share one scan of a table.

MetricFlow writes the query by day and segment. This module takes from it the source of the rows and, for every row, the
day, the segment members and the value that is aggregated. The measure's class says how values combine over days.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sqlglot import exp, parse_one
from sqlglot.optimizer.merge_subqueries import merge_subqueries
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope

from metrics.compiler.semantic_layer import SemanticLayer
from metrics.core.errors import NyckeltalError
from metrics.core.segments import combined_member_sql, is_combination, parts_of, singles

# What a measure's value for a period is computed from:
#   rolls up   the values of its days, by a sum, minimum or maximum
#   stock      the value of one of its days: the last (or first) that has any rows
#   stock of entities   of each entity, its rows of the last (or first) day on which it has any
#   distinct, quantile, average   all rows of the period; the values of days can't be combined
MeasureClass = Literal["rolls up", "stock", "stock of entities", "distinct", "quantile", "average"]
_ROLL_UPS = {exp.Sum: "SUM", exp.Min: "MIN", exp.Max: "MAX"}


@dataclass(frozen=True)
class MeasureQuery:
    """One simple metric over the rows of a source.

    `source` is the SQL after FROM, with each table as `__ref__<model>__`. `day` is the SQL of a row's date, `segments`
    holds (segment, SQL of its member). `argument` is the SQL of what is aggregated. `filter_sql` is the metric's
    filter, None without one. `value` is the argument, NULL on rows that the filter excludes. `aggregate` is SQL with
    `{}` in the place of the value. `roll_up` is the function that combines the values of days, None where none can.
    `uses_first_day` is for stocks: whether a period has the value of its first day with rows, instead of its last day.
    `entities` is the SQL of keys, if each key has a last day of its own.
    `includes_total` says whether the total may be computed from these rows. It may not if a join for a segment can
    repeat rows. A cumulative metric is the query of its input metric, with a `window`; `daily_measure` names that
    input (of other metrics, itself). The source of a conversion metric is the table of a `cohort`.
    """

    metric: str
    measure_class: MeasureClass
    source: str
    day: str
    segments: tuple[tuple[str, str], ...]
    argument: str
    value: str
    filter_sql: str | None
    aggregate: str
    roll_up: str | None
    uses_first_day: bool
    includes_total: bool
    daily_measure: str
    window: Window | None = None
    cohort: Cohort | None = None
    entities: tuple[str, ...] = ()

    @property
    def row_source(self) -> str:
        """The source of its rows; of a cohort, the source of its base events."""
        return self.cohort.events.source if self.cohort else self.source


@dataclass(frozen=True)
class Window:
    """The days that a cumulative metric's value on one day covers, and how a period's value follows from its days.

    With `length` ("28 day") a day's value covers that many days up to it. With `since` ("month") it covers the days
    from the start of that month. With neither it covers all earlier days. `period_agg` is MetricFlow's: a period has
    the value of its first day, of its last day, or the average over its days.
    """

    length: str | None
    since: str | None
    period_agg: Literal["first", "last", "average"]

    @property
    def name(self) -> str:
        """Its part of a model's name, such as last_of_28_day."""
        return f"{self.period_agg}_of_{(self.length or self.since or 'all').replace(' ', '_')}"


@dataclass(frozen=True)
class Cohort:
    """What a conversion metric joins: its base events, and the conversions that may follow from them.

    `keys` are the pairs of group-by names, of the events and of the conversions, whose values must be equal: the
    entity, then the constant properties. Both queries have them among their segments. `window` ("90 day") is how long
    after an event a conversion counts, the event's own day included; None without a limit.
    """

    name: str
    events: MeasureQuery
    conversions: MeasureQuery
    keys: tuple[tuple[str, str], ...]
    window: str | None

    @property
    def model(self) -> str:
        """The name of the dbt model that attributes each conversion to an event."""
        return f"rollup_{self.name}_attributed"


def measure_query(
    metric: str, segments: Sequence[str], layer: SemanticLayer, *, includes_total: bool = True
) -> MeasureQuery:
    """The parts of a simple metric's query by day and `segments`. Cached in the layer.

    Raises NyckeltalError when MetricFlow can't cut the metric by a segment, or when its query isn't an aggregate by
    day.
    """
    key = metric, tuple(segments), includes_total
    if key not in layer.measure_queries:
        layer.measure_queries[key] = _measure_query(*key, layer)
    query: MeasureQuery = layer.measure_queries[key]
    return query


def _measure_query(metric: str, segments: Sequence[str], includes_total: bool, layer: SemanticLayer) -> MeasureQuery:
    """Take MetricFlow's daily query of a simple metric apart. Raises NyckeltalError if it has another shape."""
    parameters = layer.metrics[metric].type_params.metric_aggregation_params
    stock = parameters.non_additive_dimension
    entities = stock.window_groupings if stock is not None else ()
    queried = tuple(dict.fromkeys([*singles(segments), *entities]))
    tree = _flattened(layer.daily_sql(metric, queried), layer.dialect, is_stock=stock is not None)
    group = tree.args.get("group")
    columns = {projection.alias_or_name: projection.unalias() for projection in tree.selects}
    _require_cut(metric, queried, columns)
    aggregate = columns.pop(metric, None)
    if group is None or tree.args.get("having") or aggregate is None:
        raise NyckeltalError(
            f"MetricFlow's query for metric '{metric}' is not an aggregate by day: it can't be compiled"
        )
    where = tree.args.get("where")
    condition = where.this if where else None
    parts = _aggregate_parts(aggregate, columns["metric_time"], layer.dialect)
    argument = parts.argument
    if layer.fills_with_zero(metric) and parts.template == "SUM({})":
        argument = exp.func("COALESCE", argument, exp.Literal.number(0))  # rows without a value make 0, too

    def sql(expression: exp.Expr) -> str:
        return expression.sql(dialect=layer.dialect)

    def member(segment: str) -> str:
        members = [sql(columns[part]) for part in parts_of(segment)]
        return combined_member_sql(members) if is_combination(segment) else members[0]

    return MeasureQuery(
        metric=metric,
        measure_class="stock of entities" if entities else "stock" if stock is not None else parts.measure_class,
        source=" ".join(sql(part) for part in (tree.args["from_"].this, *(tree.args.get("joins") or ()))),
        day=sql(_day(columns.pop("metric_time"))),
        segments=tuple((segment, member(segment)) for segment in segments),
        argument=sql(argument),
        value=sql(argument) if condition is None else f"CASE WHEN {sql(condition)} THEN {sql(argument)} END",
        filter_sql=sql(condition) if condition is not None else None,
        aggregate=parts.template,
        roll_up=None if stock is not None else parts.roll_up,
        uses_first_day=stock is not None and stock.window_choice.value == "min",
        includes_total=includes_total,
        daily_measure=metric,
        entities=tuple(sql(columns[entity]) for entity in entities),
    )


def _require_cut(metric: str, segments: Sequence[str], columns: Iterable[str]) -> None:
    """Raises NyckeltalError for a segment that MetricFlow's query has under another name, such as a time dimension."""
    for segment in segments:
        if segment not in columns:
            resolved = next((column for column in columns if column.startswith(f"{segment}__")), None)
            problem = f"metric '{metric}' can't be cut by the segment '{segment}'"
            if resolved is None:
                raise NyckeltalError(f"{problem}: MetricFlow gives it another name")
            raise NyckeltalError(
                f"{problem}, which is a time dimension; MetricFlow has it by {resolved.removeprefix(f'{segment}__')}",
                expected="an entity or a categorical dimension",
            )


def _flattened(sql: str, dialect: str, *, is_stock: bool) -> exp.Select:
    """MetricFlow's query with its nested selects merged into one and its tables as references to dbt models."""
    tree = parse_one(re.sub(r"_src_\d+\b", "", sql), dialect=dialect)
    for node in tree.walk():
        node.comments = None
    if is_stock:
        # MetricFlow joins a stock to the last day of each period. Grouped by day, that join keeps every row.
        tree.set("joins", [])
    _inline_ctes(tree)
    tree = qualify(tree, dialect=dialect, quote_identifiers=False, identify=False, validate_qualify_columns=False)
    for scope in traverse_scope(tree):
        # Merging needs a table name at every column. In a nested select of one table, columns have none.
        if len(scope.sources) == 1:
            for column in scope.unqualified_columns:
                column.set("table", exp.to_identifier(next(iter(scope.sources))))
    tree = merge_subqueries(tree)
    if not isinstance(tree, exp.Select):
        raise NyckeltalError("MetricFlow's query is not a single SELECT, so it can't be compiled")
    for table in tree.find_all(exp.Table):
        if table.db:
            table.replace(exp.to_table(f"__ref__{table.name}__", alias=table.alias or table.name))
    if len(list(tree.find_all(exp.Table))) == 1:
        for column in tree.find_all(exp.Column):
            column.set("table", None)
    return tree


def _inline_ctes(tree: exp.Expr) -> None:
    """Puts each CTE of MetricFlow's query in the places that read it. A filter by another metric reads rows twice."""
    with_clause = tree.args.get("with_")
    for cte in list(with_clause.expressions) if with_clause else ():
        cte.pop()
        for table in list(tree.find_all(exp.Table)):
            if table.name == cte.alias and not table.db:
                table.replace(exp.Subquery(this=cte.this.copy(), alias=exp.TableAlias(this=table.alias_or_name)))
    tree.set("with_", None)


class _AggregateParts(NamedTuple):
    """An aggregate's class, the function that combines its days, its SQL with `{}` for the argument, the argument."""

    measure_class: MeasureClass
    roll_up: str | None
    template: str
    argument: exp.Expr


def _aggregate_parts(aggregate: exp.Expr, day: exp.Expr, dialect: str) -> _AggregateParts:
    """The parts of an aggregate over the rows of each day; `day` is the column by which they are grouped.

    Raises NyckeltalError for an aggregate that can't be compiled.
    """
    for aggregate_type, function in _ROLL_UPS.items():
        if isinstance(aggregate, aggregate_type):
            return _AggregateParts("rolls up", function, f"{function}({{}})", aggregate.this)
    if isinstance(aggregate, exp.Count) and isinstance(aggregate.this, exp.Distinct):
        argument = aggregate.this.expressions[0]
        if _day(day) == _day(argument):  # distinct days add up: each day counts as one
            return _AggregateParts("rolls up", "SUM", "NULLIF(COUNT(DISTINCT {}), 0)", argument)
        return _AggregateParts("distinct", None, "COUNT(DISTINCT {})", argument)
    if isinstance(aggregate, exp.Avg):
        return _AggregateParts("average", None, "AVG({})", aggregate.this)
    if isinstance(aggregate, exp.WithinGroup) and isinstance(aggregate.this, exp.PercentileCont | exp.PercentileDisc):
        # As text in standard SQL: sqlglot would write Spark's exact percentile as an approximate one.
        function = "PERCENTILE_CONT" if isinstance(aggregate.this, exp.PercentileCont) else "PERCENTILE_DISC"
        share = aggregate.this.this.sql(dialect=dialect)
        argument = aggregate.expression.expressions[0].this.unnest()
        return _AggregateParts("quantile", None, f"{function}({share}) WITHIN GROUP (ORDER BY {{}})", argument)
    raise NyckeltalError(
        f"the aggregate {aggregate.sql(dialect=dialect)} can't be compiled",
        expected="a sum, min, max, count_distinct, average, median or percentile",
    )


def _day(expression: exp.Expr) -> exp.Expr:
    """A time dimension's column as a date, without MetricFlow's truncation to the day or less."""
    while isinstance(expression, exp.DateTrunc | exp.TimestampTrunc) and _unit(expression) not in _LONGER_THAN_DAY:
        expression = expression.this
    return exp.cast(expression.copy(), "date")


_LONGER_THAN_DAY = ("week", "month", "quarter", "year")


def _unit(truncation: exp.DateTrunc | exp.TimestampTrunc) -> str:
    return str(truncation.args["unit"].name).lower()
