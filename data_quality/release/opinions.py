"""Opinions: proposals and votes on adopting a standard KPI or on retiring an adopted one. They decide nothing.

Each is a row of the ledger's decisions, of which the release publishes all; `kpi.opinions` says which one counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from data_quality.ledger import verified
from data_quality.ledger.lock import releasing
from data_quality.ledger.store import Ledger
from data_quality.release import readiness, release, snapshot
from data_quality.release.decisions import checked_reason
from data_quality.release.release import Release
from metrics.core import deployment
from metrics.core.errors import NyckeltalError
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from metrics.definitions.proposals import Proposal, is_protected

OUTCOMES = {
    ("adopt", True): "adopt",
    ("adopt", False): "leave out",
    ("retire", True): "retire",
    ("retire", False): "keep",
}
"""The outcome that an opinion wants, by the proposal and whether the person is in favour of it."""


@dataclass(frozen=True)
class Opinion:
    """A recorded opinion, and the release that published it."""

    kpi_id: str
    proposal: Proposal
    in_favour: bool
    stated_by: str
    reason: str
    release: Release


def state(
    company: Company,
    catalog: Catalog,
    kind: Literal["propose", "vote"],
    kpi_id: str,
    proposal: Proposal,
    *,
    in_favour: bool,
    reason: str,
    by: str,
) -> Opinion:
    """Record what a person thinks of adopting or retiring the KPI, and make a release; the caller renders it.

    Anybody may state one; the name is recorded, not authenticated.
    Raises NyckeltalError, and records nothing, for an unknown KPI, for one that is adopted already (or isn't, and is to
    be retired), and without a reason or a name.
    """
    reason = checked_reason(kpi_id, reason, protected=is_protected(catalog, kpi_id, proposal))
    by = " ".join(by.split())
    with releasing():
        Ledger.open(deployment.ledger_path(), make=False)  # raises where there is no ledger
        ledger = Ledger.open(deployment.ledger_path())
        verified.require_sound(ledger)
        readiness.require_past(company)
        ledger.decide(kpi_id, kind, reason=reason, decided_by=by, outcome=OUTCOMES[proposal, in_favour])
        try:
            released = release.release(snapshot.empty(), company, catalog)
        except NyckeltalError as error:
            raise NyckeltalError(f"the opinion is recorded, but not published yet: {error}") from None
    return Opinion(kpi_id, proposal, in_favour, by, reason, released)
