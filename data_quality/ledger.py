"""The ledger: append-only Delta tables of what was published, judged and decided. What to append is decided elsewhere.

Observations and verdicts count only once the release row with their release_id is there: appending it is the commit.
Each release row holds the hash of its content and of the row before it, so that the ledger is a chain.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from metrics import clock
from metrics.errors import NyckeltalError

_TEXT, _DAY, _NUMBER, _COUNT = pa.string(), pa.date32(), pa.float64(), pa.int64()
_MOMENT = pa.timestamp("us", tz="UTC")


def _schema(*fields: tuple[str, pa.DataType], required: str) -> pa.Schema:
    return pa.schema([pa.field(name, kind, nullable=name not in required.split()) for name, kind in fields])


OBSERVATIONS = _schema(
    ("release_id", _TEXT),
    ("kpi_id", _TEXT),
    ("freq", _TEXT),
    ("time_period", _TEXT),
    ("period_start", _DAY),
    ("period_end", _DAY),
    ("segment", _TEXT),
    ("member", _TEXT),
    ("obs_value", _NUMBER),
    ("numerator", _NUMBER),
    ("denominator", _NUMBER),
    ("n_obs", _COUNT),
    ("n_persons_numerator", _COUNT),  # NULL for protected KPIs, always
    ("n_persons_denominator", _COUNT),
    ("obs_status", _TEXT),
    ("conf_status", _TEXT),
    ("definition_version", _COUNT),
    ("definition_hash", _TEXT),
    ("candidate_hash", _TEXT),
    ("realtime_start", _DAY),
    ("published_at", _MOMENT),
    ("revision_type", _TEXT),  # NULL for the first vintage and where only the status changed
    ("revision_reason", _TEXT),
    ("decision_id", _TEXT),  # the decision that let it through, where one did
    ("year_to_date", _NUMBER),
    ("rolling_12_months", _NUMBER),
    required="release_id kpi_id freq time_period period_start period_end segment member obs_status conf_status"
    " definition_version definition_hash candidate_hash realtime_start published_at",
)
VERDICTS = _schema(
    ("release_id", _TEXT),
    ("kpi_id", _TEXT),
    ("freq", _TEXT),
    ("time_period", _TEXT),
    ("verdict", _TEXT),
    ("checks", _TEXT),
    ("candidate_hash", _TEXT),
    ("definition_hash", _TEXT),
    ("batch_id", _TEXT),
    ("judged_at", _MOMENT),
    required="release_id kpi_id freq time_period verdict checks definition_hash judged_at",
)
DECISIONS = _schema(
    ("decision_id", _TEXT),
    ("kpi_id", _TEXT),
    ("freq", _TEXT),
    ("time_period", _TEXT),
    ("candidate_hash", _TEXT),
    ("decision", _TEXT),
    ("checks", _TEXT),
    ("reason", _TEXT),
    ("decided_by", _TEXT),  # recorded, not authenticated
    ("decided_at", _MOMENT),
    required="decision_id kpi_id decision checks reason decided_by decided_at",
)
RELEASES = _schema(
    ("release_id", _TEXT),
    ("sequence", _COUNT),
    ("realtime_start", _DAY),
    ("published_at", _MOMENT),
    ("n_observations", _COUNT),
    ("n_verdicts", _COUNT),
    ("content_hash", _TEXT),
    ("previous_hash", _TEXT),
    ("catalog", _TEXT),
    ("batch_id", _TEXT),
    required="release_id sequence realtime_start published_at n_observations n_verdicts content_hash catalog",
)
SCHEMAS = {"observations": OBSERVATIONS, "verdicts": VERDICTS, "decisions": DECISIONS, "releases": RELEASES}


class ConcurrentRelease(NyckeltalError):
    """Another writer committed a release since this ledger was opened; open it again and start over."""


@dataclass(frozen=True)
class Ledger:
    """The ledger as it stood when it was opened. `tables` are its Delta tables by name."""

    root: str
    tables: dict[str, DeltaTable]

    @staticmethod
    def open(root: str) -> Ledger:
        """The ledger in a folder or at an object-store URL; its tables are made where they aren't there.

        Raises NyckeltalError when it can't be read or made.
        """
        try:
            return Ledger(root, {name: _table(root, name) for name in SCHEMAS})
        except (OSError, DeltaError) as error:
            raise NyckeltalError(f"the ledger can't be opened: {error}", file=root) from None

    @cached_property
    def releases(self) -> list[dict[str, Any]]:
        """The release rows, in sequence."""
        rows = self.tables["releases"].to_pyarrow_table().to_pylist()
        return sorted(rows, key=lambda row: row["sequence"])

    @property
    def newest(self) -> dict[str, Any] | None:
        """The newest release row, None in an empty ledger."""
        return self.releases[-1] if self.releases else None

    def committed(self, name: Literal["observations", "verdicts"]) -> pa.Table:
        """The table's rows that count, with the `sequence` of their release."""
        rows = self.tables[name].to_pyarrow_table()
        sequences = pa.table(
            {
                "release_id": pa.array([row["release_id"] for row in self.releases], pa.string()),
                "sequence": pa.array([row["sequence"] for row in self.releases], pa.int64()),
            }
        )
        return rows.join(sequences, "release_id", join_type="inner").combine_chunks()

    def decisions(self) -> list[dict[str, Any]]:
        """Every decision, in the order in which they were made (a rejection last of equals); `checks` is a list."""
        rows = self.tables["decisions"].to_pyarrow_table().to_pylist()
        rows = [{**row, "checks": json.loads(row["checks"])} for row in rows]
        return sorted(rows, key=lambda row: (row["decided_at"], row["decision"] == "reject", row["decision_id"]))

    def append(
        self,
        observations: pa.Table,
        verdicts: pa.Table,
        *,
        realtime_start: date,
        published_at: datetime,
        catalog: str,
        batch_id: str | None,
    ) -> dict[str, Any]:
        """Append one release and give back its row. Its rows need no release_id, realtime_start or published_at.

        The release's sequence is the transaction version of its row, so of two writers only one commits it.
        Raises ConcurrentRelease when another writer was first; then nothing of this one counts.
        """
        release_id = uuid.uuid4().hex
        observations = _filled(
            observations, OBSERVATIONS, release_id=release_id, realtime_start=realtime_start, published_at=published_at
        )
        verdicts = _filled(verdicts, VERDICTS, release_id=release_id)
        newest = self.newest
        row = {
            "release_id": release_id,
            "sequence": newest["sequence"] + 1 if newest else 1,
            "realtime_start": realtime_start,
            "published_at": published_at,
            "n_observations": observations.num_rows,
            "n_verdicts": verdicts.num_rows,
            "content_hash": content_hash(observations, verdicts, catalog),
            "previous_hash": row_hash(newest) if newest else None,
            "catalog": catalog,
            "batch_id": batch_id,
        }
        self._write("observations", observations)
        self._write("verdicts", verdicts)
        transaction = CommitProperties(app_transactions=[Transaction("ledger", row["sequence"])])
        try:
            self._write("releases", pa.Table.from_pylist([row], schema=RELEASES), transaction)
        except CommitFailedError as error:
            raise ConcurrentRelease(f"another release was made at the same time: {error}", file=self.root) from None
        return row

    def decide(
        self,
        kpi_id: str,
        decision: Literal["release", "reject", "review"],
        *,
        reason: str,
        decided_by: str,
        freq: str | None = None,
        time_period: str | None = None,
        candidate_hash: str | None = None,
        checks: Sequence[str] = (),
    ) -> str:
        """Append a decision and give back its id. `decided_by` is recorded, not authenticated.

        A release or reject is about one key's candidate; a release counts for that candidate_hash only, and while no
        other check fails than those it names.
        Raises NyckeltalError when a reason, a name or the key is missing.
        """
        if not reason.strip() or not decided_by.strip():
            raise NyckeltalError("a decision needs a reason and a name")
        if decision != "review" and not (freq and time_period and candidate_hash):
            raise NyckeltalError(f"a {decision} needs the freq, the time_period and the hash of the candidate")
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
            "decided_at": clock.now(),
        }
        self._write("decisions", pa.Table.from_pylist([row], schema=DECISIONS))
        return str(row["decision_id"])

    def _write(self, name: str, rows: pa.Table, commit: CommitProperties | None = None) -> None:
        if rows.num_rows:
            write_deltalake(self.tables[name], rows, mode="append", commit_properties=commit)


def content_hash(observations: pa.Table, verdicts: pa.Table, catalog: str) -> str:
    """The hash of what a release holds; the order of rows and columns beyond the schema's don't matter."""
    digest = hashlib.sha256()
    for rows, schema in ((observations, OBSERVATIONS), (verdicts, VERDICTS)):
        lines = sorted(map(_canonical, rows.select(schema.names).to_pylist()))
        digest.update(f"{len(lines)}\n".encode())
        digest.update("".join(f"{line}\n" for line in lines).encode("utf-8"))
    digest.update(catalog.encode("utf-8"))
    return digest.hexdigest()


def row_hash(release: dict[str, Any]) -> str:
    """The hash of a release row, which the next one holds as its previous_hash."""
    return hashlib.sha256(_canonical({name: release[name] for name in RELEASES.names}).encode("utf-8")).hexdigest()


def _canonical(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True, ensure_ascii=False, default=_text)


def _text(value: date | datetime) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value.isoformat()


def _filled(rows: pa.Table, schema: pa.Schema, **constants: Any) -> pa.Table:
    """The rows in the schema's columns and types, some of them set to a constant."""
    columns = [
        pa.array([constants[field.name]] * rows.num_rows, field.type)
        if field.name in constants
        else pc.cast(rows.column(field.name), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _table(root: str, name: str) -> DeltaTable:
    location = f"{root.rstrip('/')}/{name}"
    if not DeltaTable.is_deltatable(location):
        if "://" not in location:
            Path(location).mkdir(parents=True, exist_ok=True)
        return DeltaTable.create(
            location, schema=SCHEMAS[name], mode="ignore", configuration={"delta.appendOnly": "true"}
        )
    return DeltaTable(location)
