"""Rows of published values with what must be said with each of them: for answers and explanations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import duckdb

from metrics.core.text import visible
from publishing import reader

Row = dict[str, Any]
PeriodKey = tuple[str, str, str]
"""kpi_id, freq and time_period."""

VALUES = """
select
    o.*, c.currency, c.change_kind, c.matures_after, r.sequence, v.held, v.verdict, v.acknowledged, v.decision,
    v.reason as finding
from kpi.observations o
join kpi.releases r using (release_id)
join kpi.catalog c using (kpi_id)
left join kpi.verdicts v
    on v.kpi_id = o.kpi_id and v.freq = o.freq and v.time_period = o.time_period
"""
_OF_PERIODS = f"""
with wanted as (select unnest($kpi_ids) as kpi_id, unnest($freqs) as freq, unnest($codes) as time_period)
from ({VALUES}) semi join wanted using (kpi_id, freq, time_period)
"""
_TOTALS = """
select kpi_id, freq, time_period, obs_value, target, target_to, target_attained from kpi.observations
where segment = '_T' and (kpi_id = $kpi_id or $kpi_id is null) order by period_start
"""
_INCIDENTS = """
select incident_id, state, title, kpis, since, until, reason from kpi.incidents order by since
"""


def plain_rows(connection: duckdb.DuckDBPyConnection, query: str, parameters: object = None) -> list[Row]:
    """The rows of a query, with plain values: control characters spelt out, days and moments as ISO texts."""
    return [
        {name: plain_value(value) for name, value in row.items()} for row in reader.rows(connection, query, parameters)
    ]


def plain_value(value: Any) -> Any:
    """A day or moment as ISO text, a text with control characters spelt out, anything else as it is."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return visible(value) if isinstance(value, str) else value


def plain(answer: Mapping[str, Any]) -> Row:
    """The answer with plain values, in lists too: control characters spelt out, days and moments as ISO texts."""
    return {
        name: plain(value)
        if isinstance(value, dict)
        else [plain(entry) if isinstance(entry, dict) else plain_value(entry) for entry in value]
        if isinstance(value, list)
        else plain_value(value)
        for name, value in answer.items()
    }


class ValueRows:
    """The rows of periods (the total and all members) and of totals, each read once; `load` reads many at once."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._periods: dict[PeriodKey, list[Row]] = {}
        self._totals: dict[tuple[str, str], list[Row]] = {}
        self._loaded: set[str] = set()  # the KPIs whose totals were read
        self._incidents: list[Row] | None = None

    def load(self, keys: Collection[PeriodKey]) -> None:
        """Read the rows of these periods, except those that were read before."""
        wanted = sorted(set(keys) - self._periods.keys())
        if not wanted:
            return
        kpi_ids, freqs, codes = zip(*wanted, strict=True)
        rows_by_period: dict[PeriodKey, list[Row]] = defaultdict(list)
        parameters = {"kpi_ids": list(kpi_ids), "freqs": list(freqs), "codes": list(codes)}
        for row in plain_rows(self._connection, _OF_PERIODS, parameters):
            rows_by_period[row["kpi_id"], row["freq"], row["time_period"]].append(row)
        self._periods |= {key: rows_by_period[key] for key in wanted}

    def of_period(self, kpi_id: str, freq: str, code: str) -> list[Row]:
        """The rows of a period, of the columns of VALUES; empty where nothing is published."""
        self.load([(kpi_id, freq, code)])
        return self._periods[kpi_id, freq, code]

    def load_totals(self, kpi_id: str | None = None) -> None:
        """Read the totals of a KPI, or of all."""
        by_series: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in plain_rows(self._connection, _TOTALS, {"kpi_id": kpi_id}):
            by_series[row["kpi_id"], row["freq"]].append(row)
        self._totals |= by_series
        self._loaded |= {kpi_id} if kpi_id else {kpi for kpi, _ in by_series}

    def totals(self, kpi_id: str, freq: str) -> Sequence[Mapping[str, Any]]:
        """The totals of a KPI at a frequency, oldest first, with the columns of _TOTALS."""
        if kpi_id not in self._loaded:
            self.load_totals(kpi_id)
        return self._totals.get((kpi_id, freq), [])

    def incidents(self, kpi_id: str, first: date, last: date) -> list[Row]:
        """The incidents of a KPI that touch a day of [first, last], earliest first."""
        if self._incidents is None:
            self._incidents = plain_rows(self._connection, _INCIDENTS)
        return [
            {name: value for name, value in row.items() if name != "kpis"}
            for row in self._incidents
            if kpi_id in row["kpis"].split(", ")
            and (row["since"] <= last.isoformat() and row["until"] >= first.isoformat())
        ]
