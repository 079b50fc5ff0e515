"""Whether the verdicts of the last run stand: nothing that the gate reads changed since it judged the same months."""

from __future__ import annotations

import hashlib
from datetime import date

import duckdb

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

_TABLE = "create table if not exists kpi._judged (inputs varchar)"
# What the gate reads of the warehouse, besides candidates and rows: these change only with a build or a load.
_STATES = {
    ("raw", "_files"): "from raw._files",
    ("raw", "_feeds"): "select * exclude (checked_at) from raw._feeds",
    ("kpi", "_builds"): "from kpi._builds",
    ("kpi", "verdicts"): "select count(*) from kpi.verdicts",
}


def verdicts(company: Company, catalog: Catalog, first: date, last: date) -> list[Verdict] | None:
    """The verdicts on the periods that end from first to last; None where the gate has to judge them again."""
    with warehouse.connect() as connection:
        if not warehouse.has_table(connection, "kpi", "_judged"):
            return None
        if connection.execute("from kpi._judged").fetchall() != [(_inputs(connection, company, first, last),)]:
            return None
        known = verdict.stored(connection, first, last)
    keys = [planned.key for planned in plan(catalog, first, last)]
    return [known[key] for key in keys] if all(key in known for key in keys) else None


def record(company: Company, first: date, last: date) -> None:
    """Keeps what the gate has just judged the periods by."""
    with warehouse.connect() as connection:
        connection.execute(_TABLE)
        connection.execute("delete from kpi._judged")
        connection.execute("insert into kpi._judged values (?)", [_inputs(connection, company, first, last)])


def _inputs(connection: duckdb.DuckDBPyConnection, company: Company, first: date, last: date) -> str:
    """A hash of everything on which the verdicts depend: days, code, the company's files, loads, builds, decisions."""
    folders = (company.path / name for name in ("compiled", "feeds", "kpis"))
    code = files_fingerprint(PROJECT / "data_quality", PROJECT / "metrics", *folders, *company.path.glob("*.yml"))
    states = [
        sorted(map(str, connection.execute(query).fetchall()))
        for table, query in _STATES.items()
        if warehouse.has_table(connection, *table)
    ]
    ledger = Ledger.find(deployment.ledger_path())
    decisions = ledger.tables["decisions"].version() if ledger else None
    described = str([clock.today(company.time_zone), first, last, code, states, decisions])
    return hashlib.sha256(described.encode()).hexdigest()
