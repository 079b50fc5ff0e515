"""The plan of KPIs: the measures of each, the arithmetic over them, and the rollups in which measures share scans.

Pure: a semantic layer and KPIs go in, a plan comes out. The SQL expressions over measures are made in arithmetic.py,
all other SQL in `sql/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlglot import exp

from metrics.compiler.arithmetic import Arithmetic, Measure, expression_of
from metrics.compiler.cohorts import cohort_query, conversions_measure, metric_of
from metrics.compiler.input_filters import inputs
from metrics.compiler.measures import Cohort, MeasureQuery, Window, measure_query
from metrics.compiler.offsets import days_in, is_whole
from metrics.compiler.persons import contributions, part_of, person_counts
from metrics.compiler.semantic_layer import SemanticLayer
from metrics.compiler.support import is_flow
from metrics.compiler.windows import window_of, window_query
from metrics.core.periods import FREQS, PART_OF_WEEK, later, period_of
from metrics.core.segments import identifier
from metrics.definitions.catalog import Contributions, PersonCount
from metrics.definitions.kpis.kpi import Kpi  # Expressions that are NULL where one of their operands is.

_PLAIN = (
    exp.Column, exp.Identifier, exp.Literal, exp.Paren, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Nullif,
    exp.Cast, exp.DataType,
)  # fmt: skip


@dataclass(frozen=True)
class Rollup:
    """The measures that are computed in one scan: those with the same source of rows and the same time dimension.

    A join for a segment or a filter is a source of its own, because it may repeat or drop rows: it affects only the
    measures and segments that need it. `to_date` says whether a KPI needs the year to date and the rolling twelve
    months. Cumulative metrics with the same `window` have a rollup of their own. `days` is the name of the rollup whose
    daily model a rollup reads: its own, or of a window the rollup with the input metrics. `spine` is the dbt model with
    all days of the calendar. A conversion metric's rollup has a `cohort`.
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
        """The frequencies whose values are computed from rows; D where a period has the average over its days."""
        return ("D",) if self.window is not None and self.window.period_agg == "average" else self.freqs

    @property
    def rolled_up(self) -> tuple[MeasureQuery, ...]:
        """The measures whose value for a period is computed from the values of its days."""
        return tuple(measure for measure in self.measures if measure.measure_class in ("rolls up", "stock"))

    @property
    def non_additive(self) -> tuple[MeasureQuery, ...]:
        """The measures whose value for a period is computed from all its rows."""
        return tuple(measure for measure in self.measures if measure.measure_class not in ("rolls up", "stock"))


@dataclass(frozen=True)
class KpiPlan:
    """How one KPI is computed. The SQL expressions are over measure columns.

    A KPI is a ratio if its metric is a ratio metric, a conversion rate, or a derived metric whose expression is one
    division. `expanded_formula` is that of CatalogKpi. `measures` are the names of the measures, each once; `uses` the
    measures with their offsets. `windows` has the window of each cumulative measure, by its name. `freq_of` has the
    frequency of each measure column that is only for one.
    """

    kpi: Kpi
    is_ratio: bool
    numerator_metric: str | None
    denominator_metric: str | None
    expanded_formula: str | None
    measures: tuple[str, ...]
    uses: tuple[Measure, ...]
    windows: dict[str, Window]
    to_date: bool
    freqs: tuple[str, ...]
    freq_of: dict[str, str]
    person_counts: tuple[PersonCount, ...]
    part_of: str | None
    contributions: Contributions | None
    value: exp.Expr
    numerator: exp.Expr
    denominator: exp.Expr | None
    n_obs: exp.Expr
    n_persons_numerator: exp.Expr | None
    n_persons_denominator: exp.Expr | None

    @property
    def offsets(self) -> tuple[Measure, ...]:
        """The measures that are taken for an earlier period."""
        return tuple(measure for measure in self.uses if measure.offset)

    @property
    def has_value_of_vanished(self) -> bool:
        """Whether there is a value if only an earlier period has rows. `coalesce(a, 0) - a_year_ago` has one.

        Plain arithmetic over a measure of the period itself gives NULL there.
        """
        own = {measure.column for measure in self.uses if not measure.offset}
        is_plain = all(isinstance(node, _PLAIN) for node in self.value.walk())
        return bool(self.offsets) and not (
            is_plain and any(column.name in own for column in self.value.find_all(exp.Column))
        )

    @property
    def lookback(self) -> str | None:
        """How far before its own period it needs rows ("1 year"); None where it needs none."""
        spans = [*self.compared_with, *([self.longest_window] if self.longest_window else [])]
        return self.kpi.definition.lookback or max(spans, key=days_in, default=None)

    @property
    def compared_with(self) -> tuple[str, ...]:
        """How long before its own period the earlier periods begin that it is compared with ("1 year"); sorted."""
        return tuple(sorted({measure.offset for measure in self.offsets}))

    @property
    def longest_window(self) -> str | None:
        """How long before its period its first rows lie ("28 day"); None where it reads only rows of the period."""
        lengths = [window.length for window in self.windows.values() if window.length]
        return self.kpi.definition.lookback or max(lengths, key=days_in, default=None)

    def observable_from(self, history_from: date) -> date:
        """The first day from which periods can be computed, if the history of its feeds begins on `history_from`.

        A period that begins earlier lacks rows: its own rows, rows of the earlier period that it is compared with, or
        rows of its window.
        """
        lookback = self.kpi.definition.lookback
        days = [later(history_from, lookback) if lookback else history_from]
        for measure in self.uses:
            day, window = history_from, self.windows.get(measure.metric)
            if window and window.length:
                day = later(day, window.length)
            elif window and window.since:
                day = _next_start(window.since, day)
            days.append(later(day, measure.offset) if measure.offset else day)
        return max(days)


def plan(kpi: Kpi, layer: SemanticLayer) -> KpiPlan:
    """The plan of one KPI. Its metrics must exist and be supported: the lint rule metric_exists checks that."""
    definition = kpi.definition
    metric = layer.metrics[definition.metric]
    arithmetic = Arithmetic(layer, definition.freq_dimension, kpi.adoption.freqs)
    value = arithmetic.value(definition.metric)
    numerator, denominator = value.copy(), None
    numerator_metric = denominator_metric = None
    if metric.type.value == "ratio":
        numerator_metric = metric.type_params.numerator.name
        denominator_metric = metric.type_params.denominator.name
        numerator = arithmetic.input(metric.type_params.numerator)
        denominator = arithmetic.input(metric.type_params.denominator)
    elif metric.type.value == "derived" and isinstance(tree := expression_of(metric), exp.Div):
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
    persons_numerator = arithmetic.persons(persons, "numerator") if persons and persons.numerator else None
    persons_denominator = arithmetic.persons(persons, "denominator") if persons and persons.denominator else None
    measures = tuple(sorted({measure.metric for measure in arithmetic.measures}))
    adds_up = all(_adds_to_date(measure, layer) for measure in measures)
    offsets = [measure for measure in arithmetic.measures if measure.offset]
    freqs: tuple[str, ...] = kpi.adoption.freqs
    if persons and adds_up and "W" in freqs and len(freqs) > 1:
        freqs += (PART_OF_WEEK,)
    return KpiPlan(
        kpi=kpi,
        is_ratio=denominator is not None,
        numerator_metric=numerator_metric,
        denominator_metric=denominator_metric,
        expanded_formula=_expanded_formula(numerator, denominator),
        measures=measures,
        uses=tuple(sorted(arithmetic.measures)),
        windows={measure: window for measure in measures if (window := window_of(metric_of(measure), layer))},
        # The year up to a month, taken a month earlier, is another span than the year to date less a month.
        to_date=kpi.adoption.to_date
        and adds_up
        and definition.freq_dimension is None
        and all(is_whole(measure.offset, "A") for measure in offsets),
        freqs=freqs,
        freq_of=arithmetic.freq_of,
        person_counts=person_counts(definition, layer),
        part_of=part_of(definition, layer),
        contributions=contributions(definition, kpi.adoption.segments, layer),
        value=value,
        numerator=numerator,
        denominator=denominator,
        n_obs=n_obs,
        n_persons_numerator=persons_numerator,
        n_persons_denominator=persons_denominator,
    )


def _expanded_formula(numerator: exp.Expr, denominator: exp.Expr | None) -> str | None:
    """The formula (a - b) / a or (a - b) / b over measure columns; None of any other."""
    if not isinstance(numerator, exp.Sub) or denominator not in (numerator.this, numerator.expression):
        return None
    names = [[column.name for column in term.find_all(exp.Column)] for term in (numerator.this, numerator.expression)]
    if any(len(of_term) != 1 for of_term in names):
        return None
    (first,), (second,) = names
    return f"({first} - {second}) / {first if denominator == numerator.this else second}"


def rollups(plans: Sequence[KpiPlan], layer: SemanticLayer) -> tuple[Rollup, ...]:
    """The rollups that compute the measures of those KPIs: each measure once, one rollup per source. Sorted by name.

    Raises NyckeltalError when a measure can't be cut by a segment that one of its KPIs is cut by.
    """
    plans_of_measure: dict[str, list[KpiPlan]] = {}
    for kpi_plan in plans:
        daily_measures = [_daily_measure(measure, layer) for measure in kpi_plan.measures]
        for measure in dict.fromkeys([*kpi_plan.measures, *daily_measures]):
            plans_of_measure.setdefault(measure, []).append(kpi_plan)
    sources: dict[tuple[str, str, Window | None], list[tuple[MeasureQuery, list[KpiPlan]]]] = {}
    for measure, measure_plans in sorted(plans_of_measure.items()):
        segments = sorted({segment for kpi_plan in measure_plans for segment in kpi_plan.kpi.adoption.segments})
        for query in _queries(measure, segments, layer):
            sources.setdefault((query.source, query.day, query.window), []).append((query, measure_plans))
    rollups_by_name: dict[str, Rollup] = {}
    daily_rollups: dict[tuple[str, str], str] = {}
    # Rollups with a window come last: their names begin with that of the rollup whose days they read.
    for (source, day, window), queries in sorted(sources.items(), key=lambda entry: entry[0][2] is not None):
        kpi_plans = {kpi_plan.kpi.id: kpi_plan for _, measure_plans in queries for kpi_plan in measure_plans}
        freqs = {freq for kpi_plan in kpi_plans.values() for freq in kpi_plan.freqs}
        name = _rollup_name(queries[0][0], layer) if window is None else f"{daily_rollups[source, day]}_{window.name}"
        if name in rollups_by_name:
            name += f"_{queries[0][0].metric}"
        rollups_by_name[name] = Rollup(
            name=name,
            source=source,
            day=day,
            segments=tuple(sorted({segment for query, _ in queries for segment in query.segments})),
            freqs=tuple(freq for freq in (*FREQS, PART_OF_WEEK) if freq in freqs),
            measures=tuple(query for query, _ in queries),
            to_date=window is None and any(kpi_plan.to_date for kpi_plan in kpi_plans.values()),
            kpi_ids=tuple(sorted(kpi_plans)),
            days=daily_rollups.setdefault((source, day), name),
            spine=layer.time_spine,
            window=window,
            cohort=queries[0][0].cohort,
        )
    return tuple(rollups_by_name[name] for name in sorted(rollups_by_name))


def _rollup_name(query: MeasureQuery, layer: SemanticLayer) -> str:
    """The name of a rollup without a window: the cohort's, or <semantic model>[_by_<time dimension>][_of_<segment>].

    The time dimension is named if it isn't the semantic model's usual one, the segment if the source is a join for it.
    """
    if query.cohort:
        return query.cohort.name
    aggregation = layer.metrics[query.metric].type_params.metric_aggregation_params
    name = str(aggregation.semantic_model)
    if (time := layer.time_dimension(query.metric)) != layer.usual_time_dimension(name):
        name += f"_by_{time}"
    return name if query.includes_total else f"{name}_of_{identifier(query.segments[0][0])}"


def _queries(measure: str, segments: Sequence[str], layer: SemanticLayer) -> list[MeasureQuery]:
    """The measure's queries: one for the total and all segments without a join, one for the segments of each join."""
    metric = metric_of(measure)
    query_of = {"cumulative": window_query, "conversion": cohort_query}.get(
        layer.metrics[metric].type.value, measure_query
    )
    all_segments = query_of(metric, segments, layer)
    own_rows = query_of(metric, (), layer).row_source
    if all_segments.row_source == own_rows:
        return [all_segments]
    segments_by_rows: dict[str, list[str]] = {}
    for segment in segments:
        segments_by_rows.setdefault(query_of(metric, (segment,), layer).row_source, []).append(segment)
    unjoined = segments_by_rows.pop(own_rows, [])
    joined = [query_of(metric, same_join, layer, includes_total=False) for same_join in segments_by_rows.values()]
    return [query_of(metric, unjoined, layer), *joined]


def _next_start(grain: str, day: date) -> date:
    """The first day, on or after `day`, on which a week, month, quarter or year begins."""
    period = period_of({"week": "W", "month": "M", "quarter": "Q", "year": "A"}[grain], day)
    return day if period.start == day else period.next().start


def conversion_metrics(metric_name: str, layer: SemanticLayer) -> Iterator[Any]:
    """The conversion metrics among a metric and all metrics that it is computed from."""
    metric = layer.metrics[metric_name]
    if metric.type.value == "conversion":
        yield metric
    for _, metric_input in inputs(metric):
        yield from conversion_metrics(metric_input.name, layer)


def metrics_over_rows(metric_name: str, layer: SemanticLayer) -> Iterator[str]:
    """The simple, cumulative and conversion metrics that a metric is computed from; it may be one itself."""
    metric = layer.metrics[metric_name]
    if metric.type.value not in ("ratio", "derived"):
        yield metric_name
        return
    for _, metric_input in inputs(metric):
        yield from metrics_over_rows(metric_input.name, layer)


def _daily_measure(measure: str, layer: SemanticLayer) -> str:
    """The measure whose daily values a measure is computed from: a cumulative metric's input, else itself."""
    cumulative = layer.metrics[metric_of(measure)].type_params.cumulative_type_params
    return str(cumulative.metric.name) if cumulative else measure


def _adds_to_date(measure: str, layer: SemanticLayer) -> bool:
    """Whether a span of several periods, such as the year to date, has a value. Not for stocks or windows."""
    metric = layer.metrics[metric_of(measure)]
    return metric.type.value == "conversion" or is_flow(metric.name, layer)
