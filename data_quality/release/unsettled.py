"""Which keys a run judges, whichever months it is for: open, new and changed ones, and ones that wait for data."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from data_quality import warehouse
from data_quality.gate.keys import Planned, history
from data_quality.gate.verdict import Verdict
from data_quality.ledger.queries import newest_decisions, published_keys
from data_quality.ledger.store import Ledger
from data_quality.release import snapshot
from data_quality.release.eligibility import PARTS, STILL_TO_COME, evidence_fault, is_publishable
from data_quality.release.snapshot import ReleaseSnapshot
from metrics.core import deployment
from metrics.definitions.catalog import Catalog, Key


def unsettled(catalog: Catalog) -> set[Key]:
    """The keys of the whole history that every run judges, whichever months it is for.

    Raises NyckeltalError when the warehouse isn't there or isn't free, or the ledger can't be read.
    """
    with warehouse.connect() as connection:
        release_snapshot = snapshot.read(connection, catalog, *history(catalog))
    return unsettled_of(release_snapshot, Ledger.find(deployment.ledger_path()), catalog)


def unsettled_of(release_snapshot: ReleaseSnapshot, ledger: Ledger | None, catalog: Catalog) -> set[Key]:
    """The keys of the snapshot that every run judges, whichever months it is for.

    - all keys of a KPI of which nothing is published yet;
    - keys that were never judged, or whose candidate changed since they were judged;
    - keys that were still open when they were judged: so each is judged once after it has closed;
    - keys that are held because data or a build is still to come, or because they are a part of a held period.

    A closed key that is held for its value waits for a decision and isn't judged again. If a KPI could not be built,
    its published periods have no new candidate, and keep their verdicts. `ledger` is None where there is none yet.
    """
    decisions = newest_decisions(ledger) if ledger else {}
    published = published_keys(ledger) if ledger else set()
    with_values = {kpi_id for kpi_id, _, _ in published}
    return {
        key
        for key, planned_key in release_snapshot.planned.items()
        if planned_key.kpi.kpi_id not in with_values
        or not _verdict_is_current(planned_key, release_snapshot, published)
        or _was_open(planned_key, release_snapshot.verdicts[key], catalog)
        or not (
            is_publishable(release_snapshot.verdicts[key], decisions)
            or _is_held_for_its_value(release_snapshot.verdicts[key])
        )
    }


def _verdict_is_current(planned_key: Planned, release_snapshot: ReleaseSnapshot, published: set[Key]) -> bool:
    """Whether the key was judged, and its candidate, build and definition haven't changed since."""
    build = release_snapshot.loaded.builds.get(planned_key.kpi.kpi_id)
    is_built = build is not None and build.ok
    if planned_key.key not in release_snapshot.verdicts:
        return False
    fault = evidence_fault(planned_key, release_snapshot, published)
    return fault is None or (not is_built and planned_key.key in published)


def _was_open(planned_key: Planned, verdict: Verdict, catalog: Catalog) -> bool:
    """Whether the key was judged on a day on which its period was still open."""
    judged_on = verdict.judged_at.astimezone(ZoneInfo(catalog.calendar.time_zone)).date()
    return judged_on <= catalog.closes_on(planned_key.kpi, planned_key.period)


def _is_held_for_its_value(verdict: Verdict) -> bool:
    """Whether the failing checks are about the value itself, rather than about data that is still to come."""
    failing = {result.check for result in verdict.failing if result.severity == "critical"}
    return not failing & STILL_TO_COME and not (failing and failing <= PARTS)
