"""Which keys may be published now, and why the others may not: stored verdicts, decisions and closed periods.

It reads, and writes nothing: what a release does with the answer stands in `release.py`.
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
from data_quality.ledger.queries import Decisions, newest_decisions, published_keys
from data_quality.ledger.store import Ledger
from data_quality.release import disclosed, reconciliation, refactorings, vintages
from data_quality.release.refactorings import REFACTORING
from data_quality.release.snapshot import ReleaseSnapshot
from data_quality.release.vintages import ELIGIBLE
from metrics.core.periods import FREQS, earlier, parse, period_of, periods_between
from metrics.definitions.catalog import Catalog, Key

# What a decision names beside checks and REFACTORING: that a closed period's value changes, and that an open one's does
# though nothing newer came.
CLOSED_PERIOD, UNEXPLAINED = "closed_period", "unexplained_change"
# That published figures of the KPI would contradict each other. No decision lets that through.
RECONCILIATION = "reconciliation"
# That the KPI looks back on a period whose value isn't the published one any more, and is held.
BASE_RESTATED = "base_restated"
# Checks that fail as something is still to come (the build, the feeds' data), or as the period is a part of another.
STILL_TO_COME = frozenset(check.name for check in CHECKS if check.fixed)
PARTS = frozenset({"part_of_held"})
Changes = dict[Key, tuple[CheckResult, ...]]  # what shows only beside the published values, as checks that fail


@dataclass(frozen=True)
class Held:
    """A key that may not be published, why, and the checks that failed or could not be evaluated.

    `checks` are those that a decision can let through: all but RECONCILIATION.
    `candidate_hash` is that of the candidate on which a decision may be taken; None where there is none, as the
    stored evidence isn't on what is in the warehouse now. `stands` says that no verdict holds the key, and that a
    value of it is published: that one stands until a run judges what is there now.
    """

    kpi_id: str
    freq: str
    time_period: str
    reason: str
    checks: tuple[str, ...] = ()
    candidate_hash: str | None = None
    stands: bool = False

    @property
    def key(self) -> Key:
        """(kpi_id, freq, time_period)."""
        return self.kpi_id, self.freq, self.time_period


@dataclass(frozen=True)
class Eligibility:
    """What may be published now.

    `eligible` has a row of vintages.ELIGIBLE for each key; `incoming` are their cells after disclosure control and
    `new` the vintages among them. `changes` says of held keys how they differ from what was published and mustn't.
    """

    eligible: dict[Key, dict[str, Any]]
    held: tuple[Held, ...]
    changes: Changes
    incoming: pa.Table
    new: pa.Table


def assess(offer: ReleaseSnapshot, ledger: Ledger, catalog: Catalog, today: date) -> Eligibility:
    """Hold every offered key against its stored verdict, the calendar and the decisions.

    Nothing but evidence on the candidate as it is now is believed. A release decision lets a key through when it names
    every check that fails, CLOSED_PERIOD where the value of a closed period would change, UNEXPLAINED where that of an
    open one would though nothing newer came, and REFACTORING where a definition isn't proved to give the same values as
    the one before it; a newer reject holds it, whatever the checks say. Months, quarter and year change together or not
    at all: a quarter or year follows when what changed of its months is let through, and RECONCILIATION keeps back what
    would contradict what stays published. BASE_RESTATED holds what looks back on a period whose change is held.
    """
    committed = ledger.observations
    decisions = newest_decisions(ledger)
    published = published_keys(ledger)
    flawed = {
        key: replace(flaw, stands=key in published and let_through(offer.verdicts.get(key), decisions))
        for key, item in offer.planned.items()
        if (flaw := flaw_of(item, offer, published)) is not None
    }
    rows = {key: _row(item, offer, catalog) for key, item in offer.planned.items() if key not in flawed}

    # What changes that mustn't shows in comparison only, so the eligible are compared until none is refused
    # any more: disclosure control, series breaks and revision types see what will be there. What the gate holds is
    # compared at first, where it was published before, so that a decision can name all that stands against it.
    eligible = {key: row for key, row in rows.items() if key in published or _passes(offer.verdicts[key])}
    unproved = refactorings.unproved(catalog, ledger, offer.refactorings)
    changes: Changes = {
        key: (CheckResult(REFACTORING, "critical", "fail", None, None, unproved[key[0]].reason),)
        for key in offer.planned  # those without sound evidence, too: no verdict of the ledger is to pass by it
        if key[0] in unproved
    }
    additive = [kpi.kpi_id for kpi in catalog.kpis if kpi.kind == "flow"]
    differing: set[Key] = set()  # the published keys that have another value now
    compared = None
    while eligible != compared:
        compared = eligible
        table = pa.Table.from_pylist(list(compared.values()), schema=ELIGIBLE)
        cells = disclosed.cells(compared, offer, catalog, committed)
        incoming, contradictions = reconciliation.reconcile(cells, table, committed, additive)
        new = vintages.select(incoming, table, committed, today=today)
        moving = _moving(new)
        differing |= moving & published
        unpublished = offer.planned.keys() - published - compared.keys()
        restated = _on_restated(moving, differing - compared.keys(), unpublished, catalog)
        found = (*_changes(new, catalog), *_fail(RECONCILIATION, contradictions), *_fail(BASE_RESTATED, restated))
        for key, check in found:
            if check.check not in {earlier.check for earlier in changes.get(key, ())}:
                changes[key] = (*changes.get(key, ()), check)
        eligible, refused = {}, {}
        for key, row in sorted(rows.items(), key=lambda item: FREQS.index(item[0][1])):  # months before quarters
            decision = decisions.get((*key, row["candidate_hash"]))
            against = changes.get(key, ())
            changed = any(check.check in (CLOSED_PERIOD, UNEXPLAINED) for check in against)
            followed = _followed(offer.planned[key], eligible) if changed else None
            if followed is not None:
                row = {**row, **{name: followed[name] for name in ("decision_id", "decision_reason")}}
                against = tuple(check for check in against if check.check not in (CLOSED_PERIOD, UNEXPLAINED))
            refusal = _refusal(offer.verdicts[key], row["candidate_hash"], against, decision)
            if refusal is not None:
                refused[key] = refusal
            elif decision and (offer.verdicts[key].failing or key in changes):
                by = {"decision_id": decision["decision_id"], "decision_reason": decision["reason"]}
                eligible[key] = {**row, **by}
            else:
                eligible[key] = row
    held = flawed | refused
    return Eligibility(
        eligible=eligible,
        held=tuple(held[key] for key in offer.planned if key in held),
        changes={key: found for key, found in changes.items() if key in held},
        incoming=incoming,
        new=new,
    )


def _followed(item: Planned, eligible: dict[Key, dict[str, Any]]) -> dict[str, Any] | None:
    """The eligible part, let through by a decision, that a longer period follows; None where it follows none.

    A quarter or year of a KPI whose periods add up changes by what its months do, so that a decision on these is one on
    it, when all of them are let through.
    """
    shorter = {"Q": ("M",), "A": ("M", "Q")}.get(item.period.freq, ())
    freq = next((freq for freq in shorter if freq in item.kpi.freqs), None)
    if item.kpi.kind != "flow" or freq is None:
        return None
    parts = [(item.kpi.kpi_id, freq, one.code) for one in periods_between(freq, item.period.start, item.period.end)]
    if not all(part in eligible for part in parts):
        return None
    return next((eligible[part] for part in reversed(parts) if eligible[part]["decision_id"]), None)


def _moving(new: pa.Table) -> set[Key]:
    """The keys of which a cell is new or has another value than was published, apart from sums to date."""
    differs = pc.and_(pc.is_valid(new.column("revision_type")), new.column("period_changed"))
    rows = new.filter(pc.or_(new.column("is_new"), differs))
    return {tuple(row.values()) for row in rows.select(["kpi_id", "freq", "time_period"]).to_pylist()}


def _on_restated(
    moving: set[Key], restated: set[Key], unpublished: Collection[Key], catalog: Catalog
) -> dict[Key, str]:
    """Those of the moving keys that look back on a restated one, of their own KPI or one that it covers, and which.

    So do those that are compared with a period that may not be published yet.
    """
    found = {}
    for key in moving if restated or unpublished else ():
        kpi = catalog.kpi(key[0])
        period, spans = parse(key[2]), kpi.looks_back_on(parse(key[2]))
        bases = [
            f"{kpi_id} {code}"
            for kpi_id, _, code in sorted(restated, key=lambda one: (one[1] != key[1], one))
            if kpi_id in (key[0], *kpi.covers)
            and any(first <= parse(code).start and parse(code).end <= last for first, last in spans)
        ]
        told = "whose value isn't the published one any more"
        if not bases:
            compared = [period_of(key[1], earlier(period.start, offset)).code for offset in kpi.compared_with]
            bases = [
                f"{kpi_id} {code}"
                for kpi_id in kpi.covers
                for code in compared
                if (kpi_id, key[1], code) in unpublished
            ]
            told = "which isn't published"
        if bases:
            named = ", ".join(bases[:3]) + (f" and {len(bases) - 3} more" if len(bases) > 3 else "")
            found[key] = f"it looks back on {named}, {told}"
    return found


def let_through(found: Verdict | None, decisions: Decisions) -> bool:
    """Whether a verdict, or a decision on what it is on, let its candidate through."""
    if found is None:
        return False
    decision = decisions.get((*found.key, found.candidate_hash)) if found.candidate_hash else None
    return _refusal(found, found.candidate_hash or "", (), decision) is None


def flaw_of(item: Planned, offer: ReleaseSnapshot, published: set[Key]) -> Held | None:
    """Why there is no sound evidence on the key's candidate, so that no decision helps; None when there is."""
    found: Verdict | None = offer.verdicts.get(item.key)
    candidate: Candidate | None = offer.loaded.candidates.get(item.key)
    build: Build | None = offer.loaded.builds.get(item.kpi.kpi_id)
    if found is None:
        return Held(*item.key, "was not judged")
    failing = tuple(result.check for result in found.failing)

    def held(reason: str) -> Held:
        return Held(*item.key, reason, failing)

    if build is None or not build.ok or candidate is None or build.batch_id is None:
        return held(verdict.reason(found.holding) or "has no candidate of a build that succeeded")
    if found.definition_hash != item.kpi.definition_hash or candidate.definition_hash != item.kpi.definition_hash:
        return held("was computed or judged by another definition than the catalogue's")
    # What is held stays so, and what was published, whichever build of an equal candidate was judged.
    is_older = found.batch_id != build.batch_id and _passes(found) and item.key not in published
    if candidate.batch_id != build.batch_id or is_older:
        return held("was not judged in the newest batch")
    if found.candidate_hash != candidate.candidate_hash:
        return held("the candidate is not the one that was judged")
    if (found.period_start, found.period_end) != (item.period.start, item.period.end):
        return held("the verdict is on another period")
    if sorted(result.check for result in found.checks) != sorted(NAMES):
        return held(verdict.reason(found.holding) or "was not judged by the checks of today")
    return None


def _passes(found: Verdict) -> bool:
    """Whether evidence without a flaw lets its key through."""
    return verdict.answer(found.checks, NAMES) != "hold"


def _refusal(
    found: Verdict, candidate_hash: str, changes: tuple[CheckResult, ...], decision: dict[str, Any] | None
) -> Held | None:
    """Why a key with sound evidence may not be published; None when it may."""
    failing = tuple(result.check for result in (*found.failing, *changes))
    decidable = tuple(name for name in failing if name != RECONCILIATION)

    def held(reason: str) -> Held:
        return Held(*found.key, reason, decidable, candidate_hash)

    if decision and decision["decision"] == "reject":
        return held(f"was rejected: {decision['reason']}")
    if _passes(found) and not changes:
        return None
    if decision and decision["decision"] == "release" and set(failing) <= set(decision["checks"]) - {RECONCILIATION}:
        return None
    return held(verdict.reason((*found.holding, *changes)) or verdict.reason(found.failing) or "a check fails")


def _row(item: Planned, offer: ReleaseSnapshot, catalog: Catalog) -> dict[str, Any]:
    """The key's row of vintages.ELIGIBLE, as it is without a decision."""
    feeds = [offer.feeds[feed] for feed in item.kpi.feeds if feed in offer.feeds]
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
        "newest_rows": max((moment for feed in feeds for moment in feed.arrivals), default=None),
        "decision_id": None,
        "decision_reason": None,
        "breaks": item.kpi.breaks_in(item.period),
        "min_n_obs": item.kpi.min_n_obs,
    }


def _fail(check: str, details: Mapping[Key, str]) -> Iterator[tuple[Key, CheckResult]]:
    """A check that fails and holds, by key, with those details."""
    for key, detail in details.items():
        yield key, CheckResult(check, "critical", "fail", None, None, detail)


def _changes(new: pa.Table, catalog: Catalog) -> Iterator[tuple[Key, CheckResult]]:
    """The keys whose values differ from what was published and mustn't, and how: the total first."""
    changed: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for row in new.filter(pc.or_(new.column("changes_closed"), new.column("unexplained"))).to_pylist():
        changed[row["kpi_id"], row["freq"], row["time_period"]].append(row)
    for key, rows in changed.items():
        row = min(rows, key=lambda one: one["obs_value"] == one["old_value"])  # of equals the total, which comes first
        how = _how(row, protected=catalog.kpi(key[0]).protected)
        if row["changes_closed"]:  # closed or open, a period is so with all its cells
            check, detail = CLOSED_PERIOD, f"the period closed on {row['closes_on']}; {how}"
        else:
            check, detail = UNEXPLAINED, f"{how}, though neither its definition nor any row upstream is newer"
        yield from _fail(check, {key: detail})


def _how(row: dict[str, Any], *, protected: bool) -> str:
    if protected:
        return "its value changed"
    if row["obs_value"] == row["old_value"]:
        return "the rows behind its value changed"
    cell = "" if row["segment"] == "_T" else f"{row['segment']} {row['member']}: "
    return f"its value changed ({cell}{_figure(row['old_value'])} → {_figure(row['obs_value'])})"


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.10g}"
