"""The baseline: the history that a company had when it started with a KPI, which later periods are compared with.

It is not a suspect. What the business was before is what it was, so that nothing in it is held for being unusual; a
fault of computation holds it all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from data_quality.ledger import Ledger
from data_quality.plan import Planned
from metrics.catalog import Catalog


def find(planned: Sequence[Planned], catalog: Catalog, ledger: Ledger | None, today: date) -> list[bool]:
    """Of each planned key whether it is of the baseline: its period had closed when its series was released first.

    A series is a KPI at a frequency by a version of its definition; one that was never released starts today.
    """
    started = _first_releases(ledger)
    return [
        catalog.closes_on(item.kpi, item.period)
        < started.get((item.kpi.kpi_id, item.period.freq, item.kpi.definition_version), today)
        for item in planned
    ]


def _first_releases(ledger: Ledger | None) -> dict[tuple[str, str, int], date]:
    """The day of the first release of each series."""
    if ledger is None:
        return {}
    columns = ("kpi_id", "freq", "definition_version")
    rows: pa.Table = ledger.observations.group_by(list(columns)).aggregate([("realtime_start", "min")])
    return {tuple(row[name] for name in columns): row["realtime_start_min"] for row in rows.to_pylist()}
