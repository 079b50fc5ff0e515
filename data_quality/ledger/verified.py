"""Verification before a decision: only of what is new since the ledger was last found sound.

What is kept of that lies in `verified.json` of the data folder: hashes, and no row. A file of the ledger whose content
was verified isn't read row by row again. Whatever isn't a plain addition to it leads to the verification of everything.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from data_quality.ledger import tables
from data_quality.ledger.manifest import file_hash, row_hash
from data_quality.ledger.schemas import SCHEMAS
from data_quality.ledger.store import TRANSACTION, Ledger
from data_quality.ledger.verify import by_release, chain_findings, content_findings, decision_findings, verify
from metrics.core import deployment
from metrics.core.errors import NyckeltalError

Hashes = dict[str, dict[str, str]]  # by table, the SHA-256 of each file by its path


def require_sound(ledger: Ledger) -> None:
    """Raises NyckeltalError when a row differs from what was released, as `verify` does."""
    hashes = None if "://" in ledger.root else _hashes(ledger)
    known = _read() if hashes else None
    is_sound = False
    if hashes is not None and known is not None:
        with suppress(NyckeltalError, *tables.FAILURES):  # `verify` names what can't be read
            is_sound = _only_sound_additions(ledger, known, hashes)
    if not is_sound:
        verify(ledger).require_sound(ledger.root)
    if hashes is not None:
        _keep(ledger, hashes)


def _hashes(ledger: Ledger) -> Hashes | None:
    """The hashes of the ledger's files; None where one can't be read."""
    try:
        return {
            name: {path: file_hash(Path(path)) for path, _, _ in tables.files(table)}
            for name, table in ledger.tables.items()
        }
    except OSError:
        return None


def _only_sound_additions(ledger: Ledger, known: dict[str, Any], hashes: Hashes) -> bool:
    """Whether the ledger has the files that were found sound, and others with sound releases after these only.

    Raises NyckeltalError or an error of `tables.FAILURES` where a new file can't be read.
    """
    verified: Hashes = known["files"]
    if any(not verified.get(name, {}).items() <= files.items() for name, files in hashes.items()):
        return False
    if any(table.metadata().configuration.get("delta.appendOnly") != "true" for table in ledger.tables.values()):
        return False
    rows = {
        name: [
            row
            for path in files.keys() - verified.get(name, {}).keys()
            for row in tables.fitted(pq.read_table(path), SCHEMAS[name]).to_pylist()
        ]
        for name, files in hashes.items()
    }
    releases = sorted(rows["releases"], key=lambda row: row["sequence"])
    known_sequence = known["sequence"]
    committed = ledger.tables["releases"].transaction_version(TRANSACTION) or 0
    if [row["sequence"] for row in ledger.releases] != list(range(1, committed + 1)):
        return False
    if [row["sequence"] for row in releases] != list(range(known_sequence + 1, committed + 1)):
        return False
    content = {name: by_release(rows[name]) for name in ("observations", "verdicts")}
    new = {row["release_id"] for row in releases}
    if any(groups.keys() - new for groups in content.values()):
        return False
    if releases:
        before = ledger.releases[known_sequence - 1]
        is_next = releases[0]["previous_hash"] == known["row_hash"]
        if not is_next or (releases[0]["published_at"] < before["published_at"] and not releases[0]["note"]):
            return False
    findings = [
        *(finding for finding in chain_findings(releases, committed) if (finding.sequence or 0) > known_sequence),
        *(
            finding
            for row in releases
            for finding in content_findings(row, {name: content[name].get(row["release_id"], []) for name in content})
        ),
        *decision_findings(ledger.rows("decisions").to_pylist(), releases, content["observations"]),
    ]
    return not findings


def _place() -> Path:
    return deployment.data_dir() / "verified.json"


def _read() -> dict[str, Any] | None:
    """What was kept; None where nothing was, or it can't be read."""
    try:
        known = json.loads(_place().read_text(encoding="utf-8"))
        is_whole = known.keys() == {"sequence", "row_hash", "files"} and isinstance(known["sequence"], int)
        return known if is_whole and all(isinstance(files, dict) for files in known["files"].values()) else None
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _keep(ledger: Ledger, hashes: Hashes) -> None:
    if ledger.newest is None:
        return
    facts = {"sequence": ledger.newest["sequence"], "row_hash": row_hash(ledger.newest), "files": hashes}
    draft = _place().with_suffix(".new")
    draft.write_text(json.dumps(facts), encoding="utf-8")
    draft.replace(_place())
