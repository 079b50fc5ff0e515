"""Publishing: appends to the ledger what may be published, and renews the published file.

Whatever started it, publishing reads the stored verdicts itself and holds them against the candidates as they are now;
what may be published is `admission.py`'s answer.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import date

import duckdb
import pyarrow as pa

from data_quality import warehouse
from data_quality.gate import verdict
from data_quality.gate.checks.registry import NAMES
from data_quality.ledger import compact
from data_quality.ledger.lock import releasing
from data_quality.ledger.store import VERDICTS, ConcurrentRelease, Ledger
from data_quality.release import eligibility, readiness, snapshot
from data_quality.release.eligibility import Eligibility, Held
from data_quality.release.snapshot import ReleaseSnapshot
from metrics.core import clock, deployment
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company

ATTEMPTS = 3

# The verdicts that say something else than the key's newest one in the ledger.
_NEWS = """
with latest as (
    from committed
    qualify row_number() over (partition by kpi_id, freq, time_period order by sequence desc) = 1
)
from stored s
anti join latest l
    on s.kpi_id = l.kpi_id and s.freq = l.freq and s.time_period = l.time_period
    and s.verdict = l.verdict and s.checks = l.checks
    and s.candidate_hash is not distinct from l.candidate_hash and s.definition_hash = l.definition_hash
order by kpi_id, freq, time_period
"""


@dataclass(frozen=True)
class Release:
    """What publishing did. `release_id` is None when there was nothing new, so that no release was made.

    `published` counts the eligible keys, `appended_observations` and `unchanged` their cells, `appended_verdicts` the
    verdicts that are news to the ledger; `sequence` is that of the ledger's newest release, 0 when there is none.
    """

    release_id: str | None
    sequence: int
    realtime_start: date
    published: int
    appended_observations: int
    unchanged: int
    appended_verdicts: int
    held: tuple[Held, ...]


def publish(company: Company, catalog: Catalog, first: date, last: date) -> Release:
    """Release the keys whose period ended in [first, last] and that have a passing verdict, or a decision, as they are.

    A value that changes in a closed period, or though no newer rows came, is held, unless the definition's version is
    newer or a decision names CLOSED_PERIOD or UNEXPLAINED. So is every value by a definition that isn't proved to give
    the same as the one before it (`refactorings.py`), unless a decision names REFACTORING.
    Appends new vintages and verdicts to the ledger; `publishing.publish` renders it afterwards. A decision that no
    release covers yet makes one. With nothing new it appends nothing.
    Raises NyckeltalError when the warehouse or the data folder can't be used, or no release could be made now
    (`readiness.py`).
    """
    with releasing():  # releases on one machine come after each other; one from elsewhere the ledger itself refuses
        with warehouse.connect() as connection:
            offered = snapshot.read(connection, catalog, first, last)
        deliveries = [feed.newest_delivery for feed in offered.feeds.values() if feed.newest_delivery]
        readiness.require(company, max(deliveries, default=None))
        return release(offered, company, catalog)


def release(offered: ReleaseSnapshot, company: Company, catalog: Catalog) -> Release:
    """Release what is offered, as `publish` does. Whoever calls it must hold the release lock."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _release(offered, company, catalog)
        except ConcurrentRelease:
            if attempt == ATTEMPTS:
                raise
            logging.getLogger(__name__).info("another release came first; comparing with that one")
    raise AssertionError("unreachable")


def _release(offered: ReleaseSnapshot, company: Company, catalog: Catalog) -> Release:
    readiness.require_past(company)
    ledger = Ledger.open(deployment.ledger_path())
    now, today = clock.now(), clock.today(company.time_zone)
    newest = ledger.newest
    found = eligibility.assess(offered, ledger, catalog, today)
    verdicts = _new_verdicts(ledger, offered, found)
    catalog_text = catalog.definitions_json
    row = None
    news = found.new.num_rows or verdicts.num_rows or ledger.unsealed_decisions()
    if news or (newest and newest["catalog"] != catalog_text):
        batches = sorted({item["batch_id"] for item in verdicts.to_pylist() if item["batch_id"]} | _batches(offered))
        row = ledger.append(
            found.new,
            verdicts,
            realtime_start=today,
            published_at=now,
            catalog=catalog_text,
            batch_id=batches[0] if len(batches) == 1 else ",".join(batches) or None,
        )
    compact.gather(ledger)
    return Release(
        release_id=row["release_id"] if row else None,
        sequence=row["sequence"] if row else newest["sequence"] if newest else 0,
        realtime_start=today,
        published=len(found.eligible),
        appended_observations=found.new.num_rows,
        unchanged=found.incoming.num_rows - found.new.num_rows,
        appended_verdicts=verdicts.num_rows,
        held=tuple(one for one in found.held if not one.stands),
    )


def _batches(offer: ReleaseSnapshot) -> set[str]:
    builds = (offer.loaded.builds.get(kpi_id) for kpi_id in offer.rows)
    return {build.batch_id for build in builds if build is not None and build.batch_id}


def _new_verdicts(ledger: Ledger, offer: ReleaseSnapshot, eligible: Eligibility) -> pa.Table:
    """The verdicts on the candidates as they are now that differ from what the ledger holds of their keys.

    For a key that is held as it differs from what was published, that is one more check that fails.
    """
    changes, rows = eligible.changes, []
    stands = {one.key for one in eligible.held if one.stands}
    for key in offer.planned:
        found, candidate = offer.verdicts.get(key), offer.loaded.candidates.get(key)
        if found is None or key in stands or found.candidate_hash != (candidate.candidate_hash if candidate else None):
            continue
        answer = verdict.answer(found.checks, NAMES)
        if key in changes:
            found, answer = replace(found, checks=(*found.checks, *changes[key])), "hold"
        rows.append(
            {
                "kpi_id": found.kpi_id,
                "freq": found.freq,
                "time_period": found.time_period,
                "verdict": answer,
                "checks": found.checks_json,
                "candidate_hash": found.candidate_hash,
                "definition_hash": found.definition_hash,
                "batch_id": found.batch_id,
                "judged_at": found.judged_at,
            }
        )
    stored = pa.Table.from_pylist(rows, schema=pa.schema([field for field in VERDICTS if field.name != "release_id"]))
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("stored", stored)
        connection.register("committed", ledger.verdicts)
        return connection.execute(_NEWS).to_arrow_table()
