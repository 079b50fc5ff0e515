"""Rows and releases of a tiny ledger, for tests of the ledger."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from data_quality.ledger.schemas import OBSERVATIONS, SCHEMAS, VERDICTS
from data_quality.ledger.store import ConcurrentRelease, Ledger

DAY = date(2026, 3, 5)
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
COUNTRIES = {"SE": 6.0, "NO": 3.0, "DK/FO": 1.0}


def observation(**columns: Any) -> dict[str, Any]:
    """A vintage of January's total."""
    return {
        "kpi_id": "revenue",
        "freq": "M",
        "time_period": "2026-01",
        "period_start": date(2026, 1, 1),
        "period_end": date(2026, 1, 31),
        "segment": "_T",
        "member": "_T",
        "obs_value": 10.0,
        "obs_status": "A",
        "conf_status": "F",
        "definition_version": 1,
        "definition_hash": "def1",
        "candidate_hash": "cand1",
        **columns,
    }


def table(rows: list[dict[str, Any]], schema: pa.Schema = OBSERVATIONS) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=pa.schema([field.with_nullable(True) for field in schema]))


def verdict(**columns: Any) -> dict[str, Any]:
    """A passing verdict on January."""
    return {
        "kpi_id": "revenue",
        "freq": "M",
        "time_period": "2026-01",
        "verdict": "publish",
        "checks": "[]",
        "candidate_hash": "cand1",
        "definition_hash": "def1",
        "batch_id": "b",
        "judged_at": NOON,
        **columns,
    }


def append(
    ledger: Ledger, *rows: dict[str, Any], verdicts: list[dict[str, Any]] | None = None, catalog: str = "{}"
) -> dict[str, Any]:
    """Append a release of these observations and verdicts."""
    return ledger.append(
        table(list(rows)),
        table(verdicts or [], VERDICTS),
        realtime_start=DAY,
        published_at=NOON,
        catalog=catalog,
        batch_id="b",
    )


def released(root: str) -> Ledger:
    """Three releases: January by country; January's revision with a decision; February with a verdict.

    It also has a decision that no release covers, and a row of an interrupted release.
    """
    january = [observation(segment="country", member=member, obs_value=value) for member, value in COUNTRIES.items()]
    append(Ledger.open(root), observation(), *january, verdicts=[verdict()])
    decision_id = Ledger.open(root).decide(
        "revenue", "release", reason="campaign", decided_by="cfo", freq="M", time_period="2026-01",
        candidate_hash="cand2", checks=["plausible"],
    )  # fmt: skip
    revised = observation(obs_value=11.0, candidate_hash="cand2", revision_type="C", decision_id=decision_id)
    append(Ledger.open(root), revised, verdicts=[verdict(verdict="hold", candidate_hash="cand2")])
    february = {"time_period": "2026-02", "period_start": date(2026, 2, 1), "period_end": date(2026, 2, 28)}
    append(Ledger.open(root), observation(**february), verdicts=[verdict(time_period="2026-02")])
    ledger = Ledger.open(root)
    ledger.decide("revenue", "review", reason="looks right", decided_by="cfo")
    leftover = {"release_id": "interrupted", "realtime_start": DAY, "published_at": NOON}
    rows = pa.Table.from_pylist([observation(**leftover)], schema=SCHEMAS["observations"])
    write_deltalake(ledger.tables["observations"], rows, mode="append")
    return Ledger.open(root)


def race(writers: list[Ledger]) -> list[bool]:
    """Let every writer append a release at the same time; whether each of them committed it."""
    start = Barrier(len(writers))

    def write(number: int) -> bool:
        start.wait()
        try:
            append(writers[number], observation(obs_value=float(number)))
        except ConcurrentRelease:
            return False
        return True

    with ThreadPoolExecutor(len(writers)) as pool:
        return list(pool.map(write, range(len(writers))))
