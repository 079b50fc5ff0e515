"""The baseline: the history that existed when a company started with a KPI. Later periods are compared with it.

The baseline is taken as given: none of its values is held for being unusual. Only checks of computation hold it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from data_quality.gate.keys import Planned
from data_quality.ledger.store import Ledger
from metrics.definitions.catalog import Catalog


def find(planned: Sequence[Planned], catalog: Catalog, ledger: Ledger | None, today: date) -> list[bool]:
    """Whether each planned key is of the baseline: its period had closed when its series was first judged or released.

    A series is a KPI at a frequency by a version of its definition. One that was never judged or released starts today.
    """
    released, judged = _first_releases(ledger), _first_verdicts(ledger)
    in_baseline = []
    for planned_key in planned:
        kpi, freq = planned_key.kpi, planned_key.period.freq
        started = min(
            released.get((kpi.kpi_id, freq, kpi.definition_version), today),
            judged.get((kpi.kpi_id, freq, kpi.definition_hash), today),
        )
        in_baseline.append(catalog.closes_on(kpi, planned_key.period) < started)
    return in_baseline


def _first_releases(ledger: Ledger | None) -> dict[tuple[str, str, int], date]:
    """The day of the first release, by kpi_id, freq and definition_version."""
    if ledger is None:
        return {}
    columns = ("kpi_id", "freq", "definition_version")
    rows: pa.Table = ledger.observations.group_by(list(columns)).aggregate([("realtime_start", "min")])
    return {tuple(row[name] for name in columns): row["realtime_start_min"] for row in rows.to_pylist()}


def _first_verdicts(ledger: Ledger | None) -> dict[tuple[str, str, str], date]:
    """The day of the first verdict, by kpi_id, freq and definition_hash."""
    if ledger is None:
        return {}
    columns = ("kpi_id", "freq", "definition_hash")
    rows: pa.Table = ledger.verdicts.group_by(list(columns)).aggregate([("judged_at", "min")])
    return {tuple(row[name] for name in columns): row["judged_at_min"].date() for row in rows.to_pylist()}
