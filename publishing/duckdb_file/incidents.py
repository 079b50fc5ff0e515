"""The rows of the published table `incidents`: open ones (held or flagged), and those that decisions settled."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from data_quality.gate import incidents
from data_quality.gate.incidents import Failure, Incident
from data_quality.gate.verdict import CheckResult
from data_quality.ledger.former_checks import present_name
from metrics.definitions.catalog import Catalog

SCHEMA = pa.schema(
    [
        ("incident_id", pa.string()),
        ("state", pa.string()),
        ("title", pa.string()),
        ("domain", pa.string()),
        ("since", pa.date32()),
        ("until", pa.date32()),
        ("kpis", pa.string()),
        ("periods_held", pa.int64()),
        ("periods_flagged", pa.int64()),
        ("decided_by", pa.string()),
        ("decided_at", pa.timestamp("us", tz="UTC")),
        ("reason", pa.string()),
        ("may_decide", pa.string()),
    ]
)
_SETTLED = {"release": "released", "reject": "rejected", "acknowledge": "acknowledged"}
_OPEN = """
select kpi_id, freq, time_period, held, checks from kpi.verdicts
where held and decision is distinct from 'reject'
    or verdict = 'publish_flagged' and decision is null and not acknowledged
order by all
"""


def rows(
    connection: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    decisions: Sequence[Mapping[str, Any]],
    deciders: Mapping[str, str],
) -> list[dict[str, Any]]:
    """The table's rows, open incidents first; `kpi.verdicts` must exist.

    `decisions` are the decisions that releases cover, `deciders` the persons who may decide, by domain.
    """
    open_incidents = incidents.find(failures(connection.execute(_OPEN).fetchall(), catalog), catalog)
    table_rows = [_row(incident, "held" if incident.is_held else "flagged") for incident in open_incidents]
    table_rows = [row | {"may_decide": deciders.get(row["domain"]) or None} for row in table_rows]
    decided_on = {decision["time_period"] for decision in decisions if decision["incident_id"] is not None}
    query = "select kpi_id, freq, time_period, checks from kpi.verdicts where list_contains(?::varchar[], time_period)"
    verdicts = connection.execute(query, [sorted(decided_on)]).fetchall()
    failing_checks = {tuple(key): failing(checks) for *key, checks in verdicts}
    open_ids = {row["incident_id"] for row in table_rows}
    settled: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for decision in decisions:
        if decision["incident_id"] is not None and decision["incident_id"] not in open_ids:
            settled[decision["incident_id"]].append(decision)
    for incident_id, incident_decisions in settled.items():
        table_rows += _settled_row(incident_id, incident_decisions, failing_checks, catalog)
    return table_rows


def failures(judged: Iterable[tuple[str, str, str, bool, str]], catalog: Catalog) -> list[Failure]:
    """The failures of rows of `kpi.verdicts` (kpi_id, freq, time_period, held, checks) whose KPI is still adopted."""
    adopted = {kpi.kpi_id for kpi in catalog.kpis}
    return [
        incidents.failure(catalog, (kpi_id, freq, code), failing(checks), held=held)
        for kpi_id, freq, code, held, checks in judged
        if kpi_id in adopted
    ]


def failing(checks: str) -> list[CheckResult]:
    """The failing check results in the JSON text of a verdict."""
    return [
        CheckResult(**{**result, "check": present_name(result["check"])})
        for result in json.loads(checks)
        if result["outcome"] in ("fail", "not_evaluated")
    ]


def _settled_row(
    incident_id: str,
    decisions: Sequence[Mapping[str, Any]],
    failing_checks: Mapping[tuple[str, ...], Sequence[CheckResult]],
    catalog: Catalog,
) -> list[dict[str, Any]]:
    """The row of a settled incident, by the newest of its decisions; empty when its KPIs are no longer adopted.

    `failing_checks` are those of the newest verdicts, by key. A check that no longer fails there is taken from the
    decision.
    """
    adopted = {kpi.kpi_id for kpi in catalog.kpis}
    newest = max(decisions, key=lambda decision: decision["decided_at"])
    held = newest["decision"] != "acknowledge"
    settled_failures = []
    for decision in decisions:
        if decision["kpi_id"] in adopted:
            key = decision["kpi_id"], decision["freq"], decision["time_period"]
            checks = _checks_decided_on(decision, failing_checks.get(key, ()))
            settled_failures.append(incidents.failure(catalog, key, checks, held=held))
    if not settled_failures:
        return []
    decision_columns = {name: newest[name] for name in ("decided_by", "decided_at", "reason")}
    row = _row(incidents.incident(settled_failures, catalog), _SETTLED[newest["decision"]])
    return [row | decision_columns | {"incident_id": incident_id}]


def _checks_decided_on(decision: Mapping[str, Any], failing_checks: Sequence[CheckResult]) -> list[CheckResult]:
    """The checks that a decision names: the newest verdict's result of one that still fails, else the name alone."""
    by_name = {result.check: result for result in failing_checks}
    names = json.loads(decision["checks"])
    return [by_name.get(name, CheckResult(name, "critical", "fail", None, None, "")) for name in names]


def _row(incident: Incident, state: str) -> dict[str, Any]:
    """The incident's row, without the columns of a decision (decided_by, decided_at, reason)."""
    return {
        "incident_id": incident.incident_id,
        "state": state,
        "title": incident.title,
        "domain": incident.lead.kpi.domain,
        "since": incident.since,
        "until": incident.until,
        "kpis": ", ".join(incident.kpi_ids),
        "periods_held": len(incident.held),
        "periods_flagged": len(incident.failures) - len(incident.held),
    }
