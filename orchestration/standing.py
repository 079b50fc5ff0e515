"""Whether the verdicts of the last run stand: nothing that the gate reads changed since it judged the same months."""

from __future__ import annotations

import hashlib
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

_TABLE = "create table if not exists kpi._judged (inputs varchar, sequence bigint)"
# What the gate reads of the warehouse, besides candidates and rows: these change only with a build or a load.
_STATES = {
    ("raw", "_files"): "from raw._files",
    ("raw", "_feeds"): "select * exclude (checked_at) from raw._feeds",
    ("kpi", "_builds"): "from kpi._builds",
}


def inputs(company: Company, first: date, last: date) -> str:
    """A hash of all that verdicts on those periods depend on but releases: days, code, files, loads, builds, decisions.

    Files are those of the company. Taken before the gate judges, `record` keeps it after the release.
    """
    folders = (company.path / name for name in ("compiled", "feeds", "kpis"))
    code = files_fingerprint(PROJECT / "data_quality", PROJECT / "metrics", *folders, *company.path.glob("*.yml"))
    with warehouse.connect() as connection:
        states = [
            sorted(map(str, connection.execute(query).fetchall()))
            for table, query in _STATES.items()
            if warehouse.has_table(connection, *table)
        ]
    ledger = Ledger.find(deployment.ledger_path())
    decisions = ledger.tables["decisions"].version() if ledger else 0
    described = str([clock.today(company.time_zone), first, last, code, states, decisions])
    return hashlib.sha256(described.encode()).hexdigest()


def verdicts(catalog: Catalog, first: date, last: date, inputs_now: str) -> list[Verdict] | None:
    """The verdicts on the periods that end from first to last; None where the gate has to judge them again."""
    ledger = Ledger.find(deployment.ledger_path())
    sequence = ledger.newest["sequence"] if ledger and ledger.newest else 0
    with warehouse.connect() as connection:
        if not warehouse.has_table(connection, "kpi", "_judged"):
            return None
        if connection.execute("from kpi._judged").fetchall() != [(inputs_now, sequence)]:
            return None
        known = verdict.stored(connection, first, last)
    keys = [planned.key for planned in plan(catalog, first, last)]
    return [known[key] for key in keys] if all(key in known for key in keys) else None


def record(judged_by: str, sequence: int) -> None:
    """Keeps the inputs by which the gate judged, and the release after it."""
    with warehouse.connect() as connection:
        connection.execute(_TABLE)
        connection.execute("delete from kpi._judged")
        connection.execute("insert into kpi._judged values (?, ?)", [judged_by, sequence])
