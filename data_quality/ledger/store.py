"""The ledger: append-only Delta tables of what was published, judged and decided. What to append is decided elsewhere.

Observations and verdicts count only once the release row with their release_id is there: appending it is the commit.
Each release row holds the hash of its content and of the row before it, so that the ledger is a chain.
Columns are only ever added, at the end and nullable: `Ledger.open` adds them to an older ledger.
"""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError

from data_quality.ledger import tables
from data_quality.ledger.former_checks import present_name
from metrics.core import clock
from metrics.core.errors import NyckeltalError

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
    ("incident_id", _TEXT),  # the incident that the decision settled, of which each key has a row
    ("new_level_from", _DAY),  # a release that says: from that day on the KPI's level is another
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
    ("manifest", _TEXT),  # a line for each row that the release covers, so that a damaged one can be named
    ("note", _TEXT),  # what a person stated with the release: that the clock had stood ahead before it, or a purge
    ("purge", _TEXT),  # what a purge replaced in the releases before it, and who stated it: see ledger_purge.py
    required="release_id sequence realtime_start published_at n_observations n_verdicts content_hash catalog",
)
# In the order in which they are made: with the releases, the ledger is there.
SCHEMAS = {"observations": OBSERVATIONS, "verdicts": VERDICTS, "decisions": DECISIONS, "releases": RELEASES}
# The columns of the first format, whose hashes must stay what they were: a column added since counts where it has a
# value.
_FIRST_COLUMNS = {"observations": 24, "verdicts": 10, "decisions": 10, "releases": 10}
_FIRST_FORMAT = {name: frozenset(schema.names[: _FIRST_COLUMNS[name]]) for name, schema in SCHEMAS.items()}
_KEYS = {
    "observations": ("kpi_id", "freq", "time_period", "segment", "member"),
    "verdicts": ("kpi_id", "freq", "time_period"),
    "decisions": ("decision_id",),
    "releases": ("sequence",),
}
# No release was made after a later one: where the clock stood ahead, its time is taken to be the next one's.
_RELEASE_TIMES = """
with times as (
    select release_id, sequence, min(published_at) over later as published_at, min(realtime_start) over later
        as realtime_start
    from releases
    window later as (order by sequence rows between current row and unbounded following)
)
"""
_CORRECTED = {
    "published_at": "times.published_at",
    "realtime_start": "times.realtime_start",
    "judged_at": "least(rows.judged_at, times.published_at)",
}
TRANSACTION = "ledger"  # the Delta application id whose transaction version is the newest sequence
Rows = Sequence[dict[str, Any]]
TableName = Literal["observations", "verdicts", "decisions", "releases"]


class ConcurrentRelease(NyckeltalError):
    """Another writer committed a release since this ledger was opened; open it again and start over."""


@dataclass(frozen=True)
class Ledger:
    """The ledger as it stood when it was opened. `tables` are its Delta tables by name."""

    root: str
    tables: dict[str, DeltaTable]

    @staticmethod
    def open(root: str, *, make: bool = True) -> Ledger:
        """The ledger in a folder or at an object-store URL.

        With `make` its tables are made where there is no ledger yet, and an older ledger gets the columns that were
        added since; without, nothing is written.
        Raises NyckeltalError when it can't be read or made, or isn't whole: a table lacks that others show there was.
        """
        found = tables.find_all(root, SCHEMAS)
        if not make and any(table is None for table in found.values()):
            problem = (
                "there is no ledger here, where NYCKELTAL_LEDGER says; if there was one, restore it from a backup"
                " (docs/recovery.md), else `kpi run` makes the first"
            )
            raise NyckeltalError(problem, file=root)
        opened: dict[str, DeltaTable] = {}
        for name, schema in SCHEMAS.items():
            table = found[name] or tables.make(tables.location(root, name), schema)
            opened[name] = tables.add_columns(table, schema) if make else table
        return Ledger(root, opened)

    @staticmethod
    def find(root: str) -> Ledger | None:
        """The ledger as `open` without `make` gives it; None where there is none yet."""
        return None if tables.find_all(root, SCHEMAS)["releases"] is None else Ledger.open(root, make=False)

    def rows(self, name: TableName) -> pa.Table:
        """Every row of a table, those of interrupted releases too.

        Raises NyckeltalError when a file of it is missing or damaged.
        """
        return tables.read(self.tables[name], SCHEMAS[name])

    @cached_property
    def releases(self) -> list[dict[str, Any]]:
        """The release rows, in sequence."""
        return sorted(self.rows("releases").to_pylist(), key=lambda row: row["sequence"])

    @property
    def newest(self) -> dict[str, Any] | None:
        """The newest release row, None in an empty ledger."""
        return self.releases[-1] if self.releases else None

    @cached_property
    def observations(self) -> pa.Table:
        """The observations that count, with the `sequence` of their release."""
        return self._committed("observations")

    @cached_property
    def verdicts(self) -> pa.Table:
        """The verdicts that count, with the `sequence` of their release."""
        return self._committed("verdicts")

    def decisions(self) -> list[dict[str, Any]]:
        """Every decision, in the order in which they were made (a rejection last of equals); `checks` is a list."""
        decided = ({name: row[name] for name in DECISIONS.names} for row in self._in_order())
        return [{**row, "checks": [present_name(name) for name in json.loads(row["checks"])]} for row in decided]

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
    ) -> dict[str, Any]:
        """Append one release and give back its row. Its rows need no release_id, realtime_start or published_at.

        The release's sequence is the transaction version of its row, so of two writers only one commits it.
        Raises ConcurrentRelease when another writer was first; then nothing of this one counts.
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
        decision: Literal["release", "reject", "acknowledge", "review"],
        *,
        reason: str,
        decided_by: str,
        freq: str | None = None,
        time_period: str | None = None,
        candidate_hash: str | None = None,
        checks: Sequence[str] = (),
        incident_id: str | None = None,
        new_level_from: date | None = None,
    ) -> str:
        """Append a decision and give back its id. `decided_by` is recorded, not authenticated.

        All but a review are about one key's candidate; a release counts for that candidate_hash only, and while no
        other check fails than those it names.
        Raises NyckeltalError when a reason, a name or the key is missing.
        """
        if not reason.strip() or not decided_by.strip():
            raise NyckeltalError("a decision needs a reason and a name")
        if decision != "review" and not (freq and time_period and candidate_hash):
            raise NyckeltalError(f"a {decision} needs the freq, the time_period and the hash of the candidate")
        made = [one["decided_at"] for one in self._in_order()]
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
            "decided_at": max(
                [clock.now(), *(one + timedelta(microseconds=1) for one in made)]
            ),  # the newest one counts
            "incident_id": incident_id,
            "new_level_from": new_level_from,
        }
        self._write("decisions", pa.Table.from_pylist([row], schema=DECISIONS))
        return str(row["decision_id"])

    def unsealed_decisions(self) -> list[str]:
        """The manifest lines of the decisions that no release covers yet."""
        return [line for line in lines("decisions", self.rows("decisions").to_pylist()) if line not in self._covering]

    def sealed_decisions(self) -> pa.Table:
        """The decisions that a release covers, with the `release_id` and `sequence` of the first one.

        `number` counts them in the order in which they were made.
        """
        covered = [
            {**row, "checks": json.dumps([present_name(name) for name in json.loads(row["checks"])])}
            for row in self._in_order()
            if row["sequence"] is not None
        ]
        schema = pa.schema([*DECISIONS, ("release_id", _TEXT), ("sequence", _COUNT), ("number", _COUNT)])
        return pa.Table.from_pylist([{**row, "number": at} for at, row in enumerate(covered)], schema=schema)

    @cached_property
    def _covering(self) -> dict[str, dict[str, Any]]:
        """By manifest line of a decision the first release that covers it, dated no later than the one after it."""
        found: dict[str, dict[str, Any]] = {}
        latest = None
        for release in reversed(self.releases):
            latest = min(release["published_at"], latest or release["published_at"])
            facts = {"release_id": release["release_id"], "sequence": release["sequence"], "published_at": latest}
            found |= {line: facts for line in sealed_lines(release) if line.startswith("decisions ")}
        return found

    def _in_order(self) -> list[dict[str, Any]]:
        """The decisions as they were made, dated no later than the release that covers them, with its facts or NULL."""
        rows = self.rows("decisions").to_pylist()
        none = {"release_id": None, "sequence": None, "published_at": None}
        rows = [
            {**row, **self._covering.get(line, none)} for line, row in zip(lines("decisions", rows), rows, strict=True)
        ]
        rows.sort(key=lambda row: (row["decided_at"], row["decision"] == "reject", row["decision_id"]))
        rows.sort(key=lambda row: row["sequence"] or math.inf)
        return [{**row, "decided_at": min(row["decided_at"], row["published_at"] or row["decided_at"])} for row in rows]

    def _committed(self, name: TableName) -> pa.Table:
        schema = SCHEMAS[name]
        columns = ", ".join(f"{_CORRECTED.get(field.name, f'rows.{field.name}')} as {field.name}" for field in schema)
        sql = f"{_RELEASE_TIMES} select {columns}, times.sequence from rows join times using (release_id)"
        sequenced = schema.append(pa.field("sequence", _COUNT))
        return tables.query(sql, sequenced, rows=self.tables[name], releases=self.tables["releases"])

    def _write(self, name: str, rows: pa.Table, commit: CommitProperties | None = None) -> None:
        if rows.num_rows:
            try:
                tables.append(self.tables[name], rows, commit)
            except CommitFailedError as error:
                problem = f"another writer was first: {tables.reason(error)}"
                raise ConcurrentRelease(problem, file=self.root) from None


def canonical(name: str, rows: Rows) -> list[str]:
    """The text of each row that its hashes cover: its columns as JSON, those beyond the schema left out."""
    first, columns = _FIRST_FORMAT[name], SCHEMAS[name].names
    found = []
    for row in rows:
        values = ((column, row.get(column)) for column in columns)
        found.append(_ENCODER.encode({column: it for column, it in values if it is not None or column in first}))
    return found


def content_hash(observations: Sequence[str], verdicts: Sequence[str], catalog: str) -> str:
    """The hash of what a release holds, from its rows' canonical texts; their order doesn't matter."""
    digest = hashlib.sha256()
    for texts in (observations, verdicts):
        digest.update(f"{len(texts)}\n".encode())
        digest.update("".join(f"{text}\n" for text in sorted(texts)).encode("utf-8"))
    digest.update(catalog.encode("utf-8"))
    return digest.hexdigest()


def sealed(release: dict[str, Any], rows: Mapping[str, Rows], decisions: Sequence[str]) -> dict[str, Any]:
    """The release row with the hash of its observations and verdicts and a manifest of them and itself.

    `decisions` are the manifest lines of the decisions that it covers.
    """
    texts = {name: canonical(name, rows[name]) for name in rows}
    row = {**release, "content_hash": content_hash(texts["observations"], texts["verdicts"], release["catalog"])}
    own = (line for name in rows for line in lines(name, rows[name], texts[name]))
    return {**row, "manifest": "\n".join([*lines("releases", [row]), *own, *decisions])}


def row_hash(release: dict[str, Any]) -> str:
    """The hash of a release row, which the next one holds as its previous_hash."""
    return _hash(canonical("releases", [release])[0])


def lines(name: str, rows: Rows, texts: Sequence[str] | None = None) -> list[str]:
    """The manifest lines of rows: table, the first eight digits of the row's hash, its key, with blanks between.

    A key joins its columns with slashes. A release row's line leaves out its manifest. `texts` are the rows' canonical
    ones, where they are known.
    """
    found = []
    for row, text in zip(rows, texts or canonical(name, [{**row, "manifest": None} for row in rows]), strict=True):
        key = _ENCODER.encode("/".join(str(row[column]) for column in _KEYS[name]))[1:-1]
        found.append(f"{name} {_hash(text)[:8]} {key}")
    return found


def sealed_lines(release: dict[str, Any]) -> list[str]:
    """The lines of a release's manifest; none for a release made before there were manifests."""
    return release["manifest"].split("\n") if release["manifest"] else []


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _text(value: date | datetime) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value.isoformat()


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=_text)


def _filled(name: str, rows: pa.Table, **constants: Any) -> pa.Table:
    """The rows in the table's columns and types, some set to a constant; columns added since may be left out."""
    given = set(rows.column_names)
    columns = []
    for field in SCHEMAS[name]:
        if field.name in constants:
            columns.append(pa.array([constants[field.name]] * rows.num_rows, field.type))
        elif field.name in given or field.name in _FIRST_FORMAT[name]:
            columns.append(pc.cast(rows.column(field.name), field.type))
        else:
            columns.append(pa.nulls(rows.num_rows, field.type))
    return pa.Table.from_arrays(columns, schema=SCHEMAS[name])
