"""Deciding: who may, on what, and the record of it. What waits: `waiting.py`; what that lets in: `admission.py`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import reduce
from operator import and_
from typing import Any, Literal

import pyarrow.compute as pc

from data_quality import warehouse
from data_quality.gate import incidents
from data_quality.gate.candidates import Loaded
from data_quality.gate.incidents import Incident
from data_quality.gate.keys import history
from data_quality.ledger import queries
from data_quality.ledger.lock import releasing
from data_quality.ledger.store import Ledger
from data_quality.ledger.verify import verify
from data_quality.release import eligibility, readiness, release, snapshot
from data_quality.release.eligibility import Eligibility, Held
from data_quality.release.pending import open_incidents
from data_quality.release.release import Release
from data_quality.release.snapshot import ReleaseSnapshot
from metrics.core import clock, deployment
from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.core.periods import FREQ_NAMES, Period, parse
from metrics.definitions.catalog import Catalog, CatalogKpi, Key
from metrics.definitions.company import Company
from metrics.definitions.roles import among

Decision = Literal["release", "reject", "acknowledge", "review"]


@dataclass(frozen=True)
class Decided:
    """A recorded decision, the one on the same candidate that it overrides, and the release that came after it.

    `decision_ids` are those of its rows in the ledger, one for each of `keys`, the periods that it is on; a review has
    no keys. `checks` are those that fail there. `published` says whether all of them were let through. `incident_id` is
    that of the incident that it settles, where it is on one.
    """

    decision_ids: tuple[str, ...]
    decision: Decision
    kpi_id: str
    keys: tuple[Key, ...]
    incident_id: str | None
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
) -> Decided:
    """Record a decision on the held candidates of periods, or a review of the KPI, and publish what follows from it.

    A release or reject is bound to the candidate as it is now, and to the checks that fail; so is an acknowledgement of
    a flagged one. `by` is recorded, not authenticated. A release of the ledger follows at once, so that the decision is
    covered by it and can be read.
    Raises NyckeltalError, and records nothing, when the person may not decide, the reason or a period is none, nothing
    is held of one of them, its verdict is on something else than the present candidate, the same was decided already,
    or the ledger isn't sound or is ahead of the warehouse or the clock. When the release fails, the error says that the
    decision is recorded; the next release covers it. So does the same decision again by the same person for the same
    reason, which isn't recorded twice then.
    """
    kpi = catalog.kpi(kpi_id)
    keys = [(kpi_id, period.freq, period.code) for period in _periods(kpi, decision, periods)]
    return _decide(company, catalog, decision, kpi, keys, None, None, reason=reason, by=by)


def settle(
    company: Company,
    catalog: Catalog,
    decision: Decision,
    incident_id: str,
    *,
    reason: str,
    by: str,
    as_new_level: bool = False,
) -> Decided:
    """Record one decision on all that an incident holds (or, to acknowledge, flags), and publish what follows from it.

    Whoever may decide for the KPI that leads the incident may. With `as_new_level` a release says that from the
    incident's first day on the level of its KPIs is another: earlier periods are no measure of later ones.
    Raises NyckeltalError as `decide` does, and when no incident of that id is open.
    """
    if decision == "review":
        raise NyckeltalError("a review is of a KPI, not of an incident", field="incident", found=incident_id)
    if as_new_level and decision != "release":
        raise NyckeltalError(f"a new level is released, and no {decision}", field="as_new_level")
    found = _incident(company, catalog, incident_id)
    if decision == "acknowledge" and found.is_held:
        raise NyckeltalError(f"{found.incident_id} is held: it is released or rejected", field="incident")
    if decision != "acknowledge" and not found.is_held:
        raise NyckeltalError(f"{found.incident_id} holds nothing: it can be acknowledged", field="incident")
    keys = [one.key for one in found.held or found.failures]
    since = found.since if as_new_level else None
    kpi = found.lead.kpi
    return _decide(company, catalog, decision, kpi, keys, found.incident_id, since, reason=reason, by=by)


def _decide(
    company: Company,
    catalog: Catalog,
    decision: Decision,
    kpi: CatalogKpi,
    keys: Sequence[Key],
    incident_id: str | None,
    new_level_from: date | None,
    *,
    reason: str,
    by: str,
) -> Decided:
    """Record the decision on each key, of a review on the KPI alone, and release."""
    reason = " ".join(reason.split())
    _require_reason(kpi, reason)
    by = _decider(company, kpi, decision, by)
    with releasing():
        Ledger.open(deployment.ledger_path(), make=False)  # refused where there is none
        ledger = Ledger.open(deployment.ledger_path())
        verify(ledger).require_sound(deployment.ledger_path())
        readiness.require_past(company)
        said = {"kpi_id": kpi.kpi_id, "decision": decision, "reason": reason, "decided_by": by}
        on: list[_On] = []
        ids: list[str] = []
        if keys:
            with warehouse.connect() as connection:
                offered = snapshot.read(connection, catalog, *history(catalog))  # what follows the keys goes with them
            found = eligibility.assess(offered, ledger, catalog, clock.today(company.time_zone))
            if incident_id:  # what was built since it was judged is left to the next run
                undecidable = {one.key for one in found.held if one.candidate_hash is None}
                keys = [key for key in keys if key not in undecidable] or keys
            on = []
            for key in keys:
                kpi_id, freq, time_period = key
                unreleased = _unreleased(ledger, {**said, "kpi_id": kpi_id, "freq": freq, "time_period": time_period})
                on.append(_decidable(decision, key, offered, found, ledger, catalog, unreleased))
        else:
            offered = ReleaseSnapshot({}, Loaded({}, {}, {}), {}, {}, {})
            ids = _unreleased(ledger, said)[-1:] or [ledger.decide(kpi.kpi_id, decision, reason=reason, decided_by=by)]
        for one in on:
            if one.recorded:
                ids.append(one.recorded)
            else:
                kpi_id, freq, time_period = one.held.key
                made = ledger.decide(
                    kpi_id,
                    decision,
                    reason=reason,
                    decided_by=by,
                    freq=freq,
                    time_period=time_period,
                    candidate_hash=one.held.candidate_hash,
                    checks=one.held.checks,
                    incident_id=incident_id,
                    new_level_from=new_level_from,
                )
                ids.append(made)
        try:
            released = release.release(offered, company, catalog)
        except NyckeltalError as error:
            raise NyckeltalError(f"the decision is recorded, and isn't published yet: {error}") from None
    overridden = [one.overrides for one in on if one.overrides]
    return Decided(
        decision_ids=tuple(ids),
        decision=decision,
        kpi_id=kpi.kpi_id,
        keys=tuple(keys),
        incident_id=incident_id,
        checks=tuple(sorted({check for one in on for check in one.held.checks})),
        decided_by=by,
        overrides=overridden[0] if overridden else None,
        published=bool(keys) and not {one.key for one in released.held} & set(keys),
        release=released,
    )


@dataclass(frozen=True)
class _On:
    """What a decision is on, and the earlier decision on it.

    `recorded` is the id of this very decision where it is there already, and no release covers it.
    """

    held: Held
    overrides: dict[str, Any] | None = None
    recorded: str | None = None


def _incident(company: Company, catalog: Catalog, incident_id: str) -> Incident:
    """The open incident of that id. Raises NyckeltalError when there is none."""
    open_ones = open_incidents(company, catalog)
    found = incidents.of(incident_id, open_ones)
    if found is None:
        known = [one.incident_id for one in open_ones]
        problem = f"no incident '{incident_id}' is open{did_you_mean(incident_id, known)}"
        raise NyckeltalError(problem, expected="one that `kpi held` lists")
    return found


def _periods(kpi: CatalogKpi, decision: Decision, codes: Sequence[str]) -> list[Period]:
    if decision == "review" and codes:
        raise NyckeltalError("a review is of the KPI, not of a period", field="period", found=codes[0])
    if decision != "review" and not codes:
        raise NyckeltalError(f"a {decision} needs the period", field="period", expected="like 2026-10 or 2026-W48")
    found = [parse(code) for code in dict.fromkeys(codes)]
    for period in found:
        if period.freq not in kpi.freqs:
            published = " or ".join(FREQ_NAMES[freq] for freq in kpi.freqs)
            problem = f"{kpi.kpi_id} is not published {FREQ_NAMES[period.freq]}"
            expected = f"a period of what is published {published}"
            raise NyckeltalError(problem, field="period", found=period.code, expected=expected)
    return found


def _require_reason(kpi: CatalogKpi, reason: str) -> None:
    if not reason:
        raise NyckeltalError("a decision needs a reason", field="reason")
    if kpi.protected and re.search(r"\d", reason):  # it is published with the decision
        problem = f"{kpi.kpi_id} reads personnel data: the reason is published, so it may hold no figure"
        raise NyckeltalError(problem, field="reason", expected="words without digits")


def _decider(company: Company, kpi: CatalogKpi, decision: Decision, by: str) -> str:
    """The person's name as the company spells it."""
    deciders = company.roles.deciders(kpi.domain)
    allowed = deciders + ((kpi.owner,) if decision == "review" else ())
    file = company.path / "roles.yml"
    if not allowed:
        problem = f"nobody may decide for {kpi.domain}" + ("" if file.exists() else ": there is no such file")
        raise NyckeltalError(problem, file=file, expected=f"names under `decides`, by domain ({kpi.domain})")
    found = among(by, allowed)
    if found is None:
        problem = f"may not review {kpi.kpi_id}" if decision == "review" else f"may not decide for {kpi.domain}"
        raise NyckeltalError(problem, file=file, field="by", found=by, expected=" or ".join(dict.fromkeys(allowed)))
    return found


def _decidable(
    decision: Decision,
    key: Key,
    offered: ReleaseSnapshot,
    found: Eligibility,
    ledger: Ledger,
    catalog: Catalog,
    unreleased: Sequence[str],
) -> _On:
    """What is decided on of a key, and the decision on it that is overridden, or that is this one.

    A key that is about to be published, as a release was decided and interrupted, may still be rejected.
    """
    name = f"{key[0]} {key[2]}"
    if key not in offered.planned:
        kpi = catalog.kpi(key[0])
        why = "it hasn't ended" if kpi.observes(parse(key[2])) else f"its feeds cover it {kpi.observable_days}"
        raise NyckeltalError(f"{name} is no period to judge: {why}", field="period")
    held = next((one for one in found.held if one.key == key), None)
    candidate_hash = held.candidate_hash if held else found.eligible[key]["candidate_hash"]
    standing = queries.newest_decisions(ledger).get((*key, candidate_hash)) if candidate_hash else None
    past = (
        f": {standing['decided_by']} did on {standing['decided_at']:%Y-%m-%d} ({standing['reason']})"
        if standing
        else ""
    )
    if held and candidate_hash is None:
        raise NyckeltalError(f"{name} can't be decided on: {held.reason}; `kpi run --period {key[2]}` judges it anew")
    if _newest_judged(ledger, key) > offered.verdicts[key].judged_at:
        raise NyckeltalError(f"the ledger holds a newer verdict on {name} than the warehouse", file=ledger.root)
    failing = tuple(result.check for result in offered.verdicts[key].failing)
    if decision == "acknowledge":
        if held or not failing:
            raise NyckeltalError(f"{name} {'is held: it is released or rejected' if held else 'is not flagged'}")
        same = (
            row["decision_id"]
            for row in ledger.decisions()
            if row["decision_id"] in unreleased
            and (row["candidate_hash"], set(row["checks"])) == (candidate_hash, set(failing))
        )
        return _On(Held(*key, "", failing, candidate_hash), recorded=next(same, None))
    if standing and standing["decision_id"] in unreleased and (held is None or decision == "reject"):
        return _On(Held(*key, "", tuple(standing["checks"]), candidate_hash), recorded=standing["decision_id"])
    if held is None:
        new = found.new.filter(_of(key))
        if decision == "reject" and new.num_rows:
            return _On(Held(*key, "", failing, candidate_hash), standing)
        if standing and new.num_rows:
            publishes = f"the same command again, or `kpi run --period {key[2]}`, publishes it"
            raise NyckeltalError(f"{name} was released already{past}; {publishes}")
        raise NyckeltalError(f"nothing is held for {name}" + (f"; it was released{past}" if standing else ""))
    if standing and decision == standing["decision"] == "reject":
        raise NyckeltalError(f"{name} was rejected already{past}")
    return _On(held, standing)


def _unreleased(ledger: Ledger, said: dict[str, Any]) -> list[str]:
    """The ids of the decisions that say the same and that no release covers, as the one after them was interrupted."""
    sealed = set(ledger.sealed_decisions().column("decision_id").to_pylist())
    same = [row for row in ledger.decisions() if all(row[name] == said[name] for name in said)]
    return [row["decision_id"] for row in same if row["decision_id"] not in sealed]


def _newest_judged(ledger: Ledger, key: Key) -> datetime:
    """When the newest verdict on the key in the ledger was judged."""
    moments = ledger.verdicts.filter(_of(key)).column("judged_at").to_pylist()
    return max(moments, default=datetime.min.replace(tzinfo=UTC))


def _of(key: Key) -> pc.Expression:
    """The rows of a key."""
    names = ("kpi_id", "freq", "time_period")
    return reduce(and_, [pc.field(name) == value for name, value in zip(names, key, strict=True)])
