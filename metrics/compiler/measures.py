"""A metric in the form that a shared scan needs: MetricFlow's own query for a simple one, taken apart.

MetricFlow writes the query by day and segment; what is left of it here is where its rows come from, and for every row
the day, the segment members and the value that is aggregated. How values combine over days is the measure's class.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlglot import exp, parse_one
from sqlglot.optimizer.merge_subqueries import merge_subqueries
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope

from metrics.compiler.semantic_layer import SemanticLayer
from metrics.core.errors import NyckeltalError

# How a measure's values over a period come from its rows:
#   rolls up   from the values of its days: a sum, the least or the greatest
#   stock      from one of its days: the last (or first) that has any rows
#   distinct, quantile, average   from all rows of the period again; what days give can't be put together
MeasureClass = Literal["rolls up", "stock", "distinct", "quantile", "average"]
_ROLL_UPS = {exp.Sum: "SUM", exp.Min: "MIN", exp.Max: "MAX"}


@dataclass(frozen=True)
class MeasureQuery:
    """One simple metric over the rows of a source.

    `source` is everything after FROM, with each table as `__ref__<model>__`. `argument` is an expression over its
    columns and `counts` the metric's filter, None where there is none; `value` is the argument, NULL on other rows.
    `aggregate` is SQL with `{}` where the value stands; `roll_up` the function that combines days, where one does.
    `total` says whether its rows make the total too: a segment's join may repeat them.
    A cumulative metric is its input's query with a `window`, and `days_of` names that input; the source of a conversion
    metric is the table of a `cohort`.
    """

    metric: str
    measure_class: MeasureClass
    source: str
    day: str
    segments: tuple[tuple[str, str], ...]
    argument: str
    value: str
    counts: str | None
    aggregate: str
    roll_up: str | None
    first_day: bool
    total: bool
    days_of: str
    window: Window | None = None
    cohort: Cohort | None = None

    @property
    def rows_from(self) -> str:
        """Where its rows come from in the end: the source, or that of a cohort's events."""
        return self.cohort.events.source if self.cohort else self.source


@dataclass(frozen=True)
class Window:
    """The days that a cumulative metric's value on a day covers, and which days of a period its value is taken from.

    They are the `length` ("28 day") up to the day, or all since its `since` ("month") began, or simply all before it.
    """

    length: str | None
    since: str | None
    taken: Literal["first", "last", "average"]

    @property
    def name(self) -> str:
        """Its name in a model's name, such as last_of_28_day."""
        return f"{self.taken}_of_{(self.length or self.since or 'all').replace(' ', '_')}"


@dataclass(frozen=True)
class Cohort:
    """What a conversion metric joins: its base events and the conversions that they may lead to.

    `keys` are the group-by names that must be equal, the entity's and the constant properties', each for events and for
    conversions; both queries have them among their segments. `window` ("90 day") is how long after an event a
    conversion counts, its own day included; None without a limit.
    """

    name: str
    events: MeasureQuery
    conversions: MeasureQuery
    keys: tuple[tuple[str, str], ...]
    window: str | None

    @property
    def model(self) -> str:
        """The model that gives each conversion to an event."""
        return f"rollup_{self.name}_attributed"


def measure_query(metric: str, segments: Sequence[str], layer: SemanticLayer, *, total: bool = True) -> MeasureQuery:
    """A simple metric by day and those segments.

    Raises NyckeltalError when MetricFlow can't cut the metric by a segment, or writes a query of another shape.
    """
    parameters = layer.metrics[metric].type_params.metric_aggregation_params
    stock = parameters.non_additive_dimension
    tree = _merged(layer.daily_sql(metric, segments), layer.dialect, is_stock=stock is not None)
    group = tree.args.get("group")
    columns = {projection.alias_or_name: projection.unalias() for projection in tree.selects}
    aggregate = columns.pop(metric, None)
    if group is None or tree.args.get("having") or aggregate is None:
        raise NyckeltalError(f"MetricFlow's query for metric '{metric}' has another shape than an aggregate by day")
    where = tree.args.get("where")
    counts = where.this if where else None
    measure_class, roll_up, text, value = _taken_apart(aggregate, columns["metric_time__day"], layer.dialect)

    def sql(expression: exp.Expr) -> str:
        return expression.sql(dialect=layer.dialect)

    return MeasureQuery(
        metric=metric,
        measure_class="stock" if stock is not None else measure_class,
        source=" ".join(sql(part) for part in (tree.args["from_"].this, *(tree.args.get("joins") or ()))),
        day=sql(_day(columns.pop("metric_time__day"))),
        segments=tuple((segment, sql(columns[segment])) for segment in segments),
        argument=sql(value),
        value=sql(value) if counts is None else f"CASE WHEN {sql(counts)} THEN {sql(value)} END",
        counts=sql(counts) if counts is not None else None,
        aggregate=text,
        roll_up=None if stock is not None else roll_up,
        first_day=stock is not None and stock.window_choice.value == "min",
        total=total,
        days_of=metric,
    )


def _merged(sql: str, dialect: str, *, is_stock: bool) -> exp.Select:
    """MetricFlow's query with its nested selects merged into one, its tables as references to dbt models."""
    tree = parse_one(re.sub(r"_src_\d+\b", "", sql), dialect=dialect)
    for node in tree.walk():
        node.comments = None
    if is_stock:
        # By day, the join to the last day of each day keeps every row.
        tree.set("joins", [])
    tree = qualify(tree, dialect=dialect, quote_identifiers=False, identify=False, validate_qualify_columns=False)
    for scope in traverse_scope(tree):
        # Merging needs every column to say its table, which in a nested select of one table it doesn't.
        if len(scope.sources) == 1:
            for column in scope.unqualified_columns:
                column.set("table", exp.to_identifier(next(iter(scope.sources))))
    tree = merge_subqueries(tree)
    if not isinstance(tree, exp.Select):
        raise NyckeltalError("MetricFlow's query is no single select")
    for table in tree.find_all(exp.Table):
        if table.db:
            table.replace(exp.to_table(f"__ref__{table.name}__", alias=table.alias or table.name))
    if len(list(tree.find_all(exp.Table))) == 1:
        for column in tree.find_all(exp.Column):
            column.set("table", None)
    return tree


def _taken_apart(aggregate: exp.Expr, day: exp.Expr, dialect: str) -> tuple[MeasureClass, str | None, str, exp.Expr]:
    """The class of an aggregate, what combines its days, its text with `{}` for the value, and the value."""
    for kind, name in _ROLL_UPS.items():
        if isinstance(aggregate, kind):
            return "rolls up", name, f"{name}({{}})", aggregate.this
    if isinstance(aggregate, exp.Count) and isinstance(aggregate.this, exp.Distinct):
        value = aggregate.this.expressions[0]
        if _day(day) == _day(value):  # days, counted by day: each is one, and they add up
            return "rolls up", "SUM", "NULLIF(COUNT(DISTINCT {}), 0)", value
        return "distinct", None, "COUNT(DISTINCT {})", value
    if isinstance(aggregate, exp.Avg):
        return "average", None, "AVG({})", aggregate.this
    if isinstance(aggregate, exp.WithinGroup) and isinstance(aggregate.this, exp.PercentileCont | exp.PercentileDisc):
        # As text, in the standard's words: sqlglot would write Spark's exact percentile as an approximate one.
        name = "PERCENTILE_CONT" if isinstance(aggregate.this, exp.PercentileCont) else "PERCENTILE_DISC"
        share = aggregate.this.this.sql(dialect=dialect)
        return (
            "quantile",
            None,
            f"{name}({share}) WITHIN GROUP (ORDER BY {{}})",
            aggregate.expression.expressions[0].this.unnest(),
        )
    raise NyckeltalError(f"no class is known for the aggregate {aggregate.sql(dialect=dialect)}")


def _day(expression: exp.Expr) -> exp.Expr:
    """A time dimension's column as a date, without the truncation to the day that MetricFlow puts around it."""
    while isinstance(expression, exp.DateTrunc | exp.TimestampTrunc):
        expression = expression.this
    return exp.cast(expression.copy(), "date")
