"""Opinions: proposals and votes on adopting a standard KPI or on retiring an adopted one. They decide nothing.

Each is a row in the ledger's table of decisions, and is published. `kpi.opinions` says which one is a person's newest.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

from data_quality.ledger.lock import releasing
from data_quality.release import release, snapshot
from data_quality.release.decisions import checked_reason, ready_ledger
from data_quality.release.result import Release
from metrics.core.errors import NyckeltalError
from metrics.core.text import has_figures, invisible
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from metrics.definitions.proposals import Proposal, is_protected
from metrics.definitions.roles import listed_spelling

OUTCOMES = {
    ("adopt", True): "adopt",
    ("adopt", False): "leave out",
    ("retire", True): "retire",
    ("retire", False): "keep",
}
"""The outcome that an opinion wants, by the proposal and whether the person is in favour of it."""

_MOST_OF_A_NAME = 100


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
    protected = is_protected(catalog, kpi_id, proposal)
    reason = checked_reason(kpi_id, reason, protected=protected)
    by = _checked_name(company, kpi_id, by, protected=protected)
    with releasing():
        ledger = ready_ledger(company)
        ledger.decide(kpi_id, kind, reason=reason, decided_by=by, outcome=OUTCOMES[proposal, in_favour])
        try:
            released = release.release(snapshot.empty(), company, catalog)
        except NyckeltalError as error:
            raise NyckeltalError(f"the opinion is recorded, but not published yet: {error}") from None
    return Opinion(kpi_id, proposal, in_favour, by, reason, released)


def _checked_name(company: Company, kpi_id: str, by: str, *, protected: bool) -> str:
    """The name on one line, and as roles.yml spells it if it is there; it is published with the opinion.

    Raises NyckeltalError for none, for a long one, for characters that can't be seen, and for figures where the KPI is
    protected, except in a name of roles.yml.
    """
    by = unicodedata.normalize("NFKC", " ".join(by.split()))
    if not by or invisible(by):
        problem = "has a character that can't be seen" if by else "an opinion needs a name"
        raise NyckeltalError(problem, field="--by", found=by or None, expected="who states it")
    if len(by) > _MOST_OF_A_NAME:
        most = f"at most {_MOST_OF_A_NAME} characters"
        raise NyckeltalError("the name is too long", field="--by", found=f"{len(by)} characters", expected=most)
    roles = company.roles
    groups = (*roles.decides.values(), *roles.refactors.values())
    listed = listed_spelling(by, tuple(name for names in groups for name in names))
    if protected and listed is None and has_figures(by):
        problem = f"{kpi_id} reads personnel data: the name is published, so it must not contain figures"
        raise NyckeltalError(problem, field="--by", expected="a name without digits, or one of roles.yml")
    return listed or by
