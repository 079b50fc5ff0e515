"""The published totals of KPIs as series of numbers: the newest vintage of every closed period."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from metrics.core.periods import MONTHS, Period, parse
from publishing.analysis.regression import SEASONS, Floats, logs_where_relative

_period = cache(parse)
_TOTALS = """
select kpi_id, freq, time_period, obs_value, obs_status
from kpi.observations
where segment = '_T' and not provisional
order by kpi_id, freq, period_start
"""


@dataclass(frozen=True)
class History:
    """The totals of a KPI at a frequency, from its first to its last value.

    `values` has one for each of the periods, NaN for those without one: `gaps` counts them by their word, suppressed or
    missing. `is_relative`: changes of the KPI are stated relatively. `breaks` are the periods at which a break of the
    series is published.
    """

    kpi_id: str
    freq: str
    periods: tuple[Period, ...]
    values: Floats
    is_relative: bool
    breaks: tuple[Period, ...]
    gaps: dict[str, int]

    @property
    def scaled(self) -> Floats:
        """The values on the scale on which they are compared: logarithms where changes are stated relatively."""
        return logs_where_relative(self.values, relative=self.is_relative)

    @property
    def is_scaled_by_logs(self) -> bool:
        """Whether `scaled` are logarithms."""
        return self.is_relative and bool(np.nanmin(self.values) > 0)

    @property
    def places(self) -> npt.NDArray[np.int64]:
        """The number of each period in its year, from 0."""
        return np.array([place_in_year(period) for period in self.periods], dtype=np.int64)

    def on(self, periods: Iterable[Period]) -> Floats:
        """The scaled values of those periods; NaN where there is none."""
        by_period = dict(zip(self.periods, self.scaled, strict=True))
        return np.array([by_period.get(period, np.nan) for period in periods])


def place_in_year(period: Period) -> int:
    """The period's number in its year, from 0; of week 53 that of week 52."""
    if period.freq == "W":
        return min(int(period.code[-2:]), SEASONS["W"]) - 1
    return (period.start.month - 1) // MONTHS[period.freq]


def read(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], History]:
    """All published histories that have a value, by (kpi_id, freq). Provisional values are left out."""
    kinds = dict(connection.execute("select kpi_id, change_kind from kpi.catalog").fetchall())
    rows: dict[tuple[str, str], list[tuple[Any, ...]]] = defaultdict(list)
    for kpi_id, freq, code, value, status in connection.execute(_TOTALS).fetchall():
        rows[kpi_id, freq].append((_period(code), value, status))
    return {
        key: _history(*key, totals, is_relative=kinds.get(key[0]) == "relative")
        for key, totals in rows.items()
        if any(value is not None for _, value, _ in totals)
    }


def _history(kpi_id: str, freq: str, totals: list[tuple[Any, ...]], *, is_relative: bool) -> History:
    """`totals` are (period, value, obs_status), oldest first."""
    known = {period: value for period, value, _ in totals if value is not None}
    statuses = {period: status for period, _, status in totals}
    period, last = min(known), max(known)
    periods = [period]
    while period < last:
        period = period.next()
        periods.append(period)
    words = ("suppressed" if statuses.get(period) == "Q" else "missing" for period in periods if period not in known)
    return History(
        kpi_id=kpi_id,
        freq=freq,
        periods=tuple(periods),
        values=np.array([known.get(period, np.nan) for period in periods]),
        is_relative=is_relative,
        breaks=tuple(period for period in periods if statuses.get(period) == "B"),
        gaps=dict(Counter(words)),
    )
