"""Whether the last run's verdicts and release stand: nothing that they depend on has changed since.

What the run kept of them lies in the warehouse's table `kpi._judged`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from data_quality import warehouse
from data_quality.gate import verdict
from data_quality.gate.candidates import edited_kpis
from data_quality.gate.keys import plan
from data_quality.gate.verdict import Verdict
from data_quality.ledger.store import Ledger
from data_quality.release.result import Held, Release
from metrics.core import clock, deployment
from metrics.core.deployment import PROJECT
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration.dbt.manifest import files_fingerprint

_TABLE = """
create table kpi._judged
(inputs varchar, ledger varchar, verdicts hugeint, keys varchar, sequence bigint, release varchar)
"""
# What the gate and the release read of the warehouse, besides candidates and rows: these change only with a build or a
# load.
_STATES = {
    ("raw", "_files"): "from raw._files",
    ("raw", "_feeds"): "select * exclude (checked_at) from raw._feeds",
    ("kpi", "_builds"): "from kpi._builds",
    ("kpi", "_refactorings"): "from kpi._refactorings",
}
_VERDICTS = "select coalesce(sum(hash(v)::hugeint >> 24), 0) from kpi.verdicts v"


@dataclass(frozen=True)
class Standing:
    """Verdicts and release of the last run that still stand: another run would give the same, and nothing new."""

    verdicts: list[Verdict]
    release: Release


def files(company: Company) -> str:
    """A hash of the code and of the company's files. Take it when the files are read."""
    folders = (company.path / name for name in ("compiled", "feeds", "kpis"))
    return files_fingerprint(PROJECT / "data_quality", PROJECT / "metrics", *folders, *company.path.glob("*.yml"))


def inputs(company: Company, files_read: str) -> str:
    """A hash of everything that verdicts depend on, except the ledger's rows: the day, loads, builds, decisions, files.

    `files_read` is the hash of `files`. Take it before the gate judges; `record` stores it after the release.
    """
    with warehouse.connect() as connection:
        states = [
            sorted(map(str, connection.execute(query).fetchall()))
            for table, query in _STATES.items()
            if warehouse.has_table(connection, *table)
        ]
    path = deployment.ledger_path()
    ledger = Ledger.find(path)
    decisions = ledger.tables["decisions"].version() if ledger else 0
    described = str([clock.today(company.time_zone), files_read, states, path, decisions])
    return hashlib.sha256(described.encode()).hexdigest()


def of_last_run(catalog: Catalog, first: date, last: date, inputs_now: str) -> Standing | None:
    """The verdicts on the periods that end from first to last, and the release; None where these must be made again.

    The last run may have been for other months, as long as it judged these periods: the first run judges the whole
    history.
    """
    ledger = Ledger.find(deployment.ledger_path())
    with warehouse.connect() as connection:
        if ledger is None or ledger.newest is None or not warehouse.has_table(connection, "kpi", "_judged"):
            return None
        (stored_verdicts,) = connection.execute(_VERDICTS).fetchone() or (None,)
        *described, judged, _, released = connection.execute("from kpi._judged").fetchone() or (None,) * 3
        if described != [inputs_now, ledger.state, stored_verdicts] or edited_kpis(connection, catalog):
            return None
        stored = verdict.stored(connection, first, last)
    keys = [planned.key for planned in plan(catalog, first, last)]
    if not {tuple(key) for key in json.loads(judged)}.issuperset(keys) or not stored.keys() >= set(keys):
        return None
    return Standing([stored[key] for key in keys], _read(released))


def reported_sequence() -> int:
    """The sequence of the newest release when the last run that judged had reported to Dagster; 0 if not known."""
    with warehouse.connect() as connection:
        if not warehouse.has_table(connection, "kpi", "_judged"):
            return 0
        names = [name for name, *_ in connection.execute("from kpi._judged limit 0").description or ()]
        row = connection.execute("select sequence from kpi._judged").fetchone() if "sequence" in names else None
    return int(row[0]) if row else 0


def record(judged_by: str, released: Release, judged: Sequence[Verdict]) -> None:
    """Stores the inputs by which the gate judged, and the release after it.

    Stores nothing if a check wasn't evaluated, or if another release came after this one. Call it when everything has
    been reported to Dagster, so that the run after a stopped one judges and reports again.
    """
    ledger = Ledger.find(deployment.ledger_path())
    is_newest = ledger is not None and ledger.newest is not None and ledger.newest["sequence"] == released.sequence
    all_evaluated = not any(result.outcome == "not_evaluated" for verdict in judged for result in verdict.checks)
    with warehouse.connect() as connection:
        connection.execute("drop table if exists kpi._judged")
        if ledger and is_newest and all_evaluated:
            connection.execute(_TABLE)
            insert = f"insert into kpi._judged select ?, ?, ({_VERDICTS}), ?, ?, ?"
            keys = json.dumps([verdict.key for verdict in judged])
            connection.execute(insert, [judged_by, ledger.state, keys, released.sequence, _text(released)])


def _text(released: Release) -> str:
    facts = {**vars(released), "realtime_start": released.realtime_start.isoformat()}
    return json.dumps({**facts, "held": [vars(held) for held in released.held]})


def _read(text: str) -> Release:
    """The release as another run would make it: it appends nothing, as equal inputs give equal values."""
    facts = json.loads(text)
    return Release(
        release_id=None,
        sequence=facts["sequence"],
        realtime_start=date.fromisoformat(facts["realtime_start"]),
        published=facts["published"],
        appended_observations=0,
        unchanged=facts["unchanged"] + facts["appended_observations"],
        appended_verdicts=0,
        held=tuple(Held(**{**held, "checks": tuple(held["checks"])}) for held in facts["held"]),
    )
