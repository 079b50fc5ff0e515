"""The baseline: the history that a company had when it started with a KPI, which later periods are compared with.

It is not a suspect. What the business was before is what it was, so that nothing in it is held for being unusual; a
fault of computation holds it all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from data_quality.gate.keys import Planned
from data_quality.ledger.store import Ledger
from metrics.definitions.catalog import Catalog


def find(planned: Sequence[Planned], catalog: Catalog, ledger: Ledger | None, today: date) -> list[bool]:
    """Of each planned key whether it is of the baseline: its period had closed when its series was judged first.

    A series is a KPI at a frequency by a version of its definition; one that was never judged or released starts today.
    """
    released, judged = _first_releases(ledger), _first_verdicts(ledger)
    found = []
    for item in planned:
        kpi, freq = item.kpi, item.period.freq
        started = min(
            released.get((kpi.kpi_id, freq, kpi.definition_version), today),
            judged.get((kpi.kpi_id, freq, kpi.definition_hash), today),
        )
        found.append(catalog.closes_on(kpi, item.period) < started)
    return found


def _first_releases(ledger: Ledger | None) -> dict[tuple[str, str, int], date]:
    """The day of the first release of each series."""
    if ledger is None:
        return {}
    columns = ("kpi_id", "freq", "definition_version")
    rows: pa.Table = ledger.observations.group_by(list(columns)).aggregate([("realtime_start", "min")])
    return {tuple(row[name] for name in columns): row["realtime_start_min"] for row in rows.to_pylist()}


def _first_verdicts(ledger: Ledger | None) -> dict[tuple[str, str, str], date]:
    """The day of the first verdict on each series, by the hash of its definition."""
    if ledger is None:
        return {}
    columns = ("kpi_id", "freq", "definition_hash")
    rows: pa.Table = ledger.verdicts.group_by(list(columns)).aggregate([("judged_at", "min")])
    return {tuple(row[name] for name in columns): row["judged_at_min"].date() for row in rows.to_pylist()}
