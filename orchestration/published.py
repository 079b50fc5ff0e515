"""Questions that the commands ask of the published file."""

from __future__ import annotations

from typing import Any

import duckdb

from metrics.company import published_path
from metrics.errors import NyckeltalError


def query(sql: str, parameters: list[Any] | None = None) -> list[dict[str, Any]]:
    """The rows of a query on the published file, as dictionaries.

    Raises NyckeltalError when nothing has been published yet.
    """
    path = published_path()
    if not path.exists():
        raise NyckeltalError("nothing has been published yet; run `kpi run`", file=path)
    with duckdb.connect(str(path), read_only=True) as connection:
        result = connection.execute(sql, parameters or [])
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def newest_totals(freq: str = "M") -> list[dict[str, Any]]:
    """The newest published total of each KPI at a frequency."""
    return query(
        """select * from kpi.observations where freq = ? and segment = '_T' and obs_status not in ('O', 'M')
           qualify row_number() over (partition by kpi_id order by period_start desc) = 1""",
        [freq],
    )


def series(kpi_id: str, freq: str, segment: str, last: int) -> list[dict[str, Any]]:
    """The newest `last` periods of a KPI for every member of a segment (`_T` the total), oldest first."""
    return query(
        """select * from kpi.observations where kpi_id = ? and freq = ? and segment = ?
           qualify dense_rank() over (order by period_start desc) <= ? order by period_start, member""",
        [kpi_id, freq, segment, last],
    )


def held() -> list[dict[str, Any]]:
    """The periods that the gate's newest verdict holds, and why."""
    return query(
        """select kpi_id, freq, time_period, reason, judged_at from kpi.verdicts
           where verdict = 'hold' order by kpi_id, freq, time_period"""
    )
