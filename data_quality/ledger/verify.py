"""Verifying the ledger: that its rows are those that were released, and if not, which ones aren't.

Content is compared, not files: compaction changes nothing here. Rows of interrupted releases are counted and no fault.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

import pyarrow as pa
from deltalake import DeltaTable

from data_quality.ledger import tables
from data_quality.ledger.store import (
    SCHEMAS,
    TRANSACTION,
    Ledger,
    canonical,
    content_hash,
    lines,
    row_hash,
    sealed_lines,
)
from metrics.core.errors import NyckeltalError

Fault = Literal["altered", "missing", "added", "reordered", "unreadable", "unprotected"]
Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Finding:
    """What isn't as it was released. `sequence` is the release's, `key` the row's; None where none can be named.

    The key of an observation is kpi_id/freq/time_period/segment/member, of a verdict kpi_id/freq/time_period, of a
    decision its id, of a release its sequence, of an unreadable file its path in the table.
    """

    sequence: int | None
    table: str
    key: str | None
    fault: Fault
    detail: str


@dataclass(frozen=True)
class PurgedRow:
    """A row in which a text was replaced: its table, the sequence of its release (of a decision None), its key."""

    table: str
    sequence: int | None
    key: str


@dataclass(frozen=True)
class Purge:
    """What a release says of a purge (its column `purge`): who stated it and why, and the rows.

    `previous_ledger` is the hash of the newest release of the ledger that this one was made from.
    """

    by: str
    reason: str
    previous_ledger: str
    rows: tuple[PurgedRow, ...]


@dataclass(frozen=True)
class PurgeRelease:
    """A purge, with the sequence and the time of the release that states it."""

    sequence: int
    published_at: datetime
    purge: Purge


@dataclass(frozen=True)
class Verification:
    """What was verified: rows by table, rows of no release by table, decisions that no release covers, and findings.

    `purges` says what was replaced in the ledger since its first release, and by whom: see `ledger_purge.py`.
    `newest_hash` is the hash of the newest release row. Kept elsewhere, it proves the ledger up to that release later.
    """

    releases: int
    rows: dict[str, int]
    leftovers: dict[str, int]
    unsealed_decisions: int
    newest_hash: str | None
    findings: tuple[Finding, ...]
    purges: tuple[PurgeRelease, ...] = ()

    def require_sound(self, root: str) -> None:
        """Raises NyckeltalError when there are findings."""
        if self.findings:
            problem = f"the ledger isn't as it was released ({len(self.findings)} findings); see `kpi ledger verify`"
            raise NyckeltalError(problem, file=root)


def verify(ledger: Ledger) -> Verification:
    """Hold every row against the release that covers it, and every release against the one after it."""
    findings: list[Finding] = []
    tables: dict[str, pa.Table] = {}
    for name in SCHEMAS:
        tables[name], faults = _read(name, ledger.tables[name])
        findings += faults
    releases = sorted(tables["releases"].to_pylist(), key=lambda row: (row["sequence"], row["release_id"]))
    committed = ledger.tables["releases"].transaction_version(TRANSACTION) or 0
    findings += _chain(releases, committed)

    known = {row["release_id"] for row in releases}
    content = {name: _by_release(tables[name].to_pylist()) for name in ("observations", "verdicts")}
    for row in releases:
        findings += _content(row, {name: groups.get(row["release_id"], []) for name, groups in content.items()})
    decisions = tables["decisions"].to_pylist()
    findings += _decisions(decisions, releases, content["observations"])

    sealed = {line for row in releases for line in sealed_lines(row)}
    order = list(SCHEMAS)
    return Verification(
        releases=len(releases),
        rows={name: tables[name].num_rows for name in SCHEMAS},
        leftovers={
            name: sum(len(rows) for release_id, rows in groups.items() if release_id not in known)
            for name, groups in content.items()
        },
        unsealed_decisions=sum(line not in sealed for line in lines("decisions", decisions)),
        newest_hash=row_hash(releases[-1]) if releases else None,
        purges=tuple(_purges(releases)),
        findings=tuple(sorted(findings, key=lambda one: (one.sequence or 0, order.index(one.table), one.key or ""))),
    )


def _purges(releases: Sequence[dict[str, Any]]) -> Iterator[PurgeRelease]:
    for row in releases:
        if row["purge"]:
            with suppress(ValueError, KeyError, TypeError):  # an altered row; the chain says so
                facts = json.loads(row["purge"])
                purged = tuple(PurgedRow(**one) for one in facts["rows"])
                yield PurgeRelease(row["sequence"], row["published_at"], Purge(**{**facts, "rows": purged}))


def _read(name: str, table: DeltaTable) -> tuple[pa.Table, list[Finding]]:
    """The rows that can be read, and what is wrong with the table itself."""
    findings = []
    if table.metadata().configuration.get("delta.appendOnly") != "true":
        findings.append(Finding(None, name, None, "unprotected", "delta.appendOnly is off: rows can be changed"))
    schema = SCHEMAS[name]
    try:
        return tables.read(table, schema), findings
    except NyckeltalError as error:
        whole = Finding(None, name, None, "unreadable", error.problem)
    try:
        dataset = table.to_pyarrow_dataset()
    except tables.FAILURES:
        return schema.empty_table(), [*findings, whole]
    parts = []
    for fragment in dataset.get_fragments():
        try:
            parts.append(tables.fitted(fragment.to_table(schema=dataset.schema), schema))
        except tables.FAILURES as error:
            findings.append(Finding(None, name, fragment.path, "unreadable", tables.reason(error)))
    return pa.concat_tables(parts) if parts else schema.empty_table(), findings


def _chain(releases: list[dict[str, Any]], committed: int) -> Iterator[Finding]:
    """Sequence and chain. `committed` is the newest sequence that was ever committed, as Delta's log has it."""

    def finding(sequence: int, fault: Fault, detail: str) -> Finding:
        return Finding(sequence, "releases", str(sequence), fault, detail)

    by_sequence: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in releases:
        by_sequence[row["sequence"]].append(row)
    for sequence in range(1, max([committed, *by_sequence]) + 1):
        if sequence not in by_sequence:
            yield finding(sequence, "missing", "there is no release with this sequence")
    for sequence, rows in by_sequence.items():
        if len(rows) > 1:
            yield finding(sequence, "added", f"{len(rows)} releases have this sequence")

    faulty = set()
    for row in releases:
        own = [line for line in sealed_lines(row) if line.startswith("releases ")]
        if own and own != lines("releases", [row]):
            faulty.add(row["sequence"])
            written = own[0].rsplit(" ", 1)[-1]
            if written != str(row["sequence"]):
                yield finding(row["sequence"], "reordered", f"it was written as release {written}")
            else:
                yield finding(row["sequence"], "altered", "its row isn't the one that was written")
    if releases and releases[0]["sequence"] == 1 and releases[0]["previous_hash"] is not None and 1 not in faulty:
        yield finding(1, "altered", "the first release has none before it, yet a previous_hash")
    for before, row in pairwise(releases):
        adjacent = row["sequence"] == before["sequence"] + 1
        if adjacent and row["previous_hash"] != row_hash(before) and not {before["sequence"], row["sequence"]} & faulty:
            yield finding(before["sequence"], "altered", f"its hash isn't the one that release {row['sequence']} holds")
        if adjacent and row["published_at"] < before["published_at"] and not row["note"]:
            yield finding(row["sequence"], "reordered", "it is dated before the release before it, and doesn't say why")


def _content(release: dict[str, Any], rows: Rows) -> Iterator[Finding]:
    """The observations and verdicts of one release."""
    sequence = release["sequence"]
    texts = {name: canonical(name, rows[name]) for name in rows}
    intact = (
        content_hash(texts["observations"], texts["verdicts"], release["catalog"]) == release["content_hash"]
        and len(rows["observations"]) == release["n_observations"]
        and len(rows["verdicts"]) == release["n_verdicts"]
    )
    sealed = [line for line in sealed_lines(release) if line.split(" ", 1)[0] in rows]
    present = [line for name in rows for line in lines(name, rows[name], texts[name])]
    if intact:
        if release["manifest"] and Counter(sealed) != Counter(present):
            yield Finding(sequence, "releases", str(sequence), "altered", "its manifest isn't that of its rows")
        return
    named = False
    if release["manifest"]:
        for (table, key), fault in _differences(sealed, present).items():
            named = True
            yield Finding(sequence, table, key, fault, "")
    else:
        for name in rows:
            surplus = len(rows[name]) - release[f"n_{name}"]
            if surplus:
                named = True
                detail = f"{abs(surplus)} rows; the release has no manifest that could name them"
                yield Finding(sequence, name, None, "added" if surplus > 0 else "missing", detail)
    if not named:
        detail = "its content_hash isn't that of its rows and definitions; which of them differs, nothing tells"
        yield Finding(sequence, "releases", str(sequence), "altered", detail)


def _differences(sealed: list[str], present: list[str]) -> dict[tuple[str, str], Fault]:
    """The faults by table and key."""
    lost = {_place(line) for line in Counter(sealed) - Counter(present)}
    gained = {_place(line) for line in Counter(present) - Counter(sealed)}
    faults: dict[tuple[str, str], Fault] = dict.fromkeys(lost & gained, "altered")
    return faults | dict.fromkeys(lost - gained, "missing") | dict.fromkeys(gained - lost, "added")


def _place(line: str) -> tuple[str, str]:
    table, _, key = line.split(" ", 2)
    return table, key


def _decisions(
    decisions: list[dict[str, Any]], releases: list[dict[str, Any]], observations: Rows
) -> Iterator[Finding]:
    """The decisions against the releases that cover them, and those that let a value through against that value."""
    present = lines("decisions", decisions)
    ids = Counter(row["decision_id"] for row in decisions)
    faulty = set()
    for row in releases:
        for line in sealed_lines(row):
            if line.startswith("decisions ") and line not in present:
                key = _place(line)[1]
                faulty.add(key)
                yield Finding(row["sequence"], "decisions", key, "altered" if ids[key] else "missing", "")
    for key, count in ids.items():
        if count > 1:
            yield Finding(None, "decisions", key, "added", f"{count} decisions have this id")
    by_id = {row["decision_id"]: row for row in decisions}
    for row in releases:
        for vintage in observations.get(row["release_id"], []):
            key = vintage["decision_id"]
            if key is None or key in faulty:
                continue
            decision = by_id.get(key)
            if decision is None or any(decision[name] != vintage[name] for name in ("kpi_id", "candidate_hash")):
                faulty.add(key)
                detail = f"an observation of {vintage['kpi_id']} {vintage['time_period']} was published on it"
                yield Finding(row["sequence"], "decisions", key, "altered" if decision else "missing", detail)


def _by_release(rows: list[dict[str, Any]]) -> Rows:
    groups: Rows = defaultdict(list)
    for row in rows:
        groups[row["release_id"]].append(row)
    return groups
