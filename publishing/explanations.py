"""Why the newest values of all KPIs moved: the answers of `kpi why`, from a few queries."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from metrics.core.periods import parse
from publishing.answers import KPIS, Against, Answer, explained
from publishing.movement import since_when
from publishing.value_rows import ValueRows, plain_rows

_NEWEST = "select kpi_id, time_period from kpi.scorecard where time_period is not null"


def of_newest(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[Against, Answer]]:
    """By kpi_id, the answers on the value that the scorecard shows: on the period before, and on its target."""
    return of_periods(connection, dict(connection.execute(_NEWEST).fetchall()))


def of_periods(connection: duckdb.DuckDBPyConnection, codes: Mapping[str, str]) -> dict[str, dict[Against, Answer]]:
    """As `of_newest`, for the period in `codes` of each KPI there; without those for which nothing is published."""
    published = ValueRows(connection)
    published.load_totals()
    entries = plain_rows(connection, KPIS)
    by_id = {entry["kpi_id"]: entry for entry in entries}
    targets: dict[str, bool] = {}
    keys = []
    for kpi_id, code in codes.items():
        period = parse(code)
        totals = published.totals(kpi_id, period.freq)
        total = next((row for row in totals if row["time_period"] == code), None)
        targets[kpi_id] = total is not None and None not in (total["obs_value"], total["target"])
        then = since_when(totals, code) if targets[kpi_id] else None
        earlier = {period.shift(-1).code, then["time_period"] if then else code}
        keys += [(kpi_id, period.freq, wanted) for wanted in {code, *earlier}]
    published.load(keys)
    found: dict[str, dict[Against, Answer]] = {}
    for kpi_id, code in codes.items():
        against: list[Against] = ["previous", "target"] if targets[kpi_id] else ["previous"]
        answers = {name: explained(published, entries, by_id[kpi_id], code, name) for name in against}
        found[kpi_id] = {name: answer for name, answer in answers.items() if answer is not None}
    return found
