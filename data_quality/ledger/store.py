"""The ledger: append-only Delta tables of published observations, verdicts, decisions and releases.

Observations and verdicts count only when the release row with their release_id exists: appending it is the commit.
Each release row holds the hash of its content and of the previous release row, so that the releases form a chain.
What to append is decided in `data_quality/release/`.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError

from data_quality.ledger import tables
from data_quality.ledger.former_checks import present_name
from data_quality.ledger.manifest import lines, row_hash, sealed, sealed_lines
from data_quality.ledger.schemas import DECISIONS, FIRST_FORMAT, RELEASES, SCHEMAS, TableName
from metrics.core import clock
from metrics.core.errors import NyckeltalError

# The time of each release: at most that of every later one. So a release that was made with the clock ahead gets the
# time of the next one.
_RELEASE_TIMES = """
with times as (
    select release_id, sequence, min(published_at) over later as published_at, min(realtime_start) over later
        as realtime_start
    from releases where {counts}
    window later as (order by sequence rows between current row and unbounded following)
)
"""
_CORRECTED = {
    "published_at": "times.published_at",
    "realtime_start": "times.realtime_start",
    "judged_at": "least(rows.judged_at, times.published_at)",
}
TRANSACTION = "ledger"  # the Delta application id; its transaction version is the newest release's sequence


class ConcurrentRelease(NyckeltalError):
    """Another writer committed a release after this ledger was opened; open it again and start over."""


@dataclass(frozen=True)
class Ledger:
    """The ledger as it stood when it was opened. `tables` are its Delta tables by name.

    With `until`, a release's sequence, only the releases up to that one count: the ledger as it stood after it.
    """

    root: str
    tables: dict[str, DeltaTable]
    until: int | None = None

    @staticmethod
    def open(root: str, *, make: bool = True) -> Ledger:
        """The ledger in a folder or at an object-store URL.

        With `make`, tables that don't exist yet are made, and an older ledger gets the columns that were added to the
        schemas since. Without it, nothing is written.
        Raises NyckeltalError when it can't be read or made, or when one of its tables is lost.
        """
        existing = tables.find_all(root, SCHEMAS)
        if not make and any(table is None for table in existing.values()):
            problem = (
                "there is no ledger in the place that NYCKELTAL_LEDGER names; if there was one, restore it from a"
                " backup (docs/how-to/recovery.md), else `kpi run` makes a new one"
            )
            raise NyckeltalError(problem, file=root)
        opened: dict[str, DeltaTable] = {}
        for name, schema in SCHEMAS.items():
            table = existing[name] or tables.make(tables.location(root, name), schema)
            opened[name] = tables.add_columns(table, schema) if make else table
        return Ledger(root, opened)

    @staticmethod
    def find(root: str) -> Ledger | None:
        """The ledger, opened without writing; None where there is none yet. Raises as `open` does."""
        return None if tables.find_all(root, SCHEMAS)["releases"] is None else Ledger.open(root, make=False)

    def as_of(self, day: date) -> Ledger:
        """The ledger as it stood at the end of that day. Raises NyckeltalError where it had no release by then."""
        made = [release for release in self.releases if release["realtime_start"] <= day]
        if not made:
            first = self.releases[0]["realtime_start"] if self.releases else "none yet"
            raise NyckeltalError(
                f"nothing was published by {day}", expected=f"a day from the first release on: {first}"
            )
        return replace(self, until=made[-1]["sequence"])

    @property
    def _counts(self) -> str:
        """The SQL condition on the release rows that count."""
        return "true" if self.until is None else f"sequence <= {self.until}"

    def rows(self, name: TableName) -> pa.Table:
        """Every row of a table, including those of interrupted releases.

        Raises NyckeltalError when a file of it is missing or damaged.
        """
        return tables.read(self.tables[name], SCHEMAS[name])

    @cached_property
    def releases(self) -> list[dict[str, Any]]:
        """The release rows, in sequence, without the long texts `catalog`, `manifest` and `company`."""
        schema = pa.schema([field for field in RELEASES if field.name not in ("catalog", "manifest", "company")])
        query = f"select {', '.join(schema.names)} from rows where {self._counts}"
        rows = tables.query(query, schema, rows=self.tables["releases"])
        return sorted(rows.to_pylist(), key=lambda row: row["sequence"])

    @cached_property
    def newest(self) -> dict[str, Any] | None:
        """The newest release row, None in an empty ledger."""
        if not self.releases:
            return None
        query = f"select * from rows where sequence = {self.releases[-1]['sequence']}"
        return dict(tables.query(query, RELEASES, rows=self.tables["releases"]).to_pylist()[-1])

    @property
    def state(self) -> str:
        """The version of each table, and where the ledger is a folder, its files with size and time of change.

        Equal states have equal rows, unless somebody edits a file and sets its time back.
        """
        return json.dumps({name: [table.version(), tables.files(table)] for name, table in self.tables.items()})

    @cached_property
    def observations(self) -> pa.Table:
        """The observations of committed releases, with the `sequence` of their release."""
        return self._committed("observations")

    @cached_property
    def verdicts(self) -> pa.Table:
        """The verdicts of committed releases, with the `sequence` of their release."""
        return self._committed("verdicts")

    def decisions(self) -> list[dict[str, Any]]:
        """Every decision in the order of its making, `checks` as a list. At equal times a rejection comes last."""
        decisions = ({name: row[name] for name in DECISIONS.names} for row in self._in_order())
        return [{**row, "checks": [present_name(name) for name in json.loads(row["checks"])]} for row in decisions]

    def append(
        self,
        observations: pa.Table,
        verdicts: pa.Table,
        *,
        realtime_start: date,
        published_at: datetime,
        catalog: str,
        batch_id: str | None,
        note: str | None = None,
        company: str | None = None,
    ) -> dict[str, Any]:
        """Append one release and return its row. Observations need no release_id, realtime_start or published_at,
        verdicts no release_id.

        The sequence is the Delta transaction version of the release row, so that only one of two writers commits it.
        Raises ConcurrentRelease when another writer was first; nothing of this release counts then.
        """
        release_id = uuid.uuid4().hex
        observations = _filled(
            "observations",
            observations,
            release_id=release_id,
            realtime_start=realtime_start,
            published_at=published_at,
        )
        verdicts = _filled("verdicts", verdicts, release_id=release_id)
        newest = self.newest
        rows = {"observations": observations.to_pylist(), "verdicts": verdicts.to_pylist()}
        row: dict[str, Any] = {
            "release_id": release_id,
            "sequence": newest["sequence"] + 1 if newest else 1,
            "realtime_start": realtime_start,
            "published_at": published_at,
            "n_observations": observations.num_rows,
            "n_verdicts": verdicts.num_rows,
            "previous_hash": row_hash(newest) if newest else None,
            "catalog": catalog,
            "batch_id": batch_id,
            "note": note,
            "company": company,
        }
        row = sealed(row, rows, self.unsealed_decisions())
        self._write("observations", observations)
        self._write("verdicts", verdicts)
        transaction = CommitProperties(app_transactions=[Transaction(TRANSACTION, row["sequence"])])
        self._write("releases", pa.Table.from_pylist([row], schema=RELEASES), transaction)
        return row

    def decide(
        self,
        kpi_id: str,
        decision: Literal["release", "reject", "acknowledge", "review", "propose", "vote"],
        *,
        reason: str,
        decided_by: str,
        freq: str | None = None,
        time_period: str | None = None,
        candidate_hash: str | None = None,
        checks: Sequence[str] = (),
        incident_id: str | None = None,
        new_level_from: date | None = None,
        outcome: str | None = None,
    ) -> str:
        """Append a decision and return its id. `decided_by` is recorded, not authenticated.

        A review, a proposal and a vote are on a KPI; every other decision is on the candidate of one key. A release
        decision counts for that candidate_hash only, and only while no check fails that it doesn't name in `checks`.
        Raises NyckeltalError when the reason, the name or the key is missing.
        """
        if not reason.strip() or not decided_by.strip():
            raise NyckeltalError("a decision needs a reason and a name")
        if decision not in ("review", "propose", "vote") and not (freq and time_period and candidate_hash):
            raise NyckeltalError(f"'{decision}' needs the freq, the time_period and the hash of the candidate")
        after_others = [row["decided_at"] + timedelta(microseconds=1) for row in self._in_order()]
        row = {
            "decision_id": uuid.uuid4().hex,
            "kpi_id": kpi_id,
            "freq": freq,
            "time_period": time_period,
            "candidate_hash": candidate_hash,
            "decision": decision,
            "checks": json.dumps(sorted(checks)),
            "reason": reason.strip(),
            "decided_by": decided_by.strip(),
            "decided_at": max([clock.now(), *after_others]),  # the newest decision counts
            "incident_id": incident_id,
            "new_level_from": new_level_from,
            "outcome": outcome,
        }
        self._write("decisions", pa.Table.from_pylist([row], schema=DECISIONS))
        return str(row["decision_id"])

    def unsealed_decisions(self) -> list[str]:
        """The manifest lines of the decisions that no committed release covers yet."""
        all_lines = lines("decisions", self.rows("decisions").to_pylist())
        return [line for line in all_lines if line not in self._first_release_of_line]

    def sealed_decisions(self) -> pa.Table:
        """The decisions that a release covers, with `release_id` and `sequence` of the first such release.

        `number` counts them in the order of their making, from 0.
        """
        covered = [
            {**row, "checks": json.dumps([present_name(name) for name in json.loads(row["checks"])])}
            for row in self._in_order()
            if row["sequence"] is not None
        ]
        schema = pa.schema([*DECISIONS, ("release_id", pa.string()), ("sequence", pa.int64()), ("number", pa.int64())])
        numbered = [{**row, "number": number} for number, row in enumerate(covered)]
        return pa.Table.from_pylist(numbered, schema=schema)

    @cached_property
    def _first_release_of_line(self) -> dict[str, dict[str, Any]]:
        """By manifest line of a decision, the id, sequence and time of the first release that covers it.

        A release whose clock was ahead gets the time of a later one, as in _RELEASE_TIMES.
        """
        first_release: dict[str, dict[str, Any]] = {}
        published_at = None
        lines_of = self._decision_lines()
        for release in reversed(self.releases):
            published_at = min(release["published_at"], published_at or release["published_at"])
            columns = {
                "release_id": release["release_id"],
                "sequence": release["sequence"],
                "published_at": published_at,
            }
            first_release |= dict.fromkeys(lines_of.get(release["release_id"], ()), columns)
        return first_release

    def _decision_lines(self) -> dict[str, list[str]]:
        """By release_id the manifest lines of the decisions that it covers; only of releases that cover any."""
        schema = pa.schema([RELEASES.field(name) for name in ("release_id", "manifest")])
        query = "select release_id, manifest from rows where manifest like '%\ndecisions %'"
        rows = tables.query(query, schema, rows=self.tables["releases"]).to_pylist()
        return {
            row["release_id"]: [line for line in sealed_lines(row) if line.startswith("decisions ")] for row in rows
        }

    def _in_order(self) -> list[dict[str, Any]]:
        """The decisions in the order of their making, with release_id, sequence and published_at of the first release
        that covers them (NULL where none does). `decided_at` is at most published_at.
        """
        rows = self.rows("decisions").to_pylist()
        no_release = {"release_id": None, "sequence": None, "published_at": None}
        rows = [
            {**row, **self._first_release_of_line.get(line, no_release)}
            for line, row in zip(lines("decisions", rows), rows, strict=True)
        ]
        rows.sort(key=lambda row: (row["decided_at"], row["decision"] == "reject", row["decision_id"]))
        rows.sort(key=lambda row: row["sequence"] or math.inf)
        return [{**row, "decided_at": min(row["decided_at"], row["published_at"] or row["decided_at"])} for row in rows]

    def observations_where(self, condition: str) -> pa.Table:
        """The rows of `observations` that meet an SQL condition on columns of `rows`. Delta skips files by it."""
        return self._committed("observations", condition)

    def verdicts_where(self, condition: str) -> pa.Table:
        """The rows of `verdicts` that meet an SQL condition on columns of `rows`."""
        return self._committed("verdicts", condition)

    def first_releases(self, name: TableName, columns: Sequence[str]) -> pa.Table:
        """The combinations of values in these columns of committed rows, each with the `sequence` of its first release.

        It reads no other columns, so that it takes a tenth of the time of `observations`.
        """
        schema = pa.schema([*(SCHEMAS[name].field(column) for column in columns), ("sequence", pa.int64())])
        names = ", ".join(f"rows.{column}" for column in columns)
        sql = (
            f"select {names}, min(releases.sequence) as sequence from rows"
            f" join releases on rows.release_id = releases.release_id where {self._counts} group by {names}"
        )
        return tables.query(sql, schema, rows=self.tables[name], releases=self.tables["releases"])

    def _committed(self, name: TableName, condition: str = "true") -> pa.Table:
        """The rows of a table that a release row commits, with that release's `sequence`. `condition` is SQL."""
        schema = SCHEMAS[name]
        columns = ", ".join(f"{_CORRECTED.get(field.name, f'rows.{field.name}')} as {field.name}" for field in schema)
        sql = (
            f"{_RELEASE_TIMES.format(counts=self._counts)}"
            f" select {columns}, times.sequence from rows join times using (release_id) where {condition}"
        )
        sequenced = schema.append(pa.field("sequence", pa.int64()))
        return tables.query(sql, sequenced, rows=self.tables[name], releases=self.tables["releases"])

    def _write(self, name: str, rows: pa.Table, commit: CommitProperties | None = None) -> None:
        if rows.num_rows:
            try:
                tables.append(self.tables[name], rows, commit)
            except CommitFailedError as error:
                problem = f"another writer was first: {tables.reason(error)}"
                raise ConcurrentRelease(problem, file=self.root) from None


def _filled(name: str, rows: pa.Table, **constants: Any) -> pa.Table:
    """The rows with the table's columns and types, and some columns set to a constant.

    Columns that are not of the first format may be missing; they become NULL.
    """
    present = set(rows.column_names)
    columns = []
    for field in SCHEMAS[name]:
        if field.name in constants:
            columns.append(pa.array([constants[field.name]] * rows.num_rows, field.type))
        elif field.name in present or field.name in FIRST_FORMAT[name]:
            columns.append(pc.cast(rows.column(field.name), field.type))
        else:
            columns.append(pa.nulls(rows.num_rows, field.type))
    return pa.Table.from_arrays(columns, schema=SCHEMAS[name])
