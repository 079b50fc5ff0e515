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

from data_quality import admission, offer, published, readiness, release, warehouse
from data_quality.admission import Held
from data_quality.candidates import Loaded
from data_quality.ledger import Ledger
from data_quality.ledger_lock import releasing
from data_quality.ledger_verify import verify
from data_quality.offer import Offer
from data_quality.release import Release
from data_quality.verdict import Key
from metrics import clock
from metrics import company as deployment
from metrics.catalog import Catalog, CatalogKpi
from metrics.company import Company
from metrics.errors import NyckeltalError
from metrics.periods import FREQ_NAMES, Period, parse
from metrics.roles import among

Decision = Literal["release", "reject", "review"]


@dataclass(frozen=True)
class Decided:
    """A recorded decision, the one on the same candidate that it overrides, and the release that came after it.

    `published` says whether the key was let through.
    """

    decision_id: str
    decision: Decision
    kpi_id: str
    time_period: str | None
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
    period: str | None = None,
    *,
    reason: str,
    by: str,
) -> Decided:
    """Record a decision on the held candidate of a period, or a review of the KPI, and publish what follows from it.

    A release or reject is bound to the candidate as it is now, and to the checks that fail. `by` is recorded, not
    authenticated. A release of the ledger follows at once, so that the decision is covered by it and can be read.
    Raises NyckeltalError, and records nothing, when the person may not decide, the reason or the period is none,
    nothing is held there, its verdict is on something else than the present candidate, the same was decided already,
    or the ledger isn't sound or is ahead of the warehouse or the clock. When the release fails, the error says that the
    decision is recorded; the next release covers it. So does the same decision again by the same person for the same
    reason, which isn't recorded twice then.
    """
    kpi = catalog.kpi(kpi_id)
    reason = " ".join(reason.split())
    asked = _period(kpi, decision, period)
    _require_reason(kpi, reason)
    by = _decider(company, kpi, decision, by)
    with releasing():
        ledger = Ledger.open(deployment.ledger_path(), make=False)
        verify(ledger).require_sound(deployment.ledger_path())
        readiness.require_past(company)
        published.renew(deployment.ledger_path(), deployment.published_path())  # what an interrupted one left undone
        said = {"kpi_id": kpi_id, "decision": decision, "reason": reason, "decided_by": by}
        unreleased = _unreleased(ledger, said)
        if asked is None:
            offered, on, overrides = Offer({}, Loaded({}, {}, {}), {}, {}, {}), None, None
            made = unreleased[-1] if unreleased else ledger.decide(kpi_id, decision, reason=reason, decided_by=by)
        else:
            key = (kpi_id, asked.freq, asked.code)
            with warehouse.connect() as connection:
                offered = offer.read(connection, catalog, asked.end, asked.end, only=key)
            today = clock.today(company.time_zone)
            on, overrides = _decidable(decision, key, offered, ledger, catalog, today, unreleased)
            if overrides and overrides["decision_id"] in unreleased:
                made, overrides = str(overrides["decision_id"]), None
            else:
                made = ledger.decide(
                    kpi_id,
                    decision,
                    reason=reason,
                    decided_by=by,
                    freq=asked.freq,
                    time_period=asked.code,
                    candidate_hash=on.candidate_hash,
                    checks=on.checks,
                )
        try:
            released = release.release(offered, company, catalog)
        except NyckeltalError as error:
            raise NyckeltalError(f"the decision is recorded, and isn't published yet: {error}") from None
    return Decided(
        decision_id=made,
        decision=decision,
        kpi_id=kpi_id,
        time_period=asked.code if asked else None,
        checks=on.checks if on else (),
        decided_by=by,
        overrides=overrides,
        published=released.published > 0,
        release=released,
    )


def _period(kpi: CatalogKpi, decision: Decision, code: str | None) -> Period | None:
    if decision == "review":
        if code is not None:
            raise NyckeltalError("a review is of the KPI, not of a period", field="period", found=code)
        return None
    if code is None:
        raise NyckeltalError(f"a {decision} needs the period", field="period", expected="like 2026-10 or 2026-W48")
    period = parse(code)
    if period.freq not in kpi.freqs:
        published = " or ".join(FREQ_NAMES[freq] for freq in kpi.freqs)
        problem = f"{kpi.kpi_id} is not published {FREQ_NAMES[period.freq]}"
        raise NyckeltalError(problem, field="period", found=code, expected=f"a period of what is published {published}")
    return period


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
    offered: Offer,
    ledger: Ledger,
    catalog: Catalog,
    today: date,
    unreleased: Sequence[str],
) -> tuple[Held, dict[str, Any] | None]:
    """What is decided on, and the decision on it that is overridden, or that is this one, recorded and unreleased.

    A key that is about to be published, as a release was decided and interrupted, may still be rejected.
    """
    name = f"{key[0]} {key[2]}"
    if key not in offered.planned:
        kpi = catalog.kpi(key[0])
        why = "it hasn't ended" if kpi.observes(parse(key[2])) else f"its feeds cover it {kpi.observable_days}"
        raise NyckeltalError(f"{name} is no period to judge: {why}", field="period")
    found = admission.admit(offered, ledger, catalog, today)
    held = found.held[0] if found.held else None
    candidate_hash = held.candidate_hash if held else found.admitted[key]["candidate_hash"]
    standing = admission.newest_decisions(ledger).get((*key, candidate_hash)) if candidate_hash else None
    past = (
        f": {standing['decided_by']} did on {standing['decided_at']:%Y-%m-%d} ({standing['reason']})"
        if standing
        else ""
    )
    if held and candidate_hash is None:
        raise NyckeltalError(f"{name} can't be decided on: {held.reason}; `kpi run --period {key[2]}` judges it anew")
    if _newest_judged(ledger, key) > offered.verdicts[key].judged_at:
        raise NyckeltalError(f"the ledger holds a newer verdict on {name} than the warehouse", file=ledger.root)
    if standing and standing["decision_id"] in unreleased and (held is None or decision == "reject"):
        return Held(*key, "", tuple(standing["checks"]), candidate_hash), standing
    if held is None:
        if decision == "reject" and found.new.num_rows:
            return Held(*key, "", tuple(r.check for r in offered.verdicts[key].failing), candidate_hash), standing
        if standing and found.new.num_rows:
            publishes = f"the same command again, or `kpi run --period {key[2]}`, publishes it"
            raise NyckeltalError(f"{name} was released already{past}; {publishes}")
        raise NyckeltalError(f"nothing is held for {name}" + (f"; it was released{past}" if standing else ""))
    if standing and decision == standing["decision"] == "reject":
        raise NyckeltalError(f"{name} was rejected already{past}")
    return held, standing


def _unreleased(ledger: Ledger, said: dict[str, Any]) -> list[str]:
    """The ids of the decisions that say the same and that no release covers, as the one after them was interrupted."""
    sealed = set(ledger.sealed_decisions().column("decision_id").to_pylist())
    same = [row for row in ledger.decisions() if all(row[name] == said[name] for name in said)]
    return [row["decision_id"] for row in same if row["decision_id"] not in sealed]


def _newest_judged(ledger: Ledger, key: Key) -> datetime:
    """When the newest verdict on the key in the ledger was judged."""
    names = ("kpi_id", "freq", "time_period")
    ours = [pc.field(name) == value for name, value in zip(names, key, strict=True)]
    moments = ledger.verdicts.filter(reduce(and_, ours)).column("judged_at").to_pylist()
    return max(moments, default=datetime.min.replace(tzinfo=UTC))
