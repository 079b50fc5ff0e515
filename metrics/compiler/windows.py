"""Cumulative metrics: a simple metric over a window of days, at one day of each period or averaged over its days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from metrics.compiler.measures import MeasureQuery, Window, measure_query
from metrics.compiler.semantic_layer import SemanticLayer


def window_of(metric: str, layer: SemanticLayer) -> Window | None:
    """The window of a cumulative metric, None of any other."""
    parameters = layer.metrics[metric].type_params.cumulative_type_params
    if parameters is None:
        return None
    length = parameters.window
    return Window(
        length=f"{length.count} {length.granularity}" if length else None,
        since=parameters.grain_to_date,
        taken=parameters.period_agg.value,
    )


def window_query(metric: str, segments: Sequence[str], layer: SemanticLayer, *, total: bool = True) -> MeasureQuery:
    """A cumulative metric by those segments: its input's query, with the window.

    Raises what `measure_query` raises for the input.
    """
    given = layer.metrics[metric].type_params.cumulative_type_params.metric.name
    return replace(measure_query(given, segments, layer, total=total), metric=metric, window=window_of(metric, layer))


def window_days(window: Window, freqs: Sequence[str], spine: str) -> str:
    """The call of the macro that gives each period the days that its value covers, in the place of `period_days`.

    An average needs the value of each day, which is a period of the frequency D.
    """
    extent = f"length={window.length!r}, since={window.since!r}, taken={window.taken!r}"
    return f"{{{{ window_days('days', ref('{spine}'), {list(freqs)}, {extent}) }}}}"


def averages_sql(daily: str, by_day: str, measures: Sequence[MeasureQuery], freqs: Sequence[str], spine: str) -> str:
    """The mean over the days of each period that have a value, from a model of values by day.

    `daily` is the model of the rows' own days, which say how far an open period has come.
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
