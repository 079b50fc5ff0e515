"""Decisions: who may decide, on what, and how a decision is recorded.

`pending.py` lists what waits for a decision. `eligibility.py` works out what a decision makes eligible.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import reduce
from operator import and_
from typing import Any, Literal

import pyarrow.compute as pc

from data_quality import warehouse
from data_quality.gate import incidents
from data_quality.gate.incidents import Incident
from data_quality.gate.keys import history
from data_quality.ledger import queries, verified
from data_quality.ledger.lock import releasing
from data_quality.ledger.store import Ledger
from data_quality.release import eligibility, readiness, release, snapshot
from data_quality.release.eligibility import Eligibility
from data_quality.release.pending import open_incidents
from data_quality.release.result import Held, Release
from data_quality.release.snapshot import ReleaseSnapshot
from metrics.core import clock, deployment
from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.core.periods import FREQ_NAMES, Period, parse
from metrics.core.text import has_figures, invisible
from metrics.definitions.catalog import Catalog, CatalogKpi, Key
from metrics.definitions.company import Company
from metrics.definitions.roles import listed_spelling

Decision = Literal["release", "reject", "acknowledge", "review"]
OUTCOMES = ("keep", "change", "retire")
"""What a review decides."""
MOST_OF_A_REASON = 1000
"""Characters."""


@dataclass(frozen=True)
class Decided:
    """A recorded decision and the release that followed it.

    `keys` are the periods that it is on (none for a review); `decision_ids` are its rows in the ledger, one per key.
    `incident_id` is the incident that it settles, None where it is on single periods. `outcome` is that of a review.
    `checks` are the checks that fail on its keys. `overrides` is the earlier decision on the same candidate, None where
    there is none. `published` says whether all of its keys are published now.
    """

    decision_ids: tuple[str, ...]
    decision: Decision
    kpi_id: str
    keys: tuple[Key, ...]
    incident_id: str | None
    outcome: str | None
    checks: tuple[str, ...]
    decided_by: str
    overrides: dict[str, Any] | None
    published: bool
    release: Release


def decide(
    company: Company,
    catalog: Catalog,
    decision: Decision,
    kpi_id: str,
    *periods: str,
    reason: str,
    by: str,
    outcome: str | None = None,
) -> Decided:
    """Record a decision on the held candidates of some periods, or a review of the KPI, and make a release.

    A release, reject or acknowledge decision is bound to the candidate as it is now and to the checks that fail; a
    review has an `outcome`. `by` is recorded, not authenticated. The ledger's release follows at once, so that it
    covers the decision; the caller renders it (`publishing.published_around`).

    Raises NyckeltalError, and records nothing, when the person may not decide, the reason is empty or a period is
    invalid, the KPI of a review is retired, a period holds nothing, its verdict isn't on the present candidate, the
    same decision was made already, or the ledger is damaged or ahead of the warehouse or of the clock.

    When the release fails, the error says that the decision is recorded, and the next release covers it. Repeating the
    same decision by the same person for the same reason releases it too, and records it only once.
    """
    kpi = catalog.kpi(kpi_id)
    keys = [(kpi_id, period.freq, period.code) for period in _periods(kpi, decision, periods)]
    if (decision == "review") != (outcome in OUTCOMES):
        problem = "a review needs an outcome" if decision == "review" else "only a review has an outcome"
        expected = " or ".join(OUTCOMES) if decision == "review" else None
        raise NyckeltalError(problem, field="outcome", found=outcome, expected=expected)
    return _decide(company, catalog, decision, kpi, keys, None, {}, reason=reason, by=by, outcome=outcome)


def decide_incident(
    company: Company,
    catalog: Catalog,
    decision: Decision,
    incident_id: str,
    *,
    reason: str,
    by: str,
    as_new_level: bool = False,
) -> Decided:
    """Record one decision on everything that an incident holds (for acknowledge: flags), and make a release.

    Whoever may decide for the incident's lead KPI may decide. With `as_new_level` a release decision also states that
    each of the incident's KPIs has a new level from the first day of its own held periods on: later periods aren't
    compared with earlier ones.
    Raises NyckeltalError as `decide` does, and when no incident of that id is open.
    """
    if decision == "review":
        raise NyckeltalError("a review is of a KPI, not of an incident", field="incident", found=incident_id)
    if as_new_level and decision != "release":
        problem = f"only a release can state a new level, not '{decision}'"
        raise NyckeltalError(problem, field="as_new_level")
    incident = _incident(company, catalog, incident_id)
    if decision == "acknowledge" and incident.is_held:
        problem = f"{incident.incident_id} is held: release or reject it"
        raise NyckeltalError(problem, field="incident")
    if decision != "acknowledge" and not incident.is_held:
        problem = f"{incident.incident_id} holds nothing: it can only be acknowledged"
        raise NyckeltalError(problem, field="incident")
    keys = [failure.key for failure in incident.held or incident.failures]
    since = {kpi_id: incident.since_of(kpi_id) for kpi_id, *_ in keys} if as_new_level else {}
    kpi = incident.lead.kpi
    return _decide(company, catalog, decision, kpi, keys, incident.incident_id, since, reason=reason, by=by)


def _decide(
    company: Company,
    catalog: Catalog,
    decision: Decision,
    kpi: CatalogKpi,
    keys: Sequence[Key],
    incident_id: str | None,
    new_levels: Mapping[str, date],
    *,
    reason: str,
    by: str,
    outcome: str | None = None,
) -> Decided:
    """Record the decision on each key (a review: on the KPI alone), and make a release.

    `new_levels` has the first day of the new level of each KPI whose level the decision changes.
    """
    reason = checked_reason(kpi.kpi_id, reason, protected=kpi.protected)
    by = decider(company, kpi, decision, by)
    with releasing():
        ledger = ready_ledger(company)
        completes = outcome == "retire" and not is_retired_by_decision(ledger, kpi.kpi_id)
        if kpi.retired and decision == "review" and not completes:
            problem = f"{kpi.kpi_id} is retired since {kpi.retired.on}: it isn't reviewed any more"
            raise NyckeltalError(problem, field="KPI")
        columns = {"kpi_id": kpi.kpi_id, "decision": decision, "reason": reason, "decided_by": by}
        columns |= {"outcome": outcome} if outcome else {}
        subjects: list[_Subject] = []
        ids: list[str] = []
        if keys:
            with warehouse.connect() as connection:
                # The whole history, as periods computed from the decided ones are released with them.
                release_snapshot = snapshot.read(connection, catalog, *history(catalog))
            assessment = eligibility.assess(release_snapshot, ledger, catalog, clock.today(company.time_zone))
            if incident_id:  # keys that were built again since they were judged are left to the next run
                undecidable = {held.key for held in assessment.held if held.candidate_hash is None}
                keys = [key for key in keys if key not in undecidable] or keys
            for key in keys:
                key_columns = dict(zip(("kpi_id", "freq", "time_period"), key, strict=True))
                unreleased = _unreleased(ledger, {**columns, **key_columns})
                subjects.append(_subject(decision, key, release_snapshot, assessment, ledger, catalog, unreleased))
        else:
            release_snapshot = snapshot.empty()
            ids = _unreleased(ledger, columns)[-1:]
            ids = ids or [ledger.decide(kpi.kpi_id, decision, reason=reason, decided_by=by, outcome=outcome)]
        for subject in subjects:
            if subject.recorded:
                ids.append(subject.recorded)
            else:
                kpi_id, freq, time_period = subject.held.key
                decision_id = ledger.decide(
                    kpi_id,
                    decision,
                    reason=reason,
                    decided_by=by,
                    freq=freq,
                    time_period=time_period,
                    candidate_hash=subject.held.candidate_hash,
                    checks=subject.held.checks,
                    incident_id=incident_id,
                    new_level_from=new_levels.get(kpi_id),
                )
                ids.append(decision_id)
        try:
            released = release.release(release_snapshot, company, catalog)
        except NyckeltalError as error:
            raise NyckeltalError(f"the decision is recorded, but not published yet: {error}") from None
    overridden = [subject.overrides for subject in subjects if subject.overrides]
    return Decided(
        decision_ids=tuple(ids),
        decision=decision,
        kpi_id=kpi.kpi_id,
        keys=tuple(keys),
        incident_id=incident_id,
        outcome=outcome,
        checks=tuple(sorted({check for subject in subjects for check in subject.held.checks})),
        decided_by=by,
        overrides=overridden[0] if overridden else None,
        published=bool(keys) and not {held.key for held in released.held} & set(keys),
        release=released,
    )


@dataclass(frozen=True)
class _Subject:
    """The key that a decision is on, with the candidate and the failing checks.

    `overrides` is the earlier decision on that candidate. `recorded` is the id of this same decision if the ledger has
    it already and no release covers it.
    """

    held: Held
    overrides: dict[str, Any] | None = None
    recorded: str | None = None


def _incident(company: Company, catalog: Catalog, incident_id: str) -> Incident:
    """The open incident of that id. Raises NyckeltalError when there is none."""
    candidates = open_incidents(company, catalog)
    incident = incidents.by_id(incident_id, candidates)
    if incident is None:
        known = [candidate.incident_id for candidate in candidates]
        problem = f"no incident '{incident_id}' is open{did_you_mean(incident_id, known)}"
        raise NyckeltalError(problem, expected="one that `kpi held` lists")
    return incident


def _periods(kpi: CatalogKpi, decision: Decision, codes: Sequence[str]) -> list[Period]:
    """The periods with these codes. Raises NyckeltalError if the decision can't be on them."""
    if decision == "review" and codes:
        raise NyckeltalError("a review is of the KPI, not of a period", field="period", found=codes[0])
    if decision != "review" and not codes:
        raise NyckeltalError(f"'{decision}' needs a period", field="period", expected="like 2026-10 or 2026-W48")
    periods = [parse(code) for code in dict.fromkeys(codes)]
    for period in periods:
        if period.freq not in kpi.freqs:
            published = " or ".join(FREQ_NAMES[freq] for freq in kpi.freqs)
            problem = f"{kpi.kpi_id} is not published {FREQ_NAMES[period.freq]}"
            expected = f"a period of what is published {published}"
            raise NyckeltalError(problem, field="period", found=period.code, expected=expected)
    return periods


def ready_ledger(company: Company) -> Ledger:
    """The ledger, to which a decision can be added now and released.

    Raises NyckeltalError when there is none, it is damaged or ahead of the clock, or lacks a release that is published.
    """
    Ledger.open(deployment.ledger_path(), make=False)  # raises where there is no ledger
    ledger = Ledger.open(deployment.ledger_path())
    verified.require_sound(ledger)
    readiness.require_past(company)
    return ledger


def is_retired_by_decision(ledger: Ledger, kpi_id: str) -> bool:
    """Whether the newest release says that the KPI is retired, and the KPI's newest review decided that."""
    released = json.loads(ledger.newest["catalog"])["kpis"] if ledger.newest else []
    reviews = [row for row in ledger.decisions() if (row["kpi_id"], row["decision"]) == (kpi_id, "review")]
    is_retired = any(kpi["kpi_id"] == kpi_id and kpi.get("retired") for kpi in released)
    return is_retired and bool(reviews) and reviews[-1]["outcome"] == "retire"


def checked_reason(kpi_id: str, reason: str, *, protected: bool) -> str:
    """The reason on one line.

    Raises NyckeltalError for an empty or too long one, and for figures where the KPI is protected.
    """
    reason = " ".join(reason.split())
    if len(reason) > MOST_OF_A_REASON:
        length, most = f"{len(reason)} characters", f"{MOST_OF_A_REASON} at most"
        raise NyckeltalError("a reason is read on a page: it is too long", field="reason", found=length, expected=most)
    if set(reason) <= {*invisible(reason), " "}:
        raise NyckeltalError("a decision needs a reason", field="reason")
    if protected and has_figures(reason):  # the reason is published with the decision
        problem = f"{kpi_id} reads personnel data: the reason is published, so it must not contain figures"
        raise NyckeltalError(problem, field="reason", expected="words without digits")
    return reason


def decider(company: Company, kpi: CatalogKpi, decision: Decision, by: str) -> str:
    """The person's name as roles.yml spells it. Raises NyckeltalError when the person may not decide."""
    deciders = company.roles.deciders(kpi.domain)
    allowed = deciders + ((kpi.owner,) if decision == "review" else ())
    file = company.path / "roles.yml"
    if not allowed:
        problem = f"nobody may decide for {kpi.domain}" + ("" if file.exists() else ": there is no such file")
        raise NyckeltalError(problem, file=file, expected=f"names under `decides`, by domain ({kpi.domain})")
    person = listed_spelling(by, allowed)
    if person is None:
        problem = f"may not review {kpi.kpi_id}" if decision == "review" else f"may not decide for {kpi.domain}"
        raise NyckeltalError(problem, file=file, field="by", found=by, expected=" or ".join(dict.fromkeys(allowed)))
    return person


def _subject(
    decision: Decision,
    key: Key,
    release_snapshot: ReleaseSnapshot,
    assessment: Eligibility,
    ledger: Ledger,
    catalog: Catalog,
    unreleased: Sequence[str],
) -> _Subject:
    """The subject of a decision on the key. Raises NyckeltalError when this decision can't be made on it now.

    `unreleased` are the ids of equal decisions that no release covers. A key whose release was decided, but not
    published as it was interrupted, may still be rejected.
    """
    name = f"{key[0]} {key[2]}"
    if key not in release_snapshot.planned:
        kpi = catalog.kpi(key[0])
        why = "it hasn't ended" if kpi.observes(parse(key[2])) else f"its feeds cover it {kpi.observable_days}"
        raise NyckeltalError(f"{name} can't be judged: {why}", field="period")
    held = next((held for held in assessment.held if held.key == key), None)
    candidate_hash = held.candidate_hash if held else assessment.eligible[key]["candidate_hash"]
    standing = queries.newest_decisions(ledger).get((*key, candidate_hash)) if candidate_hash else None
    past = (
        f": {standing['decided_by']} did on {standing['decided_at']:%Y-%m-%d} ({standing['reason']})"
        if standing
        else ""
    )
    if held and candidate_hash is None:
        raise NyckeltalError(f"{name} can't be decided on: {held.reason}; `kpi run --period {key[2]}` judges it again")
    if _newest_judged(ledger, key) > release_snapshot.verdicts[key].judged_at:
        raise NyckeltalError(f"the ledger holds a newer verdict on {name} than the warehouse", file=ledger.root)
    failing = tuple(result.check for result in release_snapshot.verdicts[key].failing)
    if decision == "acknowledge":
        if held or not failing:
            raise NyckeltalError(f"{name} {'is held: release or reject it' if held else 'is not flagged'}")
        same = (
            row["decision_id"]
            for row in ledger.decisions()
            if row["decision_id"] in unreleased
            and (row["candidate_hash"], set(row["checks"])) == (candidate_hash, set(failing))
        )
        return _Subject(Held(*key, "", failing, candidate_hash), recorded=next(same, None))
    if standing and standing["decision_id"] in unreleased and (held is None or decision == "reject"):
        return _Subject(Held(*key, "", tuple(standing["checks"]), candidate_hash), recorded=standing["decision_id"])
    if held is None:
        new = assessment.new.filter(_is_key(key))
        if decision == "reject" and new.num_rows:
            return _Subject(Held(*key, "", failing, candidate_hash), standing)
        if standing and new.num_rows:
            publishes = f"the same command again, or `kpi run --period {key[2]}`, publishes it"
            raise NyckeltalError(f"{name} was released already{past}; {publishes}")
        raise NyckeltalError(f"nothing is held for {name}" + (f"; it was released{past}" if standing else ""))
    if standing and decision == standing["decision"] == "reject":
        raise NyckeltalError(f"{name} was rejected already{past}")
    return _Subject(held, standing)


def _unreleased(ledger: Ledger, columns: dict[str, Any]) -> list[str]:
    """The ids of the decisions with the same values in these columns that no release covers yet."""
    sealed = set(ledger.sealed_decisions().column("decision_id").to_pylist())
    same = [row for row in ledger.decisions() if all(row[name] == columns[name] for name in columns)]
    return [row["decision_id"] for row in same if row["decision_id"] not in sealed]


def _newest_judged(ledger: Ledger, key: Key) -> datetime:
    """When the ledger's newest verdict on the key was judged; the smallest datetime where there is none."""
    moments = ledger.verdicts.filter(_is_key(key)).column("judged_at").to_pylist()
    return max(moments, default=datetime.min.replace(tzinfo=UTC))


def _is_key(key: Key) -> pc.Expression:
    """Whether a row of a ledger table belongs to the key."""
    names = ("kpi_id", "freq", "time_period")
    return reduce(and_, [pc.field(name) == value for name, value in zip(names, key, strict=True)])
