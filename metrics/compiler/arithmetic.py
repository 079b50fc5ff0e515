"""The arithmetic over measures: the SQL expressions of ratio, derived and conversion metrics. No rows are read here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlglot import exp, parse_one

from metrics.compiler.cohorts import conversions_measure
from metrics.compiler.offsets import added, offset_of
from metrics.compiler.semantic_layer import SemanticLayer
from metrics.definitions.kpis.kpi import Persons


@dataclass(frozen=True, order=True)
class Measure:
    """What is computed over rows: a simple or cumulative metric, or the conversions of a conversion metric.

    With an `offset` ("1 year") it has the value of the period that begins so much earlier.
    """

    metric: str
    offset: str = ""

    @property
    def column(self) -> str:
        """Its column in the compiled SQL."""
        return f"{self.metric}_{self.offset.replace(' ', '_')}_ago" if self.offset else self.metric


class Arithmetic:
    """Builds SQL expressions over measure columns, and collects in `measures` the measures that they use.

    With a `freq_dimension` there is a measure for each of `freqs`, over the rows of that frequency; `freq_of` has the
    frequency of each column.
    """

    def __init__(self, layer: SemanticLayer, freq_dimension: str | None = None, freqs: Sequence[str] = ()) -> None:
        self.layer = layer
        self.freq_dimension = freq_dimension
        self.freqs = freqs
        self.measures: set[Measure] = set()
        self.freq_of: dict[str, str] = {}

    def value(self, metric_name: str, offset: str = "") -> exp.Expr:
        """The expression of any metric. With an `offset`, it is the value of the period that much earlier."""
        metric = self.layer.metrics[metric_name]
        if metric.type.value in ("simple", "cumulative"):
            return self._filled(metric_name, offset)
        if metric.type.value == "conversion":
            conversions = self.measure(conversions_measure(metric_name, self.layer), offset)
            base_metric = metric.type_params.conversion_type_params.base_metric
            is_rate = conversions.name != Measure(metric_name, offset).column
            return _ratio(conversions, self.input(base_metric, offset)) if is_rate else conversions
        if metric.type.value == "ratio":
            numerator = self.input(metric.type_params.numerator, offset)
            denominator = self.input(metric.type_params.denominator, offset)
            return _ratio(numerator, denominator)
        return self.derived(metric, expression_of(metric), offset)

    def measure(self, name: str, offset: str) -> exp.Expr:
        """The column of a measure. With a `freq_dimension` there is one column for each frequency."""
        if self.freq_dimension is None:
            measure = Measure(name, offset)
            self.measures.add(measure)
            return exp.column(measure.column)
        by_freq = exp.Case(this=exp.column("freq"))
        for freq in self.freqs:
            measure = Measure(self.layer.of_freq(name, self.freq_dimension, freq), offset)
            self.measures.add(measure)
            self.freq_of[measure.column] = freq
            by_freq = by_freq.when(exp.Literal.string(freq), exp.column(measure.column))
        return by_freq

    def _filled(self, name: str, offset: str) -> exp.Expr:
        """The column of a simple or cumulative metric; 0 instead of NULL if it has `fill_nulls_with: 0`."""
        column = self.measure(name, offset)
        cumulative = self.layer.metrics[name].type_params.cumulative_type_params
        if self.layer.fills_with_zero(cumulative.metric.name if cumulative else name):
            return exp.func("COALESCE", column, exp.Literal.number(0))
        return column

    def persons(self, persons: Persons, role: Literal["numerator", "denominator"]) -> exp.Expr:
        """How many persons count in a group: all of them, or only n where the n largest dominate its sum."""
        count = self.value(getattr(persons, role))
        rule = persons.dominance
        if rule is None:
            return count
        share = exp.Mul(this=exp.Literal.number(rule.n), expression=exp.paren(self.value(getattr(rule, role))))
        dominated = exp.GT(this=share, expression=exp.Literal.number(rule.k))
        return exp.Case().when(dominated, exp.Literal.number(rule.n)).else_(count)

    def derived(self, metric: Any, tree: exp.Expr, offset: str = "") -> exp.Expr:
        """`tree`, an expression over the inputs of a derived metric, with the expression of each input in its place."""
        inputs = {
            metric_input.alias or metric_input.name: self.input(metric_input, offset)
            for metric_input in metric.type_params.metrics
        }
        return tree.transform(lambda node: _operand(inputs[node.name]) if _is_input(node, inputs) else node)

    def input(self, metric_input: Any, offset: str = "") -> exp.Expr:
        """The expression of one of MetricFlow's metric inputs. Its own offset is added to the offset of the metric."""
        whole_offset = added(offset_of(metric_input), offset)
        assert whole_offset is not None, metric_input.name  # `unsupported` refuses it
        return self.value(metric_input.name, whole_offset)


def _ratio(numerator: exp.Expr, denominator: exp.Expr) -> exp.Div:
    """A division that gives NULL for a zero denominator: DuckDB itself gives infinity or NaN without an error."""
    return exp.Div(
        this=exp.cast(numerator, "double"),
        expression=exp.cast(exp.func("NULLIF", denominator, exp.Literal.number(0)), "double"),
    )


def expression_of(metric: Any) -> exp.Expr:
    """The expression of a derived metric, over the names of its inputs."""
    return parse_one(metric.type_params.expr, dialect="duckdb")


def _operand(expression: exp.Expr) -> exp.Expr:
    return exp.paren(expression) if isinstance(expression, exp.Binary) else expression


def _is_input(node: exp.Expr, inputs: dict[str, exp.Expr]) -> bool:
    return isinstance(node, exp.Column) and node.name in inputs
