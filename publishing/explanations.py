"""Why the newest values of all KPIs moved: the answers of `kpi why`, from a few queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

import duckdb

from metrics.core.periods import parse
from publishing.answers import KPIS, Against, Answer, explained
from publishing.movement import since_when
from publishing.value_rows import ValueRows, plain_rows

_NEWEST = "select kpi_id, time_period from kpi.scorecard where time_period is not null"


def of_newest(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[Against, Answer]]:
    """By kpi_id, the answers on the value that the scorecard shows: on the period before, and on its target."""
    return of_periods(connection, dict(connection.execute(_NEWEST).fetchall()), ("previous", "target"))


def of_periods(
    connection: duckdb.DuckDBPyConnection, codes: Mapping[str, str], compared_with: Collection[Against]
) -> dict[str, dict[Against, Answer]]:
    """As `of_newest`, for the period in `codes` of each KPI there.

    Without those for which nothing is published, and on its target only where it has a value and a target.
    """
    published = ValueRows(connection)
    published.load_totals()
    entries = plain_rows(connection, KPIS)
    by_id = {entry["kpi_id"]: entry for entry in entries}
    wanted: list[tuple[str, str, Against]] = []
    keys = []
    for kpi_id, code in codes.items():
        period = parse(code)
        totals = published.totals(kpi_id, period.freq)
        total = next((row for row in totals if row["time_period"] == code), None)
        has_target = total is not None and None not in (total["obs_value"], total["target"])
        then = since_when(totals, code) if has_target else None
        earlier = {period.shift(-1).code, f"{int(code[:4]) - 1}{code[4:]}", then["time_period"] if then else code}
        keys += [(kpi_id, period.freq, needed) for needed in {code, *earlier}]
        wanted += [(kpi_id, code, against) for against in compared_with if against != "target" or has_target]
    published.load(keys)
    found: dict[str, dict[Against, Answer]] = defaultdict(dict)
    for kpi_id, code, against in wanted:
        answer = explained(published, entries, by_id[kpi_id], code, against)
        if answer is not None:
            found[kpi_id][against] = answer
    return dict(found)
