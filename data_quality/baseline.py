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


def started_on(planned: Sequence[Planned], ledger: Ledger | None, today: date) -> list[date]:
    """Of each planned key the day on which its series was judged first; what had closed before is of the baseline.

    A series is a KPI at a frequency by a version of its definition; one that was never judged or released starts today.
    """
    released, judged = _first_releases(ledger), _first_verdicts(ledger)
    found = []
    for item in planned:
        kpi, freq = item.kpi, item.period.freq
        first_release = released.get((kpi.kpi_id, freq, kpi.definition_version), today)
        found.append(min(first_release, judged.get((kpi.kpi_id, freq, kpi.definition_hash), today)))
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
