"""Judges a series in the order of time: a period that passes becomes history for the periods after it.

`history.py` says which earlier periods count from the start. How a period is compared with them is up to the check.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import numpy as np

from data_quality.gate.checks.series import LEVEL_WINDOW, PERIODS_A_YEAR, Numbers, Periods

if TYPE_CHECKING:
    import pandas as pd

_HALF_A_PERIOD = {"W": 3, "M": 15, "Q": 45, "A": 182}  # days


class KeyFigure(NamedTuple):
    """The figure of one planned key; None where it could not be computed. `detail` is for a reader."""

    key_no: int
    figure: float | None
    applies: bool
    detail: str


@dataclass(frozen=True)
class SeriesPeriod:
    """A period of a series. `key_no` is that of the planned key, None for a period that isn't judged in this run.

    `failing`: another check holds it. `approved`: a decision released the value that counts as its history.
    `holds_above`: the figure above which the check holds it. `new_levels`: the days from which on, by decisions, its
    KPI has another level, in the order of time.
    """

    time_period: str
    period_start: date
    key_no: int | None
    failing: bool
    approved: bool
    holds_above: float
    new_levels: list[date] | None


def periods(freq: str, series: Sequence[SeriesPeriod]) -> Periods:
    """The periods of a series, as arrays."""
    return Periods.of(freq, [period.time_period for period in series], [period.period_start for period in series])


def at_level(freq: str, series: Sequence[SeriesPeriod], index: int, historical: Numbers) -> Numbers | None:
    """The history of the period at `index` (the rows of `historical` before it), moved to the level in force by then.

    `historical` has a row for each period and a column for each number, NaN where nothing counts as history. For each
    new level that a decision recorded, the rows before it are moved to it: by the ratio of medians where both are
    positive, else by their difference. The medians are those of the first rows of the new level that count as history,
    and of the last ones of the old. A period is of the new level when its middle is. None where no row of the newest
    level counts as history yet: there is nothing to compare with.
    """
    history = historical[:index].copy()
    middles = [period.period_start + timedelta(days=_HALF_A_PERIOD[freq]) for period in series[: index + 1]]
    for since in series[index].new_levels or ():
        if middles[index] < since:
            break
        is_new = np.array([middle >= since for middle in middles[:index]], dtype=bool)
        for column in history.T:
            new, old = (column[np.isfinite(column) & side] for side in (is_new, ~is_new))
            if len(old) and not len(new):
                return None
            if len(old):
                new_level, old_level = np.median(new[: LEVEL_WINDOW[freq]]), np.median(old[-LEVEL_WINDOW[freq] :])
                by_factor = new_level > 0 and old_level > 0
                moved = column * (new_level / old_level) if by_factor else column + (new_level - old_level)
                column[~is_new] = moved[~is_new]
    return history


def judged(
    freq: str,
    series: Sequence[SeriesPeriod],
    now: Numbers,
    historical: Numbers,
    compare: Callable[[int], tuple[float, str] | None],
) -> list[KeyFigure]:
    """The figure of each planned period of a series, in the order of time.

    `now` and `historical` have a row for each period: the candidate's numbers, and those that count as history.
    `compare` gives figure and detail of the period at an index by the rows of `historical` before it, None where the
    history is too short. The rows of periods that pass are written into `historical`. If half a year of periods (three
    at least) fails in a row in one run, it counts as a new level from then on: in a first run, nobody has decided yet
    on the levels in the history.
    """
    lasting = max(PERIODS_A_YEAR[freq] // 2, 3)
    figures: list[KeyFigure] = []
    failed: list[int] = []
    for index, period in enumerate(series):
        if period.key_no is None:
            continue
        comparison = compare(index)
        if comparison is None:
            figures.append(KeyFigure(period.key_no, None, False, ""))
        else:
            figures.append(KeyFigure(period.key_no, comparison[0], True, comparison[1]))
        if comparison is not None and comparison[0] > period.holds_above:
            failed.append(index)
            if len(failed) == lasting:
                historical[failed], failed = now[failed], []
        elif not period.failing:
            historical[index], failed = now[index], []
    return figures


def figure(
    connection: duckdb.DuckDBPyConnection, all_series: Sequence[Any], judge: Callable[[Any], list[KeyFigure]]
) -> pd.DataFrame:
    """The figure of every planned key: the largest figure that `judge` gives for any of its series.

    A series is a list of rows that begin with kpi_id and freq, followed by the fields of SeriesPeriod. The figure
    doesn't apply to keys without a series. Columns: key_no, figure, applies, detail.
    """
    keys = connection.execute("select key_no from planned order by key_no").df()
    figures: list[KeyFigure] = []
    for rows in all_series:
        try:
            figures += judge(rows)
        except Exception as error:  # an error in one series holds that series and no other
            kpi_id, freq = rows[0][:2]
            logging.getLogger(__name__).error("%s by %s could not be judged: %s", kpi_id, freq, type(error).__name__)
            figures += [KeyFigure(row[4], None, True, "") for row in rows if row[4] is not None]
    import pandas as pd  # takes a second, and readers of the checks' names don't need it

    table = pd.DataFrame(figures, columns=KeyFigure._fields)
    # Per key, a series that could not be judged comes first, then the largest figure.
    table = table.assign(is_missing=table["applies"] & table["figure"].isna())
    table = table.sort_values(["is_missing", "figure"], ascending=False, na_position="last").drop_duplicates("key_no")
    table = keys.merge(table.drop(columns="is_missing"), how="left", on="key_no")
    return table.assign(applies=table["applies"].astype("boolean").fillna(False))
