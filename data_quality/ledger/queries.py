"""Queries on the ledger that the gate and the release share: newest decisions, published keys, what is compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

import pyarrow as pa

from data_quality.ledger.store import Ledger
from metrics.core.quoting import literal
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
    keys = ledger.first_releases("observations", ("kpi_id", "freq", "time_period"))
    return {(row["kpi_id"], row["freq"], row["time_period"]) for row in keys.to_pylist()}


def compared_with(ledger: Ledger, first: date, whole: Collection[str], versions: Mapping[str, int]) -> pa.Table:
    """The observations, with `sequence`, that a release must read to compare periods from the day `first` on.

    They begin one year before `first`, because sums to date and over twelve months are compared too. For two groups of
    KPIs all observations are read: those in `whole`, and those with an observation by another definition version than
    the one in `versions`, because the observation before a gap may be far back.
    """
    known = ledger.first_releases("observations", ("kpi_id", "definition_version")).to_pylist()
    other = {row["kpi_id"] for row in known if row["definition_version"] != versions.get(row["kpi_id"])}
    since = date(max(first.year - 1, 1), 1, 1)
    conditions = [f"rows.period_start >= date '{since}'"]
    if kpi_ids := sorted({*whole, *other}):
        conditions.append(f"rows.kpi_id in ({', '.join(map(literal, kpi_ids))})")
    return ledger.observations_where(" or ".join(conditions))
