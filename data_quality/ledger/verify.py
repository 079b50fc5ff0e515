"""Verification of the ledger: whether its rows are as they were released, and which ones aren't.

Content is compared, not files, so that compaction makes no difference. Rows of interrupted releases are counted; they
are not a fault.
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
from data_quality.ledger.manifest import canonical, content_hash, lines, row_hash, sealed_lines
from data_quality.ledger.schemas import SCHEMAS
from data_quality.ledger.store import TRANSACTION, Ledger
from metrics.core.errors import NyckeltalError

Fault = Literal["altered", "missing", "added", "reordered", "unreadable", "unprotected"]
Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Finding:
    """A row or file that differs from what was released.

    `sequence` is that of its release and `key` names it within `table`; None where they aren't known. The key of an
    observation is kpi_id/freq/time_period/segment/member, of a verdict kpi_id/freq/time_period, of a decision its id,
    of a release its sequence, of an unreadable file its path in the table.
    """

    sequence: int | None
    table: str
    key: str | None
    fault: Fault
    detail: str


@dataclass(frozen=True)
class PurgedRow:
    """A row in which a text was replaced: its table, its release's sequence (None for a decision) and its key."""

    table: str
    sequence: int | None
    key: str


@dataclass(frozen=True)
class Purge:
    """A purge as the release that records it states it, in its column `purge`: by whom, why, and in which rows.

    `previous_ledger` is the hash of the newest release row of the ledger before the purge.
    """

    by: str
    reason: str
    previous_ledger: str
    rows: tuple[PurgedRow, ...]


@dataclass(frozen=True)
class PurgeRelease:
    """A purge, with the sequence and time of the release that records it."""

    sequence: int
    published_at: datetime
    purge: Purge


@dataclass(frozen=True)
class Verification:
    """The result of a verification.

    `rows` counts the rows by table, `leftovers` those of interrupted releases by table, `unsealed_decisions` the
    decisions that no release covers. `purges` are all purges of the ledger (`release/purge.py`). `newest_hash` is the
    hash of the newest release row: stored in another place, it can prove later that the ledger is unchanged up to it.
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
            problem = f"the ledger differs from what was released ({len(self.findings)} findings)"
            raise NyckeltalError(f"{problem}; `kpi ledger verify` lists them", file=root)


def verify(ledger: Ledger) -> Verification:
    """Compare every row with the manifest of its release, and every release row with the hash in the next one."""
    findings: list[Finding] = []
    tables: dict[str, pa.Table] = {}
    for name in SCHEMAS:
        tables[name], faults = _readable_rows(name, ledger.tables[name])
        findings += faults
    releases = sorted(tables["releases"].to_pylist(), key=lambda row: (row["sequence"], row["release_id"]))
    committed = ledger.tables["releases"].transaction_version(TRANSACTION) or 0
    findings += chain_findings(releases, committed)

    known = {row["release_id"] for row in releases}
    content = {name: by_release(tables[name].to_pylist()) for name in ("observations", "verdicts")}
    for row in releases:
        findings += content_findings(row, {name: groups.get(row["release_id"], []) for name, groups in content.items()})
    decisions = tables["decisions"].to_pylist()
    findings += decision_findings(decisions, releases, content["observations"])

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
        findings=tuple(
            sorted(findings, key=lambda finding: (finding.sequence or 0, order.index(finding.table), finding.key or ""))
        ),
    )


def _purges(releases: Sequence[dict[str, Any]]) -> Iterator[PurgeRelease]:
    for row in releases:
        if row["purge"]:
            with suppress(ValueError, KeyError, TypeError):  # an altered row; `chain_findings` reports it
                record = json.loads(row["purge"])
                purged = tuple(PurgedRow(**purged_row) for purged_row in record["rows"])
                yield PurgeRelease(row["sequence"], row["published_at"], Purge(**{**record, "rows": purged}))


def _readable_rows(name: str, table: DeltaTable) -> tuple[pa.Table, list[Finding]]:
    """All rows of a table, with findings. If it can't be read as a whole: the rows of its readable files."""
    findings = []
    if table.metadata().configuration.get("delta.appendOnly") != "true":
        findings.append(Finding(None, name, None, "unprotected", "delta.appendOnly is off: rows can be changed"))
    schema = SCHEMAS[name]
    try:
        return tables.read(table, schema), findings
    except NyckeltalError as error:
        unreadable = Finding(None, name, None, "unreadable", error.problem)
    try:
        dataset = table.to_pyarrow_dataset()
    except tables.FAILURES:
        return schema.empty_table(), [*findings, unreadable]
    parts, faults = [], []
    for fragment in dataset.get_fragments():
        try:
            parts.append(tables.fitted(fragment.to_table(schema=dataset.schema), schema))
        except tables.FAILURES as error:
            faults.append(Finding(None, name, fragment.path, "unreadable", tables.reason(error)))
    rows = pa.concat_tables(parts) if parts else schema.empty_table()
    return rows, [*findings, *(faults or [unreadable])]


def chain_findings(releases: list[dict[str, Any]], committed: int) -> Iterator[Finding]:
    """Findings on the sequence and the hash chain. `committed` is the newest sequence in Delta's log."""

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
        release_lines = [line for line in sealed_lines(row) if line.startswith("releases ")]
        if release_lines and release_lines != lines("releases", [row]):
            faulty.add(row["sequence"])
            written = release_lines[0].rsplit(" ", 1)[-1]
            if written != str(row["sequence"]):
                yield finding(row["sequence"], "reordered", f"it was written as release {written}")
            else:
                yield finding(row["sequence"], "altered", "its row differs from the one that was written")
    if releases and releases[0]["sequence"] == 1 and releases[0]["previous_hash"] is not None and 1 not in faulty:
        yield finding(1, "altered", "it is the first release, but has a previous_hash")
    for before, row in pairwise(releases):
        adjacent = row["sequence"] == before["sequence"] + 1
        if adjacent and row["previous_hash"] != row_hash(before) and not {before["sequence"], row["sequence"]} & faulty:
            detail = f"its hash differs from the previous_hash of release {row['sequence']}"
            yield finding(before["sequence"], "altered", detail)
        if adjacent and row["published_at"] < before["published_at"] and not row["note"]:
            detail = "its time is before that of the previous release, and it has no note that explains it"
            yield finding(row["sequence"], "reordered", detail)


def content_findings(release: dict[str, Any], rows: Rows) -> Iterator[Finding]:
    """Findings on the observations and verdicts of one release."""
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
            yield Finding(sequence, "releases", str(sequence), "altered", "its manifest doesn't match its rows")
        return
    is_explained = False
    if release["manifest"]:
        for (table, key), fault in _differences(sealed, present).items():
            is_explained = True
            yield Finding(sequence, table, key, fault, "")
    else:
        for name in rows:
            surplus = len(rows[name]) - release[f"n_{name}"]
            if surplus:
                is_explained = True
                detail = f"{abs(surplus)} rows; the release has no manifest that could name them"
                yield Finding(sequence, name, None, "added" if surplus > 0 else "missing", detail)
    if not is_explained:
        detail = "its content_hash doesn't match its rows and definitions; it isn't known which of them differ"
        yield Finding(sequence, "releases", str(sequence), "altered", detail)


def _differences(sealed: list[str], present: list[str]) -> dict[tuple[str, str], Fault]:
    """The faults by table and key: the sealed lines of the manifest compared with the lines of the present rows."""
    lost = {_table_and_key(line) for line in Counter(sealed) - Counter(present)}
    gained = {_table_and_key(line) for line in Counter(present) - Counter(sealed)}
    faults: dict[tuple[str, str], Fault] = dict.fromkeys(lost & gained, "altered")
    return faults | dict.fromkeys(lost - gained, "missing") | dict.fromkeys(gained - lost, "added")


def _table_and_key(line: str) -> tuple[str, str]:
    """The table and key that a manifest line names."""
    table, _, key = line.split(" ", 2)
    return table, key


def decision_findings(
    decisions: list[dict[str, Any]], releases: list[dict[str, Any]], observations: Rows
) -> Iterator[Finding]:
    """Findings on decisions: compared with the releases that cover them and the observations that they released."""
    present = lines("decisions", decisions)
    id_counts = Counter(row["decision_id"] for row in decisions)
    faulty = set()
    for row in releases:
        for line in sealed_lines(row):
            if line.startswith("decisions ") and line not in present:
                _, decision_id = _table_and_key(line)
                faulty.add(decision_id)
                fault: Fault = "altered" if id_counts[decision_id] else "missing"
                yield Finding(row["sequence"], "decisions", decision_id, fault, "")
    for decision_id, count in id_counts.items():
        if count > 1:
            yield Finding(None, "decisions", decision_id, "added", f"{count} decisions have this id")
    by_id = {row["decision_id"]: row for row in decisions}
    for row in releases:
        for vintage in observations.get(row["release_id"], []):
            decision_id = vintage["decision_id"]
            if decision_id is None or decision_id in faulty:
                continue
            decision = by_id.get(decision_id)
            if decision is None or any(decision[name] != vintage[name] for name in ("kpi_id", "candidate_hash")):
                faulty.add(decision_id)
                detail = f"an observation of {vintage['kpi_id']} {vintage['time_period']} was published on it"
                fault = "altered" if decision else "missing"
                yield Finding(row["sequence"], "decisions", decision_id, fault, detail)


def by_release(rows: list[dict[str, Any]]) -> Rows:
    groups: Rows = defaultdict(list)
    for row in rows:
        groups[row["release_id"]].append(row)
    return groups
