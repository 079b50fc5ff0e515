"""The baseline: the history that existed when a company started with a KPI. Later periods are compared with it.

The baseline is taken as given: none of its values is held for being unusual. Only checks of computation hold it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from data_quality.gate.keys import Planned
from data_quality.ledger.store import Ledger
from metrics.definitions.catalog import Catalog


def find(planned: Sequence[Planned], catalog: Catalog, ledger: Ledger | None, today: date) -> list[bool]:
    """Whether each planned key is in the baseline: its period had closed when its series was first judged or released.

    A series is a KPI at one frequency, by one version of its definition. If it was never judged or released, it starts
    today.
    """
    if ledger is None:
        released, judged = {}, {}
    else:
        released = _first_days(ledger.observations, "definition_version", "realtime_start")
        judged = _first_days(ledger.verdicts, "definition_hash", "judged_at")
    in_baseline = []
    for planned_key in planned:
        kpi, freq = planned_key.kpi, planned_key.period.freq
        started = min(
            released.get((kpi.kpi_id, freq, kpi.definition_version), today),
            judged.get((kpi.kpi_id, freq, kpi.definition_hash), today),
        )
        in_baseline.append(catalog.closes_on(kpi, planned_key.period) < started)
    return in_baseline


def _first_days(table: pa.Table, definition: str, time: str) -> dict[tuple[Any, ...], date]:
    """The earliest day of the column `time` by kpi_id, freq and the column `definition`."""
    earliest = table.group_by(["kpi_id", "freq", definition]).aggregate([(time, "min")])
    days = earliest.column(f"{time}_min").cast(pa.date32()).to_pylist()
    keys = zip(*(earliest.column(name).to_pylist() for name in ("kpi_id", "freq", definition)), strict=True)
    return dict(zip(keys, days, strict=True))
