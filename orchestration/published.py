"""Questions that the commands ask of the published file."""

from __future__ import annotations

from typing import Any

import duckdb

from metrics.company import published_path
from metrics.errors import NyckeltalError


def table(sql: str, parameters: list[Any] | None = None) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The column names and the rows of a query on the published file, opened read-only.

    Raises NyckeltalError when nothing has been published yet, or DuckDB refuses the query.
    """
    path = published_path()
    if not path.exists():
        raise NyckeltalError("nothing has been published yet; run `kpi run`", file=path)
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            result = connection.execute(sql, parameters or [])
            return [column[0] for column in result.description or []], result.fetchall()
    except duckdb.Error as error:
        told = " ".join(str(error).split("\n\nLINE")[0].split())
        raise NyckeltalError(told, file=path) from None


def query(sql: str, parameters: list[Any] | None = None) -> list[dict[str, Any]]:
    """The rows of `table`, as dictionaries."""
    names, rows = table(sql, parameters)
    return [dict(zip(names, row, strict=True)) for row in rows]


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
