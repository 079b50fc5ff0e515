"""Queries on the ledger that the gate and the release share: the newest decisions and the published keys."""

from __future__ import annotations

from typing import Any

from data_quality.ledger.store import Ledger
from metrics.definitions.catalog import Key

Decisions = dict[tuple[str, str, str, str], dict[str, Any]]  # by key and candidate hash


def newest_decisions(ledger: Ledger) -> Decisions:
    """The newest release or reject decision on each key and candidate hash."""
    return {
        (row["kpi_id"], row["freq"], row["time_period"], row["candidate_hash"]): row
        for row in ledger.decisions()
        if row["decision"] in ("release", "reject")
    }


def published_keys(ledger: Ledger) -> set[Key]:
    """The keys that have a published observation, suppressed and missing values included."""
    keys = ledger.observations.group_by(["kpi_id", "freq", "time_period"]).aggregate([])
    return {(row["kpi_id"], row["freq"], row["time_period"]) for row in keys.to_pylist()}
