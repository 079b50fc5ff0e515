"""Publishing: admits what the gate or a decision let through, appends it to the ledger, renews the published file.

Whatever started it, publishing reads the stored verdicts itself and holds them against the candidates as they are now.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow as pa

from data_quality import candidates, disclosure, published, verdict, vintages, warehouse
from data_quality.candidates import Build, Candidate, Loaded
from data_quality.checks import SEVERITIES
from data_quality.ledger import VERDICTS, ConcurrentRelease, Ledger
from data_quality.ledger_lock import releasing
from data_quality.plan import Planned, plan
from data_quality.verdict import CheckResult, Key, Verdict
from data_quality.vintages import ADMITTED, INCOMING
from metrics import clock
from metrics import company as deployment
from metrics.catalog import Catalog, CatalogKpi
from metrics.company import Company
from metrics.errors import NyckeltalError

ATTEMPTS = 3
CLOSED_PERIOD = "closed_period"  # what a decision names beside checks, to let a closed period's changed value through

# A sum to date is a value only where the input covers the whole time that it adds up.
_ROWS = """
select * replace (
    case when $observable_from::date <= date_trunc('year', period_end) then year_to_date end as year_to_date,
    case when $observable_from::date <= date_trunc('month', period_end) - interval 11 month
        then rolling_12_months end as rolling_12_months
)
from candidate_rows
where kpi_id = $kpi_id
"""


@dataclass(frozen=True)
class Held:
    """A key that was not published, why, and the checks that failed or could not be evaluated."""

    kpi_id: str
    freq: str
    time_period: str
    reason: str
    checks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Release:
    """What publishing did. `release_id` is None when there was nothing new, so that no release was made.

    `published` counts the admitted keys, `appended_observations` and `unchanged` their cells, `appended_verdicts` the
    verdicts that are news to the ledger; `sequence` is that of the ledger's newest release, 0 when there is none.
    """

    release_id: str | None
    sequence: int
    realtime_start: date
    published: int
    appended_observations: int
    unchanged: int
    appended_verdicts: int
    held: tuple[Held, ...]


@dataclass(frozen=True)
class _Offer:
    """What the warehouse offers for release: all that is needed once it is closed."""

    planned: dict[Key, Planned]
    loaded: Loaded
    verdicts: dict[Key, Verdict]
    rows: dict[str, pa.Table]  # by kpi_id, the columns of candidates.COLUMNS
    deliveries: dict[str, datetime]  # by feed, the newest one


def publish(company: Company, catalog: Catalog, first: date, last: date) -> Release:
    """Release the keys whose period ended in [first, last] and that have a passing verdict, or a decision, as they are.

    A closed period's changed value is held, unless the definition's version is newer or a decision names CLOSED_PERIOD.
    Appends new vintages and verdicts to the ledger and swaps the published file. It finishes what an interrupted
    release left undone. With nothing new it appends nothing.
    Raises NyckeltalError when the warehouse or the data folder can't be used, or the clock stands before the last
    release.
    """
    with releasing():  # releases on one machine come after each other; one from elsewhere the ledger itself refuses
        with warehouse.connect() as connection:
            offer = _offer(connection, company, catalog, first, last)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return _release(offer, company, catalog)
            except ConcurrentRelease:
                if attempt == ATTEMPTS:
                    raise
                logging.getLogger(__name__).info("another release came first; comparing with that one")
    raise AssertionError("unreachable")


def _offer(
    connection: duckdb.DuckDBPyConnection, company: Company, catalog: Catalog, first: date, last: date
) -> _Offer:
    planned = {item.key: item for item in plan(connection, company, catalog, first, last)}
    loaded = candidates.load(connection, catalog)
    observable = {item.kpi.kpi_id: item.observable_from for item in planned.values()}
    rows = {
        kpi_id: connection.execute(_ROWS, {"kpi_id": kpi_id, "observable_from": observable[kpi_id]}).to_arrow_table()
        for kpi_id in sorted(observable)
    }
    deliveries: dict[str, datetime] = {}
    if warehouse.has_table(connection, "raw", "_feeds"):
        deliveries = dict(
            connection.execute(
                "select feed, newest_delivery from raw._feeds where newest_delivery is not null"
            ).fetchall()
        )
    return _Offer(planned, loaded, verdict.stored(connection), rows, deliveries)


def _release(offer: _Offer, company: Company, catalog: Catalog) -> Release:
    ledger = Ledger.open(deployment.ledger_path())
    now, today = clock.now(), clock.today(company.time_zone)
    newest = ledger.newest
    if newest and (now < newest["published_at"] or today < newest["realtime_start"]):
        raise NyckeltalError(
            "the clock stands before the last release", found=now.isoformat(), expected=newest["published_at"]
        )

    decisions = _newest_decisions(ledger)
    admitted: dict[Key, dict[str, Any]] = {}
    held: list[Held] = []
    for key, item in offer.planned.items():
        decision = decisions.get((*key, str(offer.verdicts[key].candidate_hash))) if key in offer.verdicts else None
        refusal = _refusal(item, offer, decision)
        if refusal is not None:
            held.append(refusal)
        else:
            by_decision = offer.verdicts[key].failing and decision
            admitted[key] = _admitted(item, offer, catalog, by_decision or None)

    committed = ledger.committed("observations")

    def select() -> tuple[pa.Table, pa.Table]:
        incoming = _incoming(list(admitted.values()), offer, catalog, committed)
        rows = pa.Table.from_pylist(list(admitted.values()), schema=ADMITTED)
        return incoming, vintages.select(incoming, rows, committed, today=today)

    incoming, new = select()
    closed: dict[Key, Held] = {}
    if changes := _closed_changes(new, catalog):
        for key, reason in changes.items():
            decision = decisions.get((*key, admitted[key]["candidate_hash"]))
            if decision and decision["decision"] == "release" and CLOSED_PERIOD in decision["checks"]:
                admitted[key] = _admitted(offer.planned[key], offer, catalog, decision)
            else:
                closed[key] = Held(*key, reason, (CLOSED_PERIOD,))
                del admitted[key]
        held += closed.values()
        incoming, new = select()  # disclosure control and series breaks see only what will be there
    verdicts = _new_verdicts(ledger, offer, closed)
    catalog_text = catalog.definitions_json
    row = None
    if new.num_rows or verdicts.num_rows or (newest and newest["catalog"] != catalog_text):
        batches = sorted({item["batch_id"] for item in verdicts.to_pylist() if item["batch_id"]} | _batches(offer))
        row = ledger.append(
            new,
            verdicts,
            realtime_start=today,
            published_at=now,
            catalog=catalog_text,
            batch_id=batches[0] if len(batches) == 1 else ",".join(batches) or None,
        )
    published.renew(deployment.ledger_path(), deployment.published_path())
    return Release(
        release_id=row["release_id"] if row else None,
        sequence=row["sequence"] if row else newest["sequence"] if newest else 0,
        realtime_start=today,
        published=len(admitted),
        appended_observations=new.num_rows,
        unchanged=incoming.num_rows - new.num_rows,
        appended_verdicts=verdicts.num_rows,
        held=tuple(held),
    )


def _refusal(item: Planned, offer: _Offer, decision: dict[str, Any] | None) -> Held | None:
    """Why the key may not be published; None when it may. Nothing but the stored evidence is believed."""

    def held(reason: str, checks: tuple[str, ...] = ()) -> Held:
        return Held(*item.key, reason, checks)

    found: Verdict | None = offer.verdicts.get(item.key)
    candidate: Candidate | None = offer.loaded.candidates.get(item.key)
    build: Build | None = offer.loaded.builds.get(item.kpi.kpi_id)
    if found is None:
        return held("was not judged")
    failing = tuple(result.check for result in found.failing)
    if build is None or not build.ok or candidate is None or build.batch_id is None:
        details = "; ".join(result.detail for result in found.failing if result.detail)
        return held(details or "has no candidate of a build that succeeded", failing)
    if found.definition_hash != item.kpi.definition_hash or candidate.definition_hash != item.kpi.definition_hash:
        return held("was computed or judged by another definition than the catalogue's", failing)
    if found.batch_id != build.batch_id or candidate.batch_id != build.batch_id:
        return held("was not judged in the newest batch", failing)
    if found.candidate_hash != candidate.candidate_hash:
        return held("the candidate is not the one that was judged", failing)
    if (found.period_start, found.period_end) != (item.period.start, item.period.end):
        return held("the verdict is on another period", failing)
    if decision and decision["decision"] == "reject":
        return held(f"was rejected: {decision['reason']}", failing)
    if verdict.answer(found.checks, SEVERITIES) != "hold":
        return None
    planned_checks = sorted(result.check for result in found.checks) == sorted(SEVERITIES)
    if planned_checks and decision and decision["decision"] == "release" and set(failing) <= set(decision["checks"]):
        return None
    return held("; ".join(result.detail for result in found.failing if result.detail) or "a check fails", failing)


def _newest_decisions(ledger: Ledger) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    """The newest release or reject decision on each key and candidate hash."""
    return {
        (row["kpi_id"], row["freq"], row["time_period"], row["candidate_hash"]): row
        for row in ledger.decisions()
        if row["decision"] in ("release", "reject")
    }


def _admitted(item: Planned, offer: _Offer, catalog: Catalog, decision: dict[str, Any] | None) -> dict[str, Any]:
    deliveries = [offer.deliveries[feed] for feed in item.kpi.feeds if feed in offer.deliveries]
    kpi_id, freq, time_period = item.key
    return {
        "kpi_id": kpi_id,
        "freq": freq,
        "time_period": time_period,
        "period_start": item.period.start,
        "period_end": item.period.end,
        "closes_on": catalog.closes_on(item.kpi, item.period),
        "candidate_hash": offer.loaded.candidates[item.key].candidate_hash,
        "definition_version": item.kpi.definition_version,
        "definition_hash": item.kpi.definition_hash,
        "newest_delivery": max(deliveries) if deliveries else None,
        "decision_id": decision["decision_id"] if decision else None,
        "decision_reason": decision["reason"] if decision else None,
        "breaks": item.kpi.breaks_in(item.period),
        "min_n_obs": item.kpi.min_n_obs,
    }


def _closed_changes(new: pa.Table, catalog: Catalog) -> dict[Key, str]:
    """The keys whose period has closed and whose values differ from what was published, and how: the total first."""
    changed: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for row in new.filter(new.column("changes_closed")).to_pylist():
        changed[row["kpi_id"], row["freq"], row["time_period"]].append(row)
    reasons = {}
    for key, rows in changed.items():
        row = min(rows, key=lambda one: one["obs_value"] == one["old_value"])  # of equals the total, which comes first
        cell = "" if row["segment"] == "_T" else f"{row['segment']} {row['member']}: "
        how = f"its value changed ({cell}{_figure(row['old_value'])} → {_figure(row['obs_value'])})"
        if catalog.kpi(key[0]).protected:
            how = "its value changed"
        elif row["obs_value"] == row["old_value"]:
            how = "the rows behind its value changed"
        reasons[key] = f"the period closed on {row['closes_on']}; {how}"
    return reasons


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.10g}"


def _batches(offer: _Offer) -> set[str]:
    builds = (offer.loaded.builds.get(kpi_id) for kpi_id in offer.rows)
    return {build.batch_id for build in builds if build is not None and build.batch_id}


def _incoming(admitted: list[dict[str, Any]], offer: _Offer, catalog: Catalog, committed: pa.Table) -> pa.Table:
    """The cells of the admitted keys, after disclosure control."""
    keys: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in admitted:
        keys[row["kpi_id"]].add((row["freq"], row["time_period"]))
    tables = []
    for kpi_id, chosen in keys.items():
        rows = offer.rows[kpi_id]
        wanted = [
            pair in chosen
            for pair in zip(rows.column("freq").to_pylist(), rows.column("time_period").to_pylist(), strict=True)
        ]
        rows = rows.filter(pa.array(wanted, pa.bool_()))
        kpi = catalog.kpi(kpi_id)
        if kpi.protected:
            tables.append(_disclosed(rows, kpi, committed))
        else:
            free = pa.array(["F"] * rows.num_rows, pa.string())
            tables.append(rows.append_column("conf_status", free).select(INCOMING.names).cast(INCOMING))
    return pa.concat_tables(tables) if tables else INCOMING.empty_table()


def _disclosed(rows: pa.Table, kpi: CatalogKpi, committed: pa.Table) -> pa.Table:
    """A protected KPI's cells as they may leave the warehouse: without persons, and without what is suppressed."""
    hidden_before: dict[tuple[str, str], set[disclosure.Cell]] = defaultdict(set)
    columns = ["kpi_id", "freq", "time_period", "segment", "member", "conf_status"]
    for row in committed.select(columns).to_pylist():
        if row["kpi_id"] == kpi.kpi_id and row["conf_status"] != "F":
            hidden_before[row["freq"], row["time_period"]].add((row["segment"], row["member"]))
    cells: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows.to_pylist():
        cells[row["freq"], row["time_period"]].append(row)
    free = []
    for key, members in cells.items():
        hidden = disclosure.control(
            members, kpi.disclosure_threshold, nested=kpi.nested_persons, hidden_before=hidden_before[key]
        )
        for row in members:
            status = hidden.get((row["segment"], row["member"]), "F")
            shown = row if status == "F" else disclosure.suppressed(row)
            free.append({**shown, **_UNSAID, "conf_status": status})
    names = set(INCOMING.names)
    return pa.Table.from_pylist([{k: v for k, v in row.items() if k in names} for row in free], schema=INCOMING)


# Of a protected KPI: how many persons there are, and sums that could be taken apart into suppressed months.
_UNSAID = dict.fromkeys(("n_persons_numerator", "n_persons_denominator", "year_to_date", "rolling_12_months"))


def _new_verdicts(ledger: Ledger, offer: _Offer, closed: dict[Key, Held]) -> pa.Table:
    """The verdicts on the candidates as they are now that differ from what the ledger holds of their keys.

    For a key that is held as its period has closed, that is one more check that fails.
    """
    latest: dict[Key, tuple[Any, ...]] = {}
    compared = ("verdict", "checks", "candidate_hash", "definition_hash")
    for row in ledger.committed("verdicts").sort_by("sequence").to_pylist():
        latest[row["kpi_id"], row["freq"], row["time_period"]] = tuple(row[name] for name in compared)
    rows = []
    for key, item in offer.planned.items():
        found = offer.verdicts.get(key)
        candidate, build = offer.loaded.candidates.get(key), offer.loaded.builds.get(item.kpi.kpi_id)
        if (
            found is None
            or found.candidate_hash != (candidate.candidate_hash if candidate else None)
            or found.batch_id != (build.batch_id if build else None)
        ):
            continue
        answer = verdict.answer(found.checks, SEVERITIES)
        if key in closed:
            change = CheckResult(CLOSED_PERIOD, "fail", None, None, closed[key].reason)
            found, answer = replace(found, checks=(*found.checks, change)), "hold"
        row = {
            "kpi_id": found.kpi_id,
            "freq": found.freq,
            "time_period": found.time_period,
            "verdict": answer,
            "checks": found.checks_json,
            "candidate_hash": found.candidate_hash,
            "definition_hash": found.definition_hash,
            "batch_id": found.batch_id,
            "judged_at": found.judged_at,
        }
        if latest.get(key) != tuple(row[name] for name in compared):
            rows.append(row)
    return pa.Table.from_pylist(rows, schema=pa.schema([field for field in VERDICTS if field.name != "release_id"]))
