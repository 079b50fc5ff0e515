"""What waits for a decision or was only flagged, and the evidence on it. Deciding: `decisions.py`."""

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
from data_quality.release.eligibility import Eligibility, Held
from data_quality.release.snapshot import FeedState, ReleaseSnapshot
from metrics.core import clock, deployment, secret_key
from metrics.core.errors import NyckeltalError
from metrics.definitions.catalog import Catalog, Key
from metrics.definitions.company import Company

# What can be done about a key that waits. "decide": somebody may; "rejected": somebody did; "judge again": the evidence
# isn't on what is there now, and the next run's will be. "flagged": it is published, and a check warns.
State = Literal["decide", "rejected", "judge again", "flagged"]
ACKNOWLEDGED_FOR = timedelta(days=365)
"""For so long an acknowledged warning isn't told again: of the KPI, by its frequency, by the same checks."""


@dataclass(frozen=True)
class Pending:
    """A key that is held or flagged, and the evidence. Of a protected KPI there are no values or figures.

    `checks` are those that fail; `published_value` and `candidate_value` are of the total, `change` is relative, for
    fractions the difference. `standing` is the newest decision on the candidate, which doesn't let it through.
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
    """The incidents of all that is held, or flagged and not acknowledged; worst first. Raises as `waiting` does."""
    return incidents.find(failures(pending_values(company, catalog, flagged=True), catalog), catalog)


def failures(found: Sequence[Pending], catalog: Catalog) -> list[incidents.Failure]:
    """What incidents are made of."""
    return [
        incidents.failure(
            catalog,
            (one.kpi_id, one.freq, one.time_period),
            one.checks,
            held=one.state != "flagged",
            rejected=one.state == "rejected",
        )
        for one in found
    ]


def pending_values(company: Company, catalog: Catalog, *, flagged: bool = False) -> list[Pending]:
    """Every judged key that a release would hold now, in the catalogue's order, with the evidence.

    These are the keys that `kpi.verdicts` calls held, as of the newest release. With `flagged` those that were
    published with a warning come with them, unless somebody acknowledged it.
    Raises NyckeltalError when the warehouse or the ledger can't be read.
    """
    with warehouse.connect() as connection:
        offered = snapshot.read(connection, catalog, *history(catalog))
        _require_the_key(connection, offered)
    ledger = Ledger.open(deployment.ledger_path(), make=False)
    found = eligibility.assess(offered, ledger, catalog, clock.today(company.time_zone))
    decisions = queries.newest_decisions(ledger)
    published, candidates = _published_totals(ledger), _candidate_totals(offered)
    result = []
    for held in (*found.held, *(_flagged(offered, found, ledger) if flagged else ())):
        if held.stands or held.key not in offered.verdicts:
            continue
        item, failing = offered.planned[held.key], offered.verdicts[held.key].failing
        failing += found.changes.get(held.key, ())
        standing = decisions.get((*held.key, held.candidate_hash)) if held.candidate_hash else None
        shown = not item.kpi.protected
        before = published.get(held.key) if shown else None
        now = candidates.get(held.key) if shown else None
        result.append(
            Pending(
                kpi_id=held.kpi_id,
                freq=held.freq,
                time_period=held.time_period,
                state=_state(held, standing) if held.key not in found.eligible else "flagged",
                reason=held.reason,
                checks=failing,
                published_value=before,
                candidate_value=now,
                change=_change(now, before, item.kpi.unit),
                feeds=tuple(offered.feeds[feed] for feed in item.kpi.feeds if feed in offered.feeds),
                deciders=company.roles.deciders(item.kpi.domain),
                standing=standing,
            )
        )
    return result


def _flagged(offered: ReleaseSnapshot, found: Eligibility, ledger: Ledger) -> list[Held]:
    """The keys that may be published as no check holds them, though one warns, and nobody acknowledged it."""
    acknowledged = [row for row in ledger.decisions() if row["decision"] == "acknowledge"]
    return [
        Held(*key, "is flagged", tuple(result.check for result in judged.failing), row["candidate_hash"])
        for key, row in found.eligible.items()
        if (judged := offered.verdicts[key]).failing
        and row["decision_id"] is None
        and not any(_covers(one, judged) for one in acknowledged)
    ]


def _covers(acknowledged: Mapping[str, Any], judged: Verdict) -> bool:
    """Whether an acknowledgement is on the verdict's checks of the same KPI and frequency, and not a year old."""
    return (
        (acknowledged["kpi_id"], acknowledged["freq"]) == judged.key[:2]
        and {result.check for result in judged.failing} <= set(acknowledged["checks"])
        and judged.judged_at <= acknowledged["decided_at"] + ACKNOWLEDGED_FOR
    )


def _require_the_key(connection: duckdb.DuckDBPyConnection, offered: ReleaseSnapshot) -> None:
    """Raises NyckeltalError when no stored verdict fits the secret key, so that nothing would seem to be held."""
    if offered.verdicts or not warehouse.has_table(connection, "kpi", "verdicts"):
        return
    row = connection.execute("select count(*) from kpi.verdicts").fetchone()
    if row is not None and row[0]:
        problem = "no verdict in the warehouse was made with this secret key: put the right one back"
        expected = f"the key file or {secret_key.VARIABLE} as before; with a new key `kpi run --history` judges anew"
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


def _candidate_totals(offered: ReleaseSnapshot) -> dict[Key, float | None]:
    """The total of each candidate."""
    totals: dict[Key, float | None] = {}
    for rows in offered.rows.values():
        columns = ("kpi_id", "freq", "time_period", "obs_value")
        for row in rows.filter(pc.equal(rows.column("segment"), "_T")).select(columns).to_pylist():
            totals[row["kpi_id"], row["freq"], row["time_period"]] = row["obs_value"]
    return totals


def _change(value: float | None, before: float | None, unit: str) -> float | None:
    if value is None or before is None:
        return None
    if unit == "fraction":
        return value - before
    return (value - before) / abs(before) if before else None
