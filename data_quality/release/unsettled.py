"""Which keys a run judges besides those of its own months: what is new, has changed, or waits for something."""

from __future__ import annotations

from data_quality import warehouse
from data_quality.gate.keys import Planned, history
from data_quality.gate.verdict import Verdict
from data_quality.ledger.queries import newest_decisions, published_keys
from data_quality.ledger.store import Ledger
from data_quality.release import snapshot
from data_quality.release.eligibility import PARTS, STILL_TO_COME, flaw_of, let_through
from data_quality.release.snapshot import ReleaseSnapshot
from metrics.core import deployment
from metrics.definitions.catalog import Catalog, Key


def unsettled(catalog: Catalog) -> set[Key]:
    """The keys of the whole history that a run judges, whichever months it is of.

    Raises NyckeltalError when the warehouse isn't there or isn't free, or the ledger can't be read.
    """
    with warehouse.connect() as connection:
        offered = snapshot.read(connection, catalog, *history(catalog))
    return unsettled_of(offered, Ledger.find(deployment.ledger_path()))


def unsettled_of(offer: ReleaseSnapshot, ledger: Ledger | None) -> set[Key]:
    """The offered keys that a run judges, whichever months it is of.

    They are all keys of a KPI of which nothing is published yet, what was never judged or has changed since, and what
    is held as something is still to come or as a part of what is held. What is held for its value waits for a person.
    A KPI that could not be built gives its published periods no other candidate: their verdicts stand. `ledger` is None
    where there is none yet.
    """
    decisions = newest_decisions(ledger) if ledger else {}
    published = published_keys(ledger) if ledger else set()
    with_values = {kpi_id for kpi_id, _, _ in published}
    return {
        key
        for key, item in offer.planned.items()
        if item.kpi.kpi_id not in with_values
        or not _stands_as_judged(item, offer, published)
        or not (let_through(offer.verdicts[key], decisions) or _is_held_for_its_value(offer.verdicts[key]))
    }


def _stands_as_judged(item: Planned, offer: ReleaseSnapshot, published: set[Key]) -> bool:
    """Whether the key was judged, and nothing that its verdict is on has changed since."""
    build = offer.loaded.builds.get(item.kpi.kpi_id)
    is_built = build is not None and build.ok
    if item.key not in offer.verdicts:
        return False
    return flaw_of(item, offer, published) is None or (not is_built and item.key in published)


def _is_held_for_its_value(found: Verdict) -> bool:
    """Whether what fails says something of the value, and nothing is still to come."""
    failing = {result.check for result in found.failing if result.severity == "critical"}
    return not failing & STILL_TO_COME and not (failing and failing <= PARTS)
