"""The release: append eligible observations and new verdicts to the ledger.

Whatever started it, a release reads the stored verdicts itself and compares them with the present candidates.
`eligibility.py` says what may be published.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date

import duckdb
import pyarrow as pa

from data_quality import warehouse
from data_quality.gate import verdict
from data_quality.gate.checks.registry import NAMES
from data_quality.ledger import compact
from data_quality.ledger.lock import releasing
from data_quality.ledger.schemas import VERDICTS
from data_quality.ledger.store import ConcurrentRelease, Ledger
from data_quality.release import company_record, eligibility, readiness, snapshot
from data_quality.release.eligibility import Eligibility
from data_quality.release.result import Release
from data_quality.release.snapshot import ReleaseSnapshot
from metrics.core import clock, deployment
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company

ATTEMPTS = 3

# The verdicts that differ from the key's newest one in the ledger.
_DIFFERING_VERDICTS = """
with latest as (
    from committed
    qualify row_number() over (partition by kpi_id, freq, time_period order by sequence desc) = 1
)
from judged j
anti join latest l
    on j.kpi_id = l.kpi_id and j.freq = l.freq and j.time_period = l.time_period
    and j.verdict = l.verdict and j.checks = l.checks
    and j.candidate_hash is not distinct from l.candidate_hash and j.definition_hash = l.definition_hash
order by kpi_id, freq, time_period
"""


def publish(company: Company, catalog: Catalog, first: date, last: date) -> Release:
    """Release the eligible keys whose period ended in [first, last]: those with a passing verdict or a decision.

    A value that changes in a closed period, or without newer rows, is held, unless the definition has a newer version
    or a decision names CLOSED_PERIOD or UNEXPLAINED. A value by a definition that isn't proved to give the same values
    as the one before it (`refactorings.py`) is held, unless a decision names REFACTORING.

    New vintages and verdicts are appended to the ledger; `publishing.publish` renders it afterwards. A decision that no
    release covers yet is reason enough for a release. With nothing new nothing is appended.
    Raises NyckeltalError when the warehouse or the data folder can't be used, or no release can be made now
    (`readiness.py`).
    """
    with releasing():  # for this machine; the ledger itself refuses a concurrent release from another one
        with warehouse.connect() as connection:
            release_snapshot = snapshot.read(connection, catalog, first, last)
        deliveries = [feed.newest_delivery for feed in release_snapshot.feeds.values() if feed.newest_delivery]
        readiness.require(company, max(deliveries, default=None))
        return release(release_snapshot, company, catalog)


def release(release_snapshot: ReleaseSnapshot, company: Company, catalog: Catalog) -> Release:
    """Release the eligible keys of the snapshot, as `publish` does. The caller must hold the release lock."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _release(release_snapshot, company, catalog)
        except ConcurrentRelease:
            if attempt == ATTEMPTS:
                raise
            logging.getLogger(__name__).info("another release was committed first; comparing with that one")
    raise AssertionError("unreachable")


def _release(release_snapshot: ReleaseSnapshot, company: Company, catalog: Catalog) -> Release:
    """Append new vintages and verdicts, and the release row, to the ledger; nothing if nothing is new."""
    readiness.require_past(company)
    ledger = Ledger.open(deployment.ledger_path())
    now, today = clock.now(), clock.today(company.time_zone)
    newest = ledger.newest
    assessment = eligibility.assess(release_snapshot, ledger, catalog, today)
    verdicts = _new_verdicts(ledger, release_snapshot, assessment)
    catalog_text = catalog.definitions_json
    row = None
    has_content = assessment.new.num_rows or verdicts.num_rows or ledger.unsealed_decisions()
    if has_content or (newest and newest["catalog"] != catalog_text):
        judged_batches = {batch_id for batch_id in verdicts.column("batch_id").to_pylist() if batch_id}
        batches = sorted(judged_batches | _batches(release_snapshot))
        row = ledger.append(
            assessment.new,
            verdicts,
            realtime_start=today,
            published_at=now,
            catalog=catalog_text,
            batch_id=batches[0] if len(batches) == 1 else ",".join(batches) or None,
            company=company_record.write(release_snapshot.feeds, company, catalog, newest),
        )
    compact.gather(ledger)
    return Release(
        release_id=row["release_id"] if row else None,
        sequence=row["sequence"] if row else newest["sequence"] if newest else 0,
        realtime_start=today,
        published=len(assessment.eligible),
        appended_observations=assessment.new.num_rows,
        unchanged=assessment.incoming.num_rows - assessment.new.num_rows,
        appended_verdicts=verdicts.num_rows,
        held=tuple(held for held in assessment.held if not held.published_stays),
    )


def _batches(release_snapshot: ReleaseSnapshot) -> set[str]:
    builds = (release_snapshot.loaded.builds.get(kpi_id) for kpi_id in release_snapshot.rows)
    return {build.batch_id for build in builds if build is not None and build.batch_id}


def _new_verdicts(ledger: Ledger, release_snapshot: ReleaseSnapshot, assessment: Eligibility) -> pa.Table:
    """The verdicts on the present candidates that differ from the ledger's newest verdict on their key.

    The columns are those of VERDICTS without release_id. The failures in the comparison with published values are added
    to the checks of a held key, and its verdict is "hold".
    """
    failures, rows = assessment.comparison_failures, []
    not_judged_anew = {held.key for held in assessment.held if held.published_stays}
    for key in release_snapshot.planned:
        judged, candidate = release_snapshot.verdicts.get(key), release_snapshot.loaded.candidates.get(key)
        candidate_hash = candidate.candidate_hash if candidate else None
        if judged is None or key in not_judged_anew or judged.candidate_hash != candidate_hash:
            continue
        answer = verdict.answer(judged.checks, NAMES)
        if key in failures:
            judged, answer = replace(judged, checks=(*judged.checks, *failures[key])), "hold"
        rows.append(
            {
                "kpi_id": judged.kpi_id,
                "freq": judged.freq,
                "time_period": judged.time_period,
                "verdict": answer,
                "checks": judged.checks_json,
                "candidate_hash": judged.candidate_hash,
                "definition_hash": judged.definition_hash,
                "batch_id": judged.batch_id,
                "judged_at": judged.judged_at,
            }
        )
    present_verdicts = pa.Table.from_pylist(
        rows, schema=pa.schema([field for field in VERDICTS if field.name != "release_id"])
    )
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("judged", present_verdicts)
        connection.register("committed", ledger.verdicts)
        return connection.execute(_DIFFERING_VERDICTS).to_arrow_table()
