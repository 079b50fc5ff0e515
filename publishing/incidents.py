"""The rows of the published table `incidents`: what is held or flagged now, and what decisions settled."""

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
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, decisions: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The table's rows, the open ones first. Needs `kpi.verdicts`; `decisions` are those that releases cover."""
    unsettled = incidents.find(failures(connection.execute(_OPEN).fetchall(), catalog), catalog)
    found = [_row(one, "held" if one.is_held else "flagged") for one in unsettled]
    verdicts = connection.execute("select kpi_id, freq, time_period, checks from kpi.verdicts").fetchall()
    judged = {tuple(key): failing(checks) for *key, checks in verdicts}
    known = {row["incident_id"] for row in found}
    settled: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for decision in decisions:
        if decision["incident_id"] is not None and decision["incident_id"] not in known:
            settled[decision["incident_id"]].append(decision)
    for incident_id, made in settled.items():
        found += _settled_row(incident_id, made, judged, catalog)
    return found


def failures(judged: Iterable[tuple[str, str, str, bool, str]], catalog: Catalog) -> list[Failure]:
    """The failures of rows of `kpi.verdicts` (kpi_id, freq, time_period, held, checks) whose KPI is still adopted."""
    adopted = {kpi.kpi_id for kpi in catalog.kpis}
    return [
        incidents.failure(catalog, (kpi_id, freq, code), failing(checks), held=held)
        for kpi_id, freq, code, held, checks in judged
        if kpi_id in adopted
    ]


def failing(checks: str) -> list[CheckResult]:
    """The failing ones of the check results in a verdict's JSON text."""
    return [
        CheckResult(**{**result, "check": present_name(result["check"])})
        for result in json.loads(checks)
        if result["outcome"] in ("fail", "not_evaluated")
    ]


def _settled_row(
    incident_id: str,
    made: Sequence[Mapping[str, Any]],
    judged: Mapping[tuple[str, ...], Sequence[CheckResult]],
    catalog: Catalog,
) -> list[dict[str, Any]]:
    """The row of an incident that the newest of the decisions settled; none when its KPIs are no longer adopted.

    What fails is told as the newest verdicts have it, `judged`, by key; where they don't, by the decisions.
    """
    adopted = {kpi.kpi_id for kpi in catalog.kpis}
    newest = max(made, key=lambda one: one["decided_at"])
    held = newest["decision"] != "acknowledge"
    were = [
        incidents.failure(
            catalog,
            (one["kpi_id"], one["freq"], one["time_period"]),
            _decided_on(one, judged.get((one["kpi_id"], one["freq"], one["time_period"]), ())),
            held=held,
        )
        for one in made
        if one["kpi_id"] in adopted
    ]
    if not were:
        return []
    facts = {name: newest[name] for name in ("decided_by", "decided_at", "reason")}
    state = _SETTLED[newest["decision"]]
    return [_row(incidents.incident(were, catalog), state) | facts | {"incident_id": incident_id}]


def _decided_on(decision: Mapping[str, Any], judged: Sequence[CheckResult]) -> list[CheckResult]:
    """What failed of the checks that a decision is on: as judged last where it still does, else their names alone."""
    by_name = {result.check: result for result in judged}
    names = json.loads(decision["checks"])
    return [by_name.get(name, CheckResult(name, "critical", "fail", None, None, "")) for name in names]


def _row(incident: Incident, state: str) -> dict[str, Any]:
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
