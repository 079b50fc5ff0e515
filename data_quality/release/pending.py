"""Pending keys: what is held for a decision or flagged, with the evidence. Decisions are made by `decisions.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import duckdb
import pyarrow.compute as pc

from data_quality import warehouse
from data_quality.gate import incidents
from data_quality.gate.incidents import Incident
from data_quality.gate.keys import history
from data_quality.gate.verdict import CheckResult, Verdict
from data_quality.ledger import queries
from data_quality.ledger.store import Ledger
from data_quality.release import eligibility, snapshot
from data_quality.release.eligibility import Eligibility
from data_quality.release.result import Held
from data_quality.release.snapshot import FeedState, ReleaseSnapshot
from metrics.core import clock, deployment, secret_key
from metrics.core.errors import NyckeltalError
from metrics.definitions.catalog import Catalog, Key
from metrics.definitions.company import Company

# What can be done about a pending key. "decide": a decision can be made on it. "rejected": a decision rejected it.
# "judge again": the verdict isn't on the present candidate; the next run judges that. "flagged": it is published with a
# warning.
State = Literal["decide", "rejected", "judge again", "flagged"]
ACKNOWLEDGED_FOR = timedelta(days=365)
"""How long an acknowledged warning isn't shown again, for the same KPI, frequency and checks."""


@dataclass(frozen=True)
class Pending:
    """A key that is held or flagged, and the evidence. Values and figures are None for a protected KPI.

    `checks` are the failing ones. `published_value` and `candidate_value` are of the total, in the KPI's unit; `change`
    is the relative change between them, for fractions the difference. `standing` is the newest decision on the
    candidate; it doesn't release it.
    """

    kpi_id: str
    freq: str
    time_period: str
    state: State
    reason: str
    checks: tuple[CheckResult, ...]
    published_value: float | None
    candidate_value: float | None
    change: float | None
    feeds: tuple[FeedState, ...]
    deciders: tuple[str, ...]
    standing: dict[str, Any] | None


def open_incidents(company: Company, catalog: Catalog) -> list[Incident]:
    """The incidents of all keys that are held, or flagged and not acknowledged; worst first.

    Raises NyckeltalError as `pending_values` does.
    """
    return incidents.find(failures(pending_values(company, catalog, flagged=True), catalog), catalog)


def failures(pending: Sequence[Pending], catalog: Catalog) -> list[incidents.Failure]:
    """The pending keys as the failures that `incidents.find` groups."""
    return [
        incidents.failure(
            catalog,
            (key.kpi_id, key.freq, key.time_period),
            key.checks,
            held=key.state != "flagged",
            rejected=key.state == "rejected",
        )
        for key in pending
    ]


def pending_values(company: Company, catalog: Catalog, *, flagged: bool = False) -> list[Pending]:
    """Every judged key that a release would hold now, in the catalogue's order, with the evidence.

    These are the keys that `kpi.verdicts` shows as held, as of the newest release. `flagged` adds the keys that are
    published with a warning that nobody acknowledged.
    Raises NyckeltalError when the warehouse or the ledger can't be read.
    """
    with warehouse.connect() as connection:
        release_snapshot = snapshot.read(connection, catalog, *history(catalog))
        _require_secret_key(connection, release_snapshot)
    ledger = Ledger.open(deployment.ledger_path(), make=False)
    assessment = eligibility.assess(release_snapshot, ledger, catalog, clock.today(company.time_zone))
    decisions = queries.newest_decisions(ledger)
    published, candidates = _published_totals(ledger), _candidate_totals(release_snapshot)
    pending = []
    for held in (*assessment.held, *(_flagged(release_snapshot, assessment, ledger) if flagged else ())):
        if held.published_stays or held.key not in release_snapshot.verdicts:
            continue
        kpi = release_snapshot.planned[held.key].kpi
        failing = release_snapshot.verdicts[held.key].failing
        failing += assessment.comparison_failures.get(held.key, ())
        standing = decisions.get((*held.key, held.candidate_hash)) if held.candidate_hash else None
        published_value = None if kpi.protected else published.get(held.key)
        candidate_value = None if kpi.protected else candidates.get(held.key)
        pending.append(
            Pending(
                kpi_id=held.kpi_id,
                freq=held.freq,
                time_period=held.time_period,
                state=_state(held, standing) if held.key not in assessment.eligible else "flagged",
                reason=held.reason,
                checks=failing,
                published_value=published_value,
                candidate_value=candidate_value,
                change=_change(candidate_value, published_value, kpi.unit),
                feeds=tuple(release_snapshot.feeds[feed] for feed in kpi.feeds if feed in release_snapshot.feeds),
                deciders=company.roles.deciders(kpi.domain),
                standing=standing,
            )
        )
    return pending


def _flagged(release_snapshot: ReleaseSnapshot, assessment: Eligibility, ledger: Ledger) -> list[Held]:
    """The eligible keys with a warning that nobody acknowledged, and that needed no decision."""
    acknowledgements = [row for row in ledger.decisions() if row["decision"] == "acknowledge"]
    return [
        Held(*key, "is flagged", tuple(result.check for result in verdict.failing), row["candidate_hash"])
        for key, row in assessment.eligible.items()
        if (verdict := release_snapshot.verdicts[key]).failing
        and row["decision_id"] is None
        and not any(_covers(acknowledgement, verdict) for acknowledgement in acknowledgements)
    ]


def _covers(acknowledgement: Mapping[str, Any], verdict: Verdict) -> bool:
    """Whether the acknowledgement names the verdict's KPI, frequency and failing checks, and isn't a year old."""
    return (
        (acknowledgement["kpi_id"], acknowledgement["freq"]) == verdict.key[:2]
        and {result.check for result in verdict.failing} <= set(acknowledgement["checks"])
        and verdict.judged_at <= acknowledgement["decided_at"] + ACKNOWLEDGED_FOR
    )


def _require_secret_key(connection: duckdb.DuckDBPyConnection, release_snapshot: ReleaseSnapshot) -> None:
    """Raises NyckeltalError when the warehouse has verdicts but none is sealed with the present secret key.

    Without this check nothing would seem to be held.
    """
    if release_snapshot.verdicts or not warehouse.has_table(connection, "kpi", "verdicts"):
        return
    row = connection.execute("select count(*) from kpi.verdicts").fetchone()
    if row is not None and row[0]:
        problem = "no verdict in the warehouse was made with this secret key: put the right one back"
        expected = f"the key file or {secret_key.VARIABLE} as before; with a new key `kpi run --history` judges again"
        raise NyckeltalError(problem, file=secret_key.key_path(), expected=expected)


def _state(held: Held, standing: dict[str, Any] | None) -> State:
    if held.candidate_hash is None:
        return "judge again"
    return "rejected" if standing and standing["decision"] == "reject" else "decide"


def _published_totals(ledger: Ledger) -> dict[Key, float | None]:
    """The newest published total of each key."""
    rows = ledger.observations
    totals = rows.filter(pc.equal(rows.column("segment"), "_T")).sort_by("sequence")
    columns = ("kpi_id", "freq", "time_period", "obs_value")
    return {
        (row["kpi_id"], row["freq"], row["time_period"]): row["obs_value"] for row in totals.select(columns).to_pylist()
    }


def _candidate_totals(release_snapshot: ReleaseSnapshot) -> dict[Key, float | None]:
    """The total of each candidate."""
    totals: dict[Key, float | None] = {}
    for rows in release_snapshot.rows.values():
        columns = ("kpi_id", "freq", "time_period", "obs_value")
        for row in rows.filter(pc.equal(rows.column("segment"), "_T")).select(columns).to_pylist():
            totals[row["kpi_id"], row["freq"], row["time_period"]] = row["obs_value"]
    return totals


def _change(candidate_value: float | None, published_value: float | None, unit: str) -> float | None:
    if candidate_value is None or published_value is None:
        return None
    if unit == "fraction":
        return candidate_value - published_value
    return (candidate_value - published_value) / abs(published_value) if published_value else None
