"""Eligibility: which keys may be published now and why the others may not, by verdicts, decisions and closed periods.

This module only reads. `release.py` publishes what is eligible.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_quality.gate import verdict
from data_quality.gate.candidates import Build, Candidate
from data_quality.gate.checks.registry import CHECKS, NAMES
from data_quality.gate.keys import Planned
from data_quality.gate.verdict import CheckResult, Verdict
from data_quality.ledger.queries import Decisions, compared_with, newest_decisions, published_keys
from data_quality.ledger.store import Ledger
from data_quality.release import disclosed
from data_quality.release.comparison import reconciliation, refactorings, vintages
from data_quality.release.comparison.refactorings import REFACTORING
from data_quality.release.comparison.vintages import ELIGIBLE
from data_quality.release.result import Held
from data_quality.release.snapshot import ReleaseSnapshot
from metrics.core.periods import FREQS, earlier, parse, period_of, periods_between
from metrics.definitions.catalog import Catalog, Key

# Failures that only the comparison with published values shows. Decisions name them as they name the gate's checks.
# The value of a closed period changes.
CLOSED_PERIOD = "closed_period"
# The value of an open period changes although no newer rows came.
UNEXPLAINED = "unexplained_change"
# Published figures of the KPI would contradict each other. No decision can release this.
RECONCILIATION = "reconciliation"
# The KPI is computed from an earlier period whose changed value is held.
BASE_RESTATED = "base_restated"
# Checks that fail because something is still to come: the build, or data of the feeds.
STILL_TO_COME = frozenset(check.name for check in CHECKS if check.fixed)
# The check that fails because the period is a part of a held one.
PARTS = frozenset({"part_of_held"})
ComparisonFailures = dict[Key, tuple[CheckResult, ...]]


@dataclass(frozen=True)
class Eligibility:
    """What may be published now.

    `eligible` has a row of vintages.ELIGIBLE for each key that may be published. `incoming` are the cells of these keys
    after disclosure control (columns vintages.INCOMING), `new` those of them that are new vintages.
    `comparison_failures` has, for held keys, the checks that fail in the comparison with published values.
    """

    eligible: dict[Key, dict[str, Any]]
    held: tuple[Held, ...]
    comparison_failures: ComparisonFailures
    incoming: pa.Table
    new: pa.Table


def assess(release_snapshot: ReleaseSnapshot, ledger: Ledger, catalog: Catalog, today: date) -> Eligibility:
    """Compare every key of the snapshot with its stored verdict, the calendar, the decisions and what is published.

    Only evidence on the candidate as it is now counts.

    A release decision makes a key eligible when it names every check that fails. That includes CLOSED_PERIOD where the
    value of a closed period would change, UNEXPLAINED where the value of an open period would change without newer
    rows, and REFACTORING where the definition isn't proved to give the same values as the one before it. A newer reject
    decision holds the key, whatever the checks say.

    Months, quarter and year change together or not at all. A quarter or year becomes eligible with its changed months.
    RECONCILIATION holds what would contradict published values that stay. BASE_RESTATED holds a key computed from an
    earlier period whose change is held.
    """
    committed = compared_with(
        ledger,
        min((planned_key.period.start for planned_key in release_snapshot.planned.values()), default=today),
        whole=[kpi.kpi_id for kpi in catalog.kpis if kpi.protected],  # disclosure control looks at all their cells
        versions={kpi.kpi_id: kpi.definition_version for kpi in catalog.kpis},
    )
    released_on = ledger.newest["realtime_start"] if ledger.newest else None
    decisions = newest_decisions(ledger)
    published = published_keys(ledger)
    without_evidence = {
        key: replace(
            fault,
            published_stays=key in published and is_publishable(release_snapshot.verdicts.get(key), decisions),
        )
        for key, planned_key in release_snapshot.planned.items()
        if (fault := evidence_fault(planned_key, release_snapshot, published)) is not None
    }
    rows = {
        key: _row(planned_key, release_snapshot, catalog)
        for key, planned_key in release_snapshot.planned.items()
        if key not in without_evidence
    }

    # Disclosure control, series breaks and revision types depend on all keys that will be published. So compare, refuse
    # what must not change, and repeat until the eligible keys stay the same: one refusal can cause another. The first
    # round includes held keys that were published before, so that a decision can name everything that fails.
    eligible = {key: row for key, row in rows.items() if key in published or _passes(release_snapshot.verdicts[key])}
    unproved = refactorings.unproved(catalog, ledger, release_snapshot.refactorings)
    # Keys without evidence are included, so that no verdict of theirs enters the ledger as a pass.
    failures: ComparisonFailures = {
        key: (CheckResult(REFACTORING, "critical", "fail", None, None, unproved[key[0]].reason),)
        for key in release_snapshot.planned
        if key[0] in unproved
    }
    additive = [kpi.kpi_id for kpi in catalog.kpis if kpi.kind == "flow"]
    differing: set[Key] = set()  # published keys whose value is another one now
    refused: dict[Key, Held] = {}
    compared = None
    while eligible != compared:
        compared = eligible
        table = pa.Table.from_pylist(list(compared.values()), schema=ELIGIBLE)
        cells = disclosed.cells(compared, release_snapshot, catalog, committed)
        incoming, contradictions = reconciliation.reconcile(cells, table, committed, additive)
        new = vintages.select(incoming, table, committed, today=today, released_on=released_on)
        changing = _changing_keys(new)
        differing |= changing & published
        unpublished = release_snapshot.planned.keys() - published - compared.keys()
        restated = _on_restated(changing, differing - compared.keys(), unpublished, catalog)
        new_failures = (
            *_forbidden_changes(new, catalog),
            *_failing(RECONCILIATION, contradictions),
            *_failing(BASE_RESTATED, restated),
        )
        for key, result in new_failures:
            if result.check not in {known.check for known in failures.get(key, ())}:
                failures[key] = (*failures.get(key, ()), result)
        eligible, refused = _select(rows, release_snapshot, failures, decisions)
    held = without_evidence | refused
    return Eligibility(
        eligible=eligible,
        held=tuple(held[key] for key in release_snapshot.planned if key in held),
        comparison_failures={key: results for key, results in failures.items() if key in held},
        incoming=incoming,
        new=new,
    )


def _select(
    rows: Mapping[Key, dict[str, Any]],
    release_snapshot: ReleaseSnapshot,
    failures: ComparisonFailures,
    decisions: Decisions,
) -> tuple[dict[Key, dict[str, Any]], dict[Key, Held]]:
    """The rows that are eligible with the failures found so far, and the keys that are refused.

    An eligible row that a decision released has its id and reason.
    """
    eligible: dict[Key, dict[str, Any]] = {}
    refused: dict[Key, Held] = {}
    for key, row in sorted(rows.items(), key=lambda entry: FREQS.index(entry[0][1])):  # months before quarters
        judged = release_snapshot.verdicts[key]
        decision = decisions.get((*key, row["candidate_hash"]))
        key_failures = failures.get(key, ())
        is_changed = any(result.check in (CLOSED_PERIOD, UNEXPLAINED) for result in key_failures)
        decided_part = _decided_part(release_snapshot.planned[key], eligible) if is_changed else None
        if decided_part is not None:
            row = {**row, **{name: decided_part[name] for name in ("decision_id", "decision_reason")}}
            key_failures = tuple(result for result in key_failures if result.check not in (CLOSED_PERIOD, UNEXPLAINED))
        refusal = _refusal(judged, row["candidate_hash"], key_failures, decision)
        if refusal is not None:
            refused[key] = refusal
        elif decision and (judged.failing or key in failures):
            decision_columns = {"decision_id": decision["decision_id"], "decision_reason": decision["reason"]}
            eligible[key] = {**row, **decision_columns}
        else:
            eligible[key] = row
    return eligible, refused


def _decided_part(planned_key: Planned, eligible: dict[Key, dict[str, Any]]) -> dict[str, Any] | None:
    """The row of the newest part of a quarter or year that a decision released, if every part of it is eligible.

    None if a part isn't eligible, or no decision was needed. If a KPI is additive, its quarter or year changes by as
    much as its months. So a decision on all changed months also covers the quarter or year.
    """
    kpi, period = planned_key.kpi, planned_key.period
    shorter = {"Q": ("M",), "A": ("M", "Q")}.get(period.freq, ())
    freq = next((freq for freq in shorter if freq in kpi.freqs), None)
    if kpi.kind != "flow" or freq is None:
        return None
    parts = [(kpi.kpi_id, freq, part.code) for part in periods_between(freq, period.start, period.end)]
    if not all(part in eligible for part in parts):
        return None
    return next((eligible[part] for part in reversed(parts) if eligible[part]["decision_id"]), None)


def _changing_keys(new: pa.Table) -> set[Key]:
    """The keys that have a new cell, or a cell with another value than the published one; sums to date don't count."""
    differs = pc.and_(pc.is_valid(new.column("revision_type")), new.column("period_changed"))
    rows = new.filter(pc.or_(new.column("is_new"), differs))
    return {tuple(row.values()) for row in rows.select(["kpi_id", "freq", "time_period"]).to_pylist()}


def _on_restated(
    changing: set[Key], restated: set[Key], unpublished: Collection[Key], catalog: Catalog
) -> dict[Key, str]:
    """The changing keys that are computed from a restated or unpublished period, with the message that names it.

    The period may be of their own KPI or of one that it covers.
    """
    messages = {}
    for key in changing if restated or unpublished else ():
        kpi = catalog.kpi(key[0])
        period, spans = parse(key[2]), kpi.looks_back_on(parse(key[2]))
        causes = [
            f"{kpi_id} {code}"
            for kpi_id, _, code in sorted(restated, key=lambda other_key: (other_key[1] != key[1], other_key))
            if kpi_id in (key[0], *kpi.covers)
            and any(first <= parse(code).start and parse(code).end <= last for first, last in spans)
        ]
        state = "whose changed value is held"
        if not causes:
            compared = [period_of(key[1], earlier(period.start, offset)).code for offset in kpi.compared_with]
            causes = [
                f"{kpi_id} {code}"
                for kpi_id in kpi.covers
                for code in compared
                if (kpi_id, key[1], code) in unpublished
            ]
            state = "which isn't published"
        if causes:
            named = ", ".join(causes[:3]) + (f" and {len(causes) - 3} more" if len(causes) > 3 else "")
            messages[key] = f"it is computed from {named}, {state}"
    return messages


def is_publishable(judged: Verdict | None, decisions: Decisions) -> bool:
    """Whether the verdict, or a decision on the candidate that it judged, lets this candidate be published."""
    if judged is None:
        return False
    decision = decisions.get((*judged.key, judged.candidate_hash)) if judged.candidate_hash else None
    return _refusal(judged, judged.candidate_hash or "", (), decision) is None


def evidence_fault(planned_key: Planned, release_snapshot: ReleaseSnapshot, published: set[Key]) -> Held | None:
    """Why the key's verdict isn't sound evidence on its present candidate; None when it is.

    A key with such a fault can't be decided on: a run has to judge it first.
    """
    judged: Verdict | None = release_snapshot.verdicts.get(planned_key.key)
    candidate: Candidate | None = release_snapshot.loaded.candidates.get(planned_key.key)
    build: Build | None = release_snapshot.loaded.builds.get(planned_key.kpi.kpi_id)
    if judged is None:
        return Held(*planned_key.key, "was not judged")
    failing = tuple(result.check for result in judged.failing)

    def held(reason: str) -> Held:
        return Held(*planned_key.key, reason, failing)

    if build is None or not build.ok or candidate is None or build.batch_id is None:
        return held(verdict.reason(judged.holding) or "has no candidate of a build that succeeded")
    definition_hash = planned_key.kpi.definition_hash
    if judged.definition_hash != definition_hash or candidate.definition_hash != definition_hash:
        return held("was computed or judged by another definition than the compiled one; the next run judges it again")
    # A hold stays valid, and so does a verdict on a published key, if a later build gave an equal candidate.
    is_older = judged.batch_id != build.batch_id and _passes(judged) and planned_key.key not in published
    if candidate.batch_id != build.batch_id or is_older:
        return held("was not judged in the newest batch")
    if judged.candidate_hash != candidate.candidate_hash:
        return held("the candidate is not the one that was judged")
    if (judged.period_start, judged.period_end) != (planned_key.period.start, planned_key.period.end):
        return held("was judged with other first and last days; the next run judges it again")
    if sorted(result.check for result in judged.checks) != sorted(NAMES):
        return held(verdict.reason(judged.holding) or "was not judged by today's checks")
    return None


def _passes(judged: Verdict) -> bool:
    """Whether the verdict publishes, when it is added up from the results of today's checks."""
    return verdict.answer(judged.checks, NAMES) != "hold"


def _refusal(
    judged: Verdict, candidate_hash: str, key_failures: tuple[CheckResult, ...], decision: dict[str, Any] | None
) -> Held | None:
    """Why a key with sound evidence may not be published; None when it may.

    `key_failures` are its failures in the comparison with published values.
    """
    failing = tuple(result.check for result in (*judged.failing, *key_failures))
    decidable = tuple(name for name in failing if name != RECONCILIATION)

    def held(reason: str) -> Held:
        return Held(*judged.key, reason, decidable, candidate_hash)

    if decision and decision["decision"] == "reject":
        return held(f"was rejected: {decision['reason']}")
    if _passes(judged) and not key_failures:
        return None
    if decision and decision["decision"] == "release" and set(failing) <= set(decision["checks"]) - {RECONCILIATION}:
        return None
    return held(verdict.reason((*judged.holding, *key_failures)) or verdict.reason(judged.failing) or "a check fails")


def _row(planned_key: Planned, release_snapshot: ReleaseSnapshot, catalog: Catalog) -> dict[str, Any]:
    """The key's row of vintages.ELIGIBLE, as it is without a decision."""
    kpi, period = planned_key.kpi, planned_key.period
    feeds = [release_snapshot.feeds[feed] for feed in kpi.feeds if feed in release_snapshot.feeds]
    return {
        "kpi_id": kpi.kpi_id,
        "freq": period.freq,
        "time_period": period.code,
        "period_start": period.start,
        "period_end": period.end,
        "closes_on": catalog.closes_on(kpi, period),
        "candidate_hash": release_snapshot.loaded.candidates[planned_key.key].candidate_hash,
        "definition_version": kpi.definition_version,
        "definition_hash": kpi.definition_hash,
        "newest_rows": max((moment for feed in feeds for moment in feed.arrivals), default=None),
        "decision_id": None,
        "decision_reason": None,
        "breaks": kpi.breaks_in(period),
        "min_n_obs": kpi.min_n_obs,
        "estimate": kpi.estimate,
    }


def _failing(check: str, details: Mapping[Key, str]) -> Iterator[tuple[Key, CheckResult]]:
    """By key, the failing result of a check that holds, with its detail."""
    for key, detail in details.items():
        yield key, CheckResult(check, "critical", "fail", None, None, detail)


def _forbidden_changes(new: pa.Table, catalog: Catalog) -> Iterator[tuple[Key, CheckResult]]:
    """CLOSED_PERIOD or UNEXPLAINED for each key with a value that must not differ from the published one."""
    changed: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for row in new.filter(pc.or_(new.column("changes_closed"), new.column("unexplained"))).to_pylist():
        changed[row["kpi_id"], row["freq"], row["time_period"]].append(row)
    for key, rows in changed.items():
        # A cell with another value comes first. The total is the first row, so that it wins among equals.
        row = min(rows, key=lambda cell: cell["obs_value"] == cell["old_value"])
        change = _change_text(row, protected=catalog.kpi(key[0]).protected)
        if row["changes_closed"]:  # all cells of a period are closed, or none
            yield from _failing(CLOSED_PERIOD, {key: f"the period closed on {row['closes_on']}; {change}"})
        else:
            detail = f"{change}, though neither its definition nor any row upstream is newer"
            yield from _failing(UNEXPLAINED, {key: detail})


def _change_text(row: dict[str, Any], *, protected: bool) -> str:
    if protected:
        return "its value changed"
    if row["obs_value"] == row["old_value"]:
        return "the rows behind its value changed"
    cell = "" if row["segment"] == "_T" else f"{row['segment']} {row['member']}: "
    return f"its value changed ({cell}{_figure(row['old_value'])} → {_figure(row['obs_value'])})"


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.10g}"
