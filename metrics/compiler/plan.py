"""From KPIs to a plan: the measures of each, the arithmetic over them, and the rollups in which measures share scans.

Pure: a semantic layer and KPIs go in, a plan comes out. No SQL text but the arithmetic's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sqlglot import exp, parse_one

from metrics.compiler.cohorts import cohort_query, conversions_measure, metric_of
from metrics.compiler.measures import Cohort, MeasureQuery, Window, measure_query
from metrics.compiler.persons import contributions, person_counts
from metrics.compiler.semantic_layer import SemanticLayer
from metrics.compiler.windows import window_of, window_query
from metrics.core.periods import FREQS, PART_OF_WEEK, later, period_of
from metrics.definitions.catalog import Contributions, PersonCount
from metrics.definitions.kpi import Kpi, Persons

_DAYS = {"day": 1.0, "week": 7.0, "month": 30.5, "quarter": 91.5, "year": 366.0}


@dataclass(frozen=True, order=True)
class Measure:
    """What is computed over rows: a simple or cumulative metric, or the conversions of a conversion metric.

    Perhaps of an earlier period (`offset`, such as "1 year").
    """

    metric: str
    offset: str = ""

    @property
    def column(self) -> str:
        """Its column in the compiled SQL."""
        return f"{self.metric}_{self.offset.replace(' ', '_')}_ago" if self.offset else self.metric


@dataclass(frozen=True)
class Rollup:
    """The measures that one source of rows answers, over one time dimension: what one scan by day brings.

    Where a segment or a filter needs a joined table, that join is a source of its own, so that what it does to rows
    stays with the measures and segments that need it. `to_date` says whether a KPI wants its months to date and
    rolling. Cumulative metrics of one `window` have a rollup of their own, over the days of the rollup that `days`
    names; they need `spine`, the model with all days of the calendar. A conversion metric's rollup is over its
    `cohort`.
    """

    name: str
    source: str
    day: str
    segments: tuple[tuple[str, str], ...]
    freqs: tuple[str, ...]
    measures: tuple[MeasureQuery, ...]
    to_date: bool
    kpi_ids: tuple[str, ...]
    days: str
    spine: str
    window: Window | None = None
    cohort: Cohort | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """The dbt models that it reads, the fact first."""
        sources = (self.cohort.events.source, self.cohort.conversions.source) if self.cohort else (self.source,)
        return tuple(dict.fromkeys(re.findall(r"__ref__(\w+?)__", " ".join(sources))))

    @property
    def computed_freqs(self) -> tuple[str, ...]:
        """The frequencies whose values come from rows: for the average over a period's days, D."""
        return ("D",) if self.window is not None and self.window.taken == "average" else self.freqs

    @property
    def rolled_up(self) -> tuple[MeasureQuery, ...]:
        """The measures whose periods come from the values of their days."""
        return tuple(measure for measure in self.measures if measure.measure_class in ("rolls up", "stock"))

    @property
    def recounted(self) -> tuple[MeasureQuery, ...]:
        """The measures whose periods are computed from their rows again."""
        return tuple(measure for measure in self.measures if measure.measure_class not in ("rolls up", "stock"))


@dataclass(frozen=True)
class KpiPlan:
    """How one KPI is computed. The expressions are over measure columns.

    A ratio is a ratio metric, a derived one whose expression is one division, or a conversion rate. `windows` are
    those of its cumulative metrics, by measure.
    """

    kpi: Kpi
    is_ratio: bool
    numerator_metric: str | None
    denominator_metric: str | None
    measures: tuple[str, ...]
    uses: tuple[Measure, ...]
    windows: dict[str, Window]
    to_date: bool
    freqs: tuple[str, ...]
    person_counts: tuple[PersonCount, ...]
    contributions: Contributions | None
    value: exp.Expr
    numerator: exp.Expr
    denominator: exp.Expr | None
    n_obs: exp.Expr
    n_persons_numerator: exp.Expr | None
    n_persons_denominator: exp.Expr | None

    @property
    def offsets(self) -> tuple[Measure, ...]:
        """The measures of an earlier period."""
        return tuple(measure for measure in self.uses if measure.offset)

    @property
    def lookback(self) -> str | None:
        """How far back it looks, None when only at its own period."""
        spans = [*self.compared_with, *([self.longest_window] if self.longest_window else [])]
        return self.kpi.definition.lookback or max(spans, key=days_in, default=None)

    @property
    def compared_with(self) -> tuple[str, ...]:
        """How long before its own period those begin that it is compared with."""
        return tuple(sorted({measure.offset for measure in self.offsets}))

    @property
    def longest_window(self) -> str | None:
        """How long before its period the rows begin that it is computed from; None where they are the period's own."""
        lengths = [one.length for one in self.windows.values() if one.length]
        return self.kpi.definition.lookback or max(lengths, key=days_in, default=None)

    def observable_from(self, history_from: date) -> date:
        """The first day of the first period that can be computed, where its feeds' history begins on a day.

        A period before that lacks rows of its own, of the earlier period that it is compared with, or of its window.
        """
        stated = self.kpi.definition.lookback
        days = [later(history_from, stated) if stated else history_from]
        for measure in self.uses:
            day, window = history_from, self.windows.get(measure.metric)
            if window and window.length:
                day = later(day, window.length)
            elif window and window.since:
                day = _next_start(window.since, day)
            days.append(later(day, measure.offset) if measure.offset else day)
        return max(days)


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
    elif metric.type.value == "conversion" and isinstance(value, exp.Div):
        denominator_metric = metric.type_params.conversion_type_params.base_metric.name
        numerator = exp.column(conversions_measure(definition.metric, layer))
        denominator = arithmetic.value(denominator_metric)
    n_obs = arithmetic.value(definition.n_obs)
    persons = definition.persons
    persons_numerator = arithmetic.persons(persons, "numerator") if persons else None
    persons_denominator = arithmetic.persons(persons, "denominator") if persons and persons.denominator else None
    measures = tuple(sorted({measure.metric for measure in arithmetic.measures}))
    adds_up = all(_adds_to_date(measure, layer) for measure in measures)
    freqs: tuple[str, ...] = kpi.adoption.freqs
    if persons and adds_up and "W" in freqs and len(freqs) > 1:
        freqs += (PART_OF_WEEK,)
    return KpiPlan(
        kpi=kpi,
        is_ratio=denominator is not None,
        numerator_metric=numerator_metric,
        denominator_metric=denominator_metric,
        measures=measures,
        uses=tuple(sorted(arithmetic.measures)),
        windows={measure: window for measure in measures if (window := window_of(metric_of(measure), layer))},
        to_date=kpi.adoption.to_date and adds_up,
        freqs=freqs,
        person_counts=person_counts(definition, layer),
        contributions=contributions(definition, kpi.adoption.segments, layer),
        value=value,
        numerator=numerator,
        denominator=denominator,
        n_obs=n_obs,
        n_persons_numerator=persons_numerator,
        n_persons_denominator=persons_denominator,
    )


def rollups(plans: Sequence[KpiPlan], layer: SemanticLayer) -> tuple[Rollup, ...]:
    """The rollups beneath some KPIs, sorted by name: every measure once, in as few scans as there are sources.

    Raises NyckeltalError when a measure can't be cut by a segment that one of its KPIs is cut by.
    """
    wanted: dict[str, list[KpiPlan]] = {}
    for one in plans:
        for measure in dict.fromkeys([*one.measures, *(_days_of(measure, layer) for measure in one.measures)]):
            wanted.setdefault(measure, []).append(one)
    sources: dict[tuple[str, str, Window | None], list[tuple[MeasureQuery, list[KpiPlan]]]] = {}
    for measure, using in sorted(wanted.items()):
        segments = sorted({segment for user in using for segment in user.kpi.adoption.segments})
        for query in _queries(measure, segments, layer):
            sources.setdefault((query.source, query.day, query.window), []).append((query, using))
    found: dict[str, Rollup] = {}
    days: dict[tuple[str, str], str] = {}
    for (source, day, window), queries in sorted(sources.items(), key=lambda item: item[0][2] is not None):
        users = {user.kpi.id: user for _, using in queries for user in using}
        name = _rollup_name(queries[0][0], layer) if window is None else f"{days[source, day]}_{window.name}"
        if name in found:
            name += f"_{queries[0][0].metric}"
        found[name] = Rollup(
            name=name,
            source=source,
            day=day,
            segments=tuple(sorted({segment for query, _ in queries for segment in query.segments})),
            freqs=tuple(freq for freq in (*FREQS, PART_OF_WEEK) if any(freq in user.freqs for user in users.values())),
            measures=tuple(query for query, _ in queries),
            to_date=window is None and any(user.to_date for user in users.values()),
            kpi_ids=tuple(sorted(users)),
            days=days.setdefault((source, day), name),
            spine=layer.time_spine,
            window=window,
            cohort=queries[0][0].cohort,
        )
    return tuple(found[name] for name in sorted(found))


def _rollup_name(query: MeasureQuery, layer: SemanticLayer) -> str:
    """The fact, with its time dimension where that isn't the fact's usual one, and the segment that a join is for."""
    if query.cohort:
        return query.cohort.name
    aggregation = layer.metrics[query.metric].type_params.metric_aggregation_params
    name = str(aggregation.semantic_model)
    if aggregation.agg_time_dimension != layer.usual_time_dimension(name):
        name += f"_by_{aggregation.agg_time_dimension}"
    return name if query.total else f"{name}_of_{query.segments[0][0]}"


def _queries(measure: str, segments: Sequence[str], layer: SemanticLayer) -> list[MeasureQuery]:
    """One query for all segments; where some need joined tables, one for the others and one for each of those."""
    metric = metric_of(measure)
    query_of = {"cumulative": window_query, "conversion": cohort_query}.get(
        layer.metrics[metric].type.value, measure_query
    )
    whole = query_of(metric, segments, layer)
    alone = query_of(metric, (), layer)
    if whole.rows_from == alone.rows_from:
        return [whole]
    single = {segment: query_of(metric, (segment,), layer, total=False) for segment in segments}
    own = [segment for segment, query in single.items() if query.rows_from == alone.rows_from]
    return [query_of(metric, own, layer), *(query for segment, query in single.items() if segment not in own)]


def days_in(duration: str) -> float:
    """About how many days a duration ("1 year", "90 days") has, to compare durations by."""
    count, unit = duration.split()
    return int(count) * _DAYS[unit.removesuffix("s")]


def _next_start(grain: str, day: date) -> date:
    """The first day on or after that one with which a week, month, quarter or year begins."""
    period = period_of({"week": "W", "month": "M", "quarter": "Q", "year": "A"}[grain], day)
    return day if period.start == day else period.next().start


def conversion_metrics(metric_name: str, layer: SemanticLayer) -> Iterator[Any]:
    """The conversion metrics that a metric is made of."""
    metric = layer.metrics[metric_name]
    if metric.type.value == "conversion":
        yield metric
    for one in _inputs(metric):
        yield from conversion_metrics(one.name, layer)


def unsupported(metric_name: str, layer: SemanticLayer) -> str | None:
    """Why a metric can't be compiled, None when it can."""
    metric = layer.metrics[metric_name]
    kind = metric.type.value
    over_rows = kind in ("cumulative", "conversion")
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
        if over_rows and not _is_flow(one.name, layer):
            return f"metric '{metric_name}' is {kind}, of '{one.name}'; its inputs are simple metrics that are no stock"
        if (reason := unsupported(one.name, layer)) is not None:
            return reason
    return None


class _Arithmetic:
    """Builds expressions over measure columns and remembers the measures that they use."""

    def __init__(self, layer: SemanticLayer) -> None:
        self.layer = layer
        self.measures: set[Measure] = set()

    def value(self, metric_name: str, offset: str = "") -> exp.Expr:
        metric = self.layer.metrics[metric_name]
        if metric.type.value in ("simple", "cumulative"):
            return self.measure(metric_name, offset)
        if metric.type.value == "conversion":
            conversions = self.measure(conversions_measure(metric_name, self.layer), offset)
            rollup = metric.type_params.conversion_type_params.base_metric
            is_rate = conversions.name != Measure(metric_name, offset).column
            return _ratio(conversions, self.input(rollup, offset)) if is_rate else conversions
        if metric.type.value == "ratio":
            numerator = self.input(metric.type_params.numerator, offset)
            denominator = self.input(metric.type_params.denominator, offset)
            return _ratio(numerator, denominator)
        return self.derived(metric, _expr(metric), offset)

    def measure(self, name: str, offset: str) -> exp.Column:
        measure = Measure(name, offset)
        self.measures.add(measure)
        return exp.column(measure.column)

    def persons(self, persons: Persons, role: Literal["numerator", "denominator"]) -> exp.Expr:
        """How many persons count in a group: all, or where n of them dominate its sum only those."""
        count = self.value(getattr(persons, role))
        rule = persons.dominance
        if rule is None:
            return count
        share = exp.Mul(this=exp.Literal.number(rule.n), expression=exp.paren(self.value(getattr(rule, role))))
        dominated = exp.GT(this=share, expression=exp.Literal.number(rule.k))
        return exp.Case().when(dominated, exp.Literal.number(rule.n)).else_(count)

    def derived(self, metric: Any, tree: exp.Expr, offset: str = "") -> exp.Expr:
        inputs = {one.alias or one.name: self.input(one, offset) for one in metric.type_params.metrics}
        return tree.transform(lambda node: _operand(inputs[node.name]) if _names(node, inputs) else node)

    def input(self, one: Any, offset: str = "") -> exp.Expr:
        window = one.offset_window
        shift = f"{window.count} {window.granularity}" if window else ""
        return self.value(one.name, shift or offset)


def _ratio(numerator: exp.Expr, denominator: exp.Expr) -> exp.Div:
    """DuckDB divides by zero without a word; a ratio without a denominator is no value."""
    return exp.Div(
        this=exp.cast(numerator, "double"),
        expression=exp.cast(exp.func("NULLIF", denominator, exp.Literal.number(0)), "double"),
    )


def _expr(metric: Any) -> exp.Expr:
    return parse_one(metric.type_params.expr, dialect="duckdb")


def _operand(expression: exp.Expr) -> exp.Expr:
    return exp.paren(expression) if isinstance(expression, exp.Binary) else expression


def _names(node: exp.Expr, inputs: dict[str, exp.Expr]) -> bool:
    return isinstance(node, exp.Column) and node.name in inputs


def _inputs(metric: Any) -> list[Any]:
    parameters = metric.type_params
    found = [parameters.numerator, parameters.denominator, *(parameters.metrics or ())]
    if cumulative := parameters.cumulative_type_params:
        found.append(cumulative.metric)
    if conversion := parameters.conversion_type_params:
        found += [conversion.base_metric, conversion.conversion_metric]
    return [one for one in found if one is not None]


def _days_of(measure: str, layer: SemanticLayer) -> str:
    """The measure whose days a measure is computed from: a cumulative metric's input, else itself."""
    cumulative = layer.metrics[metric_of(measure)].type_params.cumulative_type_params
    return str(cumulative.metric.name) if cumulative else measure


def _is_flow(metric: str, layer: SemanticLayer) -> bool:
    aggregation = layer.metrics[metric].type_params.metric_aggregation_params
    return aggregation is not None and aggregation.non_additive_dimension is None


def _adds_to_date(measure: str, layer: SemanticLayer) -> bool:
    """Whether a span of several periods has a value of its own: a stock and a value over a window have none."""
    metric = layer.metrics[metric_of(measure)]
    return metric.type.value == "conversion" or _is_flow(metric.name, layer)
