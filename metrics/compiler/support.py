"""Which metrics can be compiled exactly. What can't be is refused, with its name and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from metrics.compiler.input_filters import inputs
from metrics.compiler.offsets import UNITS, added, is_whole, offset_of, spoken
from metrics.compiler.semantic_layer import GRAINS, SemanticLayer
from metrics.core.periods import FREQ_NAMES, FREQS

# The frequencies whose periods are made of whole periods of a fact's grain.
_FREQS_OF_GRAIN = {"week": ("W",), "month": ("M", "Q", "A"), "quarter": ("Q", "A"), "year": ("A",)}
_ADDS_UP = ("sum", "sum_boolean", "count", "count_distinct")


def unsupported(metric_name: str, layer: SemanticLayer, freqs: Sequence[str] = ()) -> str | None:
    """Why a metric can't be compiled at those frequencies, and what to write instead; None when it can."""
    return next(_reasons(metric_name, layer, freqs), None)


def is_flow(metric: str, layer: SemanticLayer) -> bool:
    """Whether a metric is a simple metric that isn't a stock."""
    aggregation = layer.metrics[metric].type_params.metric_aggregation_params
    return aggregation is not None and aggregation.non_additive_dimension is None


def _reasons(
    name: str, layer: SemanticLayer, freqs: Sequence[str], offset: str = "", *, in_window: bool = False
) -> Iterator[str]:
    """Why a metric can't be compiled, when it is taken for an earlier period or over a window of days."""
    metric = layer.metrics[name]
    kind = metric.type.value
    if kind == "simple":
        yield from _of_simple(metric, layer, freqs)
        if (offset or in_window) and _is_filtered_by_day(metric, layer):
            yield (
                f"metric '{name}' is filtered by its own day and taken {'over a window' if in_window else 'earlier'}:"
                " MetricFlow filters the days of the result there, and not those of the rows, which can't be compiled"
            )
    elif kind == "cumulative":
        yield from _of_cumulative(metric, layer)
    elif kind == "conversion":
        yield from _of_conversion(metric, layer)
    for _, metric_input in inputs(metric):
        for reason in _of_offset(metric_input, freqs, offset):
            yield f"metric '{name}' takes '{metric_input.name}' {reason}"
        whole_offset = added(offset_of(metric_input), offset) or ""
        if metric_input.name in layer.metrics:
            yield from _reasons(metric_input.name, layer, freqs, whole_offset, in_window=kind == "cumulative")


def _of_offset(metric_input: Any, freqs: Sequence[str], outer_offset: str) -> Iterator[str]:
    """Why an input's offset can't be compiled. The metric with this input is itself taken `outer_offset` earlier."""
    if metric_input.offset_to_grain is not None:
        yield (
            f"at the start of the {metric_input.offset_to_grain} (offset_to_grain), which can't be compiled; use a"
            " cumulative metric with grain_to_date"
        )
    own_offset = offset_of(metric_input)
    if not own_offset:
        return
    if metric_input.offset_window.granularity not in UNITS:
        yield f"{spoken(own_offset)} earlier, which can't be compiled; write {_UNITS}"
    offset = added(own_offset, outer_offset)
    if offset is None:
        yield f"{spoken(own_offset)} earlier, and all that {spoken(outer_offset)} earlier: days and months have no sum"
        return
    torn = [freq for freq in freqs if not is_whole(offset, freq)]
    if torn:
        is_of_any = any(is_whole(offset, freq) for freq in FREQS)
        instead = (
            f"leave {', '.join(torn)} out of freqs" if is_of_any else "write whole weeks, months, quarters or years"
        )
        yield f"{spoken(offset)} earlier: no whole number of {_names(torn)} periods; {instead}"


def _of_simple(metric: Any, layer: SemanticLayer, freqs: Sequence[str]) -> Iterator[str]:
    """Why a simple metric can't be compiled at these frequencies: a sentence for each reason."""
    aggregation = metric.type_params.metric_aggregation_params
    grain = layer.grain(metric.name)
    if aggregation.agg_params is not None and aggregation.agg_params.use_approximate_percentile:
        yield (
            f"metric '{metric.name}' is an approximate percentile, which differs from run to run; leave"
            " percentile_type or use_approximate_percentile out: then it is exact"
        )
    if grain not in GRAINS.values() and grain not in _SHORTER_THAN_WEEK:
        yield f"metric '{metric.name}' is over time by {grain}, which can't be compiled"
    torn = [freq for freq in freqs if freq not in _FREQS_OF_GRAIN.get(grain, FREQS)]
    if torn:
        yield (
            f"metric '{metric.name}' is over facts by {grain}, which don't make {_names(torn)} periods;"
            f" leave {', '.join(torn)} out of freqs"
        )
    if stock := aggregation.non_additive_dimension:
        if stock.name != (time := layer.time_dimension(metric.name)):
            yield (
                f"metric '{metric.name}' takes the last {stock.name} by {time}, which can't"
                " be compiled; both must be one time dimension"
            )
        if _is_below_day(grain):
            yield f"metric '{metric.name}' takes the last {grain} of a period, which can't be compiled; {_BY_DAY}"
    fill = metric.type_params.fill_nulls_with
    if fill is not None and (fill != 0 or aggregation.agg.value not in _ADDS_UP):
        yield (
            f"metric '{metric.name}' has fill_nulls_with: {fill}, which can't be compiled: only sums and counts may"
            " have it, and 0; write coalesce() in a derived metric"
        )


def _of_cumulative(metric: Any, layer: SemanticLayer) -> Iterator[str]:
    """Why a cumulative metric can't be compiled: a sentence for each reason."""
    parameters = metric.type_params.cumulative_type_params
    name = parameters.metric.name
    yield from _of_rows(metric, name, layer)
    window, since = parameters.window, parameters.grain_to_date
    unit = window.granularity if window else since
    if unit is not None and unit not in UNITS:
        yield f"cumulative metric '{metric.name}' is over {unit}s, which can't be compiled; write {_UNITS}"
        return
    if not is_flow(name, layer):
        return
    grain = layer.grain(name)
    if _is_below_day(grain):
        yield f"cumulative metric '{metric.name}' is over time by {grain}, which can't be compiled; {_BY_DAY}"
    elif grain != "day" and parameters.period_agg.value == "average":
        yield (
            f"cumulative metric '{metric.name}' is the mean of the days of a period, and its facts are by {grain};"
            " write period_agg: last"
        )
    elif grain != "day" and unit is not None and not _is_made_of(unit, grain):
        yield f"cumulative metric '{metric.name}' is over {unit}s, and its facts are by {grain}; write {grain}s"


def _of_conversion(metric: Any, layer: SemanticLayer) -> Iterator[str]:
    """Why a conversion metric can't be compiled: a sentence for each reason."""
    parameters = metric.type_params.conversion_type_params
    if (window := parameters.window) is not None and window.granularity not in UNITS:
        yield (
            f"conversion metric '{metric.name}' has a window of {window.count} {window.granularity}, which can't be"
            f" compiled; write {_UNITS}"
        )
    for name in (parameters.base_metric.name, parameters.conversion_metric.name):
        yield from _of_rows(metric, name, layer)
        if is_flow(name, layer) and (grain := layer.grain(name)) != "day":
            yield f"conversion metric '{metric.name}' takes '{name}' by {grain}, which can't be compiled; {_BY_DAY}"


def _is_filtered_by_day(metric: Any, layer: SemanticLayer) -> bool:
    """Whether a filter of a simple metric is over the time dimension by which it is aggregated."""
    own_day = re.compile(rf"""['"](metric_time|(\w+__)?{layer.time_dimension(metric.name)})(__\w+)?['"]""")
    filters = metric.filter.where_filters if metric.filter else ()
    return any(own_day.search(where_filter.where_sql_template) for where_filter in filters)


def _of_rows(metric: Any, input_name: str, layer: SemanticLayer) -> Iterator[str]:
    if not is_flow(input_name, layer):
        yield (
            f"metric '{metric.name}' is {metric.type.value} and has the input '{input_name}', which can't be compiled;"
            " its inputs must be simple metrics without non_additive_dimension"
        )


_SHORTER_THAN_WEEK = ("nanosecond", "microsecond", "millisecond", "second", "minute", "hour", "day")
_UNITS = "days, weeks, months, quarters or years"
_BY_DAY = "declare its time dimension with granularity: day"


def _is_below_day(grain: str) -> bool:
    return grain in _SHORTER_THAN_WEEK[:-1]


def _is_made_of(unit: str, grain: str) -> bool:
    """Whether a unit of time is a whole number of a grain's periods."""
    units = ("month", "quarter", "year")
    return unit == grain or (unit in units and grain in units and units.index(unit) > units.index(grain))


def _names(freqs: Sequence[str]) -> str:
    return " or ".join(FREQ_NAMES[freq] for freq in freqs)
