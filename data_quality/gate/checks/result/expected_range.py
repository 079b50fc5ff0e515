"""`expected_range`: the deviation of a total from its expected value, in robust standard deviations (`series.py`).

It is the largest deviation of four numbers: the value and its numerator, denominator and number of observations. A
ratio alone doesn't show a fault that numerator and denominator share. Of a cohort whose window hasn't closed yet, only
the denominator and the number of observations are judged: its value and numerator are still growing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np

from data_quality.gate.checks import in_time
from data_quality.gate.checks.check import Check
from data_quality.gate.checks.series import (
    Flags,
    Numbers,
    Periods,
    chance,
    chance_of_mean,
    chance_of_stock,
    chance_of_sum,
    changes_in_words,
    readable,
    score,
)

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = {
    "obs_value": "",
    "numerator": "its numerator: ",
    "denominator": "its denominator: ",
    "n_obs": "its number of observations: ",
}
_SUM_OF_POINTS = "the sum of its points: "  # the numerator of a mean of points, such as a net promoter score

# One row per period of a series that is judged or counts as history. `now` has the four numbers of the candidate, and
# `historical` those that count as history already. Columns 2 to 8 are the fields of in_time.SeriesPeriod.
_TOTALS = """
with candidate as (
    select p.key_no,
        c.* replace (
            if(p.is_over, c.obs_value, null) as obs_value,
            if(p.is_over, c.numerator, null) as numerator
        )
    from candidate_rows c
    join planned p using (kpi_id, freq, time_period)
    where c.segment = '_T' and c.member = '_T' and isfinite(c.obs_value)
)
select kpi_id, freq, time_period, coalesce(c.period_start, h.period_start) as period_start,
    c.key_no, d.key_no is not null as failing, coalesce(h.approved, false) as approved,
    coalesce(l.holds_above, 'infinity'::double) as holds_above, v.since as new_levels, r.unit, r.kind,
    [c.obs_value, c.numerator, c.denominator, c.n_obs]::double[4] as now,
    [h.obs_value, h.numerator, h.denominator, h.n_obs]::double[4] as historical
from candidate c
full join (from history where segment = '_T' and member = '_T' and isfinite(obs_value)) h
    using (kpi_id, freq, time_period)
join rules r using (kpi_id)
left join failing_keys d on d.key_no = c.key_no
left join limits l on l.key_no = c.key_no and l.check_name = 'expected_range'
left join new_levels v using (kpi_id)
where coalesce(c.period_start, h.period_start) >= coalesce(r.observable_from, coalesce(c.period_start, h.period_start))
order by kpi_id, freq, period_start
"""


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The figure of every planned key: the largest of the four deviations. It applies if the history is long enough."""
    totals = connection.execute(_TOTALS).fetchall()
    series = [list(rows) for _, rows in groupby(totals, key=lambda row: row[:2])]
    return in_time.figure(connection, series, _judged)


def _judged(rows: Sequence[tuple[Any, ...]]) -> list[in_time.KeyFigure]:
    """The figures of one series, from its rows of _TOTALS."""
    series = [in_time.SeriesPeriod(*row[2:9]) for row in rows]
    freq, unit, kind = rows[0][1], rows[0][9], rows[0][10]
    now, historical = (np.array([row[column] for row in rows], dtype=float) for column in (11, 12))
    periods = in_time.periods(freq, series)
    approved = np.array([period.approved for period in series])
    numbers = _distinct_numbers(now, historical)

    def compare(index: int) -> tuple[float, str] | None:
        history = in_time.at_level(freq, series, index, historical)
        if history is None:
            return None
        deviations = [
            _deviation(index, column, name, unit, kind, periods, now, history, approved) for column, name in numbers
        ]
        return max(
            (deviation for deviation in deviations if deviation is not None),
            key=lambda deviation: deviation[0],
            default=None,
        )

    return in_time.judged(freq, series, now, historical, compare)


def _distinct_numbers(now: Numbers, historical: Numbers) -> list[tuple[int, str]]:
    """The columns of `now` and `historical` to judge, with their names. Empty ones and repeated ones are left out.

    Of a count of orders, for example, the value and the number of observations are equal.
    """
    columns = np.concatenate([now, historical]).T

    def is_repeated(index: int) -> bool:
        return any(np.array_equal(columns[index], earlier, equal_nan=True) for earlier in columns[:index])

    return [
        (index, name)
        for index, name in enumerate(_NUMBERS)
        if np.isfinite(columns[index]).any() and not is_repeated(index)
    ]


def _deviation(
    index: int,
    column: int,
    name: str,
    unit: str,
    kind: str,
    periods: Periods,
    now: Numbers,
    history: Numbers,
    approved: Flags,
) -> tuple[float, str] | None:
    """The deviation of one number of the period at `index` and a detail; None where the history is too short."""
    if not np.isfinite(now[index, column]):
        return None
    with_value = np.flatnonzero(np.isfinite(history[:, column]))
    values = np.append(history[with_value, column], now[index, column])
    indices = np.append(with_value, index)
    periods_with_value, n_obs = periods.at(indices), np.append(history[with_value, -1], now[index, -1])
    if name == "obs_value" and unit == "fraction":
        by_chance = chance(values, float(np.nan_to_num(now[index, -1])))
    else:  # a numerator or denominator of whole numbers is a count
        is_count = unit in ("count", "persons") if name == "obs_value" else bool((values == np.floor(values)).all())
        if is_count:
            by_chance = chance_of_stock(values) if kind == "stock" else chance(values, None)
        elif kind == "flow" or name != "obs_value":
            by_chance = max(chance_of_sum(values, n_obs), chance_of_mean(values, n_obs))
        else:
            by_chance = chance_of_mean(values, n_obs)
    deviation = score(periods_with_value, values, by_chance, approved[indices])
    if deviation is None:
        return None
    changes = changes_in_words(periods_with_value, values)
    expected = f"{readable(deviation.low)} to {readable(deviation.high)} was expected"
    words = _SUM_OF_POINTS if name == "numerator" and unit == "points" else _NUMBERS[name]
    return deviation.figure, words + expected + (f"; it is {changes}" if changes else "")


CHECK = Check(
    __name__,
    figure,
    "The total is within the range expected from its trend and season; the figure is in robust standard deviations.",
    "the value is far outside the range expected from its past",
    flag=3.5,
    hold=5,
    stage=2,
    by_chance=True,
)
