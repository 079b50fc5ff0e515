"""Whether the verdicts of the last run stand: nothing that the gate reads changed since it judged the same months."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date

from data_quality import warehouse
from data_quality.gate import verdict
from data_quality.gate.keys import plan
from data_quality.gate.verdict import Verdict
from data_quality.ledger.store import Ledger
from metrics.core import clock, deployment
from metrics.core.deployment import PROJECT
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration.dbt.manifest import files_fingerprint

_TABLE = "create table if not exists kpi._judged (inputs varchar, release_id varchar, verdicts hugeint)"
# What the gate reads of the warehouse, besides candidates and rows: these change only with a build or a load.
_STATES = {
    ("raw", "_files"): "from raw._files",
    ("raw", "_feeds"): "select * exclude (checked_at) from raw._feeds",
    ("kpi", "_builds"): "from kpi._builds",
}
_VERDICTS = "select coalesce(sum(hash(v)::hugeint >> 24), 0) from kpi.verdicts v"


def files(company: Company) -> str:
    """A hash of the code and of the company's files, taken when these are read."""
    folders = (company.path / name for name in ("compiled", "feeds", "kpis"))
    return files_fingerprint(PROJECT / "data_quality", PROJECT / "metrics", *folders, *company.path.glob("*.yml"))


def inputs(company: Company, files_read: str, first: date, last: date) -> str:
    """A hash of all that verdicts on those periods depend on but releases: days, `files`, loads, builds, decisions.

    Taken before the gate judges; `record` keeps it after the release.
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
    described = str([clock.today(company.time_zone), first, last, files_read, states, path, decisions])
    return hashlib.sha256(described.encode()).hexdigest()


def verdicts(catalog: Catalog, first: date, last: date, inputs_now: str) -> list[Verdict] | None:
    """The verdicts on the periods that end from first to last; None where the gate has to judge them again."""
    ledger = Ledger.find(deployment.ledger_path())
    newest = ledger.newest if ledger else None
    with warehouse.connect() as connection:
        if newest is None or not warehouse.has_table(connection, "kpi", "_judged"):
            return None
        (stored_verdicts,) = connection.execute(_VERDICTS).fetchone() or (None,)
        judged = connection.execute("from kpi._judged").fetchall()
        if judged != [(inputs_now, newest["release_id"], stored_verdicts)]:
            return None
        stored = verdict.stored(connection, first, last)
    keys = [planned.key for planned in plan(catalog, first, last)]
    return [stored[key] for key in keys] if keys and all(key in stored for key in keys) else None


def record(judged_by: str, sequence: int, judged: Sequence[Verdict]) -> None:
    """Keeps the inputs by which the gate judged, and the release after it; nothing where a check wasn't evaluated."""
    ledger = Ledger.find(deployment.ledger_path())
    releases = {row["sequence"]: row["release_id"] for row in ledger.releases} if ledger else {}
    with warehouse.connect() as connection:
        connection.execute("drop table if exists kpi._judged")
        if not any(result.outcome == "not_evaluated" for judged_verdict in judged for result in judged_verdict.checks):
            connection.execute(_TABLE)
            insert = f"insert into kpi._judged select ?, ?, ({_VERDICTS})"
            connection.execute(insert, [judged_by, releases.get(sequence)])
