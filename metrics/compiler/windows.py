"""Cumulative metrics: a simple metric over a window of days, for one day of each period or averaged over its days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from metrics.compiler.measures import MeasureQuery, Window, measure_query
from metrics.compiler.semantic_layer import SemanticLayer


def window_of(metric: str, layer: SemanticLayer) -> Window | None:
    """The window of a cumulative metric; None for any other metric."""
    parameters = layer.metrics[metric].type_params.cumulative_type_params
    if parameters is None:
        return None
    length = parameters.window
    return Window(
        length=f"{length.count} {length.granularity}" if length else None,
        since=parameters.grain_to_date,
        period_agg=parameters.period_agg.value,
    )


def window_query(
    metric: str, segments: Sequence[str], layer: SemanticLayer, *, includes_total: bool = True
) -> MeasureQuery:
    """A cumulative metric by `segments`: the query of its input metric, with the window.

    Raises what `measure_query` raises for the input.
    """
    input_metric = layer.metrics[metric].type_params.cumulative_type_params.metric.name
    query = measure_query(input_metric, segments, layer, includes_total=includes_total)
    return replace(query, metric=metric, window=window_of(metric, layer))


def window_days(window: Window, freqs: Sequence[str], spine: str) -> str:
    """The call of the dbt macro `window_days`, which lists for each period the days that its value covers.

    It takes the place of the macro `period_days`. An average needs the value of each day: a period of frequency D.
    """
    extent = f"length={window.length!r}, since={window.since!r}, taken={window.period_agg!r}"
    return f"{{{{ window_days('days', ref('{spine}'), {list(freqs)}, {extent}) }}}}"


def averages_sql(daily: str, by_day: str, measures: Sequence[MeasureQuery], freqs: Sequence[str], spine: str) -> str:
    """SQL for the mean of each period's daily values; days without a value are left out.

    `by_day` is the model of values by day. `daily` is the rollup's daily model, which shows the newest day with rows of
    an open period.
    """
    columns = "".join(f",\n  AVG({measure.metric}) AS {measure.metric}" for measure in measures)
    return f"""WITH days AS (
  SELECT day FROM {{{{ ref('{daily}') }}}} WHERE segment = '_T' AND n_rows > 0
), periods AS (
  {{{{ window_periods('days', ref('{spine}'), {list(freqs)}) }}}}
)
SELECT
  periods.freq,
  'period' AS span,
  periods.period_start,
  by_day.segment,
  by_day.member{columns}
FROM {{{{ ref('{by_day}') }}}} AS by_day
INNER JOIN periods
  ON by_day.period_start BETWEEN periods.period_start AND periods.last_day
GROUP BY periods.freq, periods.period_start, by_day.segment, by_day.member
"""
