"""Verdicts: the gate's answer for one key, how it follows from the checks' outcomes, and where it is stored.

Verdicts are stored in the warehouse's table `kpi.verdicts`. Each has a seal, a keyed hash of its content; a row that
anything but the gate wrote or altered is ignored.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Literal

import duckdb
import pyarrow as pa

from data_quality import deployment_key
from data_quality.warehouse import has_table
from metrics.definitions.catalog import Key

Outcome = Literal["pass", "fail", "not_applicable", "not_evaluated"]
Severity = Literal["critical", "warning"]
Answer = Literal["publish", "publish_flagged", "hold"]

SCHEMA = pa.schema(
    [
        ("kpi_id", pa.string()),
        ("freq", pa.string()),
        ("time_period", pa.string()),
        ("period_start", pa.date32()),
        ("period_end", pa.date32()),
        ("verdict", pa.string()),
        ("checks", pa.string()),
        ("candidate_hash", pa.string()),
        ("definition_hash", pa.string()),
        ("batch_id", pa.string()),
        ("judged_at", pa.timestamp("us", tz="UTC")),
        ("protected", pa.bool_()),
        ("seal", pa.string()),
    ]
)


@dataclass(frozen=True)
class CheckResult:
    """The result of one check for one key.

    `limit` is the limit that the figure exceeds, and if it exceeds none, the highest one that the check has.
    `severity` belongs to that limit: a failing critical check holds, a failing warning flags. `figure` and `limit` are
    None for protected KPIs, and their `detail` has no figures. `feed` is the feed whose rows fail a check; None for a
    check of the result.
    """

    check: str
    severity: Severity
    outcome: Outcome
    figure: float | None
    limit: float | None
    detail: str
    feed: str | None = None

    @property
    def holds(self) -> bool:
        """Whether it holds its key if it doesn't pass: it is critical, or could not be evaluated."""
        return self.severity == "critical" or self.outcome == "not_evaluated"


@dataclass(frozen=True)
class Verdict:
    """The gate's answer for one (KPI, freq, time_period).

    `candidate_hash` is None when there was no candidate, `batch_id` when no build of the KPI is recorded. The hash of a
    protected KPI's candidate is keyed, so that its values can't be found by hashing guesses.
    """

    kpi_id: str
    freq: str
    time_period: str
    period_start: date
    period_end: date
    verdict: Answer
    checks: tuple[CheckResult, ...]
    candidate_hash: str | None
    definition_hash: str
    batch_id: str | None
    judged_at: datetime
    protected: bool

    @property
    def key(self) -> Key:
        """(kpi_id, freq, time_period)."""
        return self.kpi_id, self.freq, self.time_period

    @property
    def failing(self) -> tuple[CheckResult, ...]:
        """The checks that failed or could not be evaluated."""
        return tuple(result for result in self.checks if result.outcome in ("fail", "not_evaluated"))

    @property
    def holding(self) -> tuple[CheckResult, ...]:
        """The failing checks that hold, rather than only flag."""
        return tuple(result for result in self.failing if result.holds)

    @cached_property
    def checks_json(self) -> str:
        """The check results as JSON text, equal for equal results."""
        return json.dumps([vars(result) for result in self.checks], sort_keys=True, ensure_ascii=False)


def answer(results: Sequence[CheckResult], names: Sequence[str]) -> Answer:
    """The verdict that follows from check results; `names` are the names of all checks.

    It is hold if a check is missing, unknown, repeated or not evaluated, or if a critical check fails.
    """
    if sorted(result.check for result in results) != sorted(names):
        return "hold"
    flagged = False
    for result in results:
        if result.outcome == "fail" and result.severity == "warning":
            flagged = True
        elif result.outcome not in ("pass", "not_applicable"):
            return "hold"
    return "publish_flagged" if flagged else "publish"


def reason(results: Iterable[CheckResult]) -> str:
    """The names of the checks, each with its detail, in one line."""
    return "; ".join(f"{result.check}: {result.detail}" if result.detail else result.check for result in results)


def without_figures(verdict: Verdict) -> Verdict:
    """The verdict of a protected KPI as it may leave the gate: outcomes without figures."""
    checks = tuple(replace(result, figure=None, limit=None) for result in verdict.checks)
    return replace(verdict, checks=checks)


def store(connection: duckdb.DuckDBPyConnection, verdicts: Iterable[Verdict]) -> None:
    """Write the verdicts to the warehouse's `kpi.verdicts`, each in place of the key's earlier one."""
    key = deployment_key.require(connection)
    rows = [_row(verdict) for verdict in verdicts]
    rows = [{**row, "seal": _seal(row, key)} for row in rows]
    connection.register("new_verdicts", pa.Table.from_pylist(rows, schema=SCHEMA))
    connection.execute("begin")
    try:
        connection.execute("create schema if not exists kpi")
        connection.execute("create table if not exists kpi.verdicts as from new_verdicts limit 0")
        connection.execute(
            "delete from kpi.verdicts where exists (from new_verdicts n where n.kpi_id = verdicts.kpi_id"
            " and n.freq = verdicts.freq and n.time_period = verdicts.time_period)"
        )
        connection.execute("insert into kpi.verdicts by name from new_verdicts")
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
    finally:
        connection.unregister("new_verdicts")


def stored(connection: duckdb.DuckDBPyConnection, first: date, last: date) -> dict[Key, Verdict]:
    """The newest verdict in `kpi.verdicts` on each key whose period ended in [first, last].

    Rows whose seal doesn't match their content are left out.
    """
    if not has_table(connection, "kpi", "verdicts"):
        return {}
    key = deployment_key.require(connection)
    newest: dict[Key, Verdict] = {}
    rows = connection.execute("from kpi.verdicts where period_end between ? and ?", [first, last])
    for row in rows.to_arrow_table().to_pylist():
        verdict = _read(row, key)
        if verdict is None:
            continue
        if verdict.key not in newest or newest[verdict.key].judged_at < verdict.judged_at:
            newest[verdict.key] = verdict
    return newest


_FIELDS = tuple(field.name for field in SCHEMA if field.name not in ("checks", "seal"))


def _row(verdict: Verdict) -> dict[str, Any]:
    return {**{name: getattr(verdict, name) for name in _FIELDS}, "checks": verdict.checks_json}


def _read(row: dict[str, Any], key: bytes) -> Verdict | None:
    """The verdict in a row of the table; None when its seal doesn't match or it can't be read."""
    try:
        if not hmac.compare_digest(row["seal"], _seal(row, key)):
            return None
        fields = {**{name: row[name] for name in _FIELDS}, "judged_at": row["judged_at"].astimezone(UTC)}
        return Verdict(**fields, checks=tuple(CheckResult(**result) for result in json.loads(row["checks"])))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _seal(row: dict[str, Any], key: bytes) -> str:
    judged_at = row["judged_at"].astimezone(UTC).isoformat()
    text = json.dumps([judged_at, *(str(row[name]) for name in (*_FIELDS, "checks") if name != "judged_at")])
    return hmac.new(key, b"verdict" + text.encode("ascii"), hashlib.sha256).hexdigest()
