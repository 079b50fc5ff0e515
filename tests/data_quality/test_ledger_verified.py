"""Before a decision only what is new in the ledger is verified; whatever else is found leads to all of it."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from data_quality.ledger import compact, verified
from data_quality.ledger.lock import releasing
from data_quality.ledger.schemas import SCHEMAS
from data_quality.ledger.store import Ledger
from data_quality.ledger.verify import Verification, verify
from metrics.core.errors import NyckeltalError
from tests.ledger_factory import append, observation, released, verdict


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Three releases that were found sound, and a fourth with a decision."""
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    root = str(tmp_path / "ledger")
    released(root)
    require_sound(root)
    decision_id = Ledger.open(root).decide(
        "revenue", "release", reason="a refund", decided_by="cfo", freq="M", time_period="2026-01",
        candidate_hash="cand3", checks=["plausible"],
    )  # fmt: skip
    append(
        Ledger.open(root),
        observation(obs_value=12.0, candidate_hash="cand3", revision_type="C", decision_id=decision_id),
        verdicts=[verdict(candidate_hash="cand3")],
    )
    return root


@pytest.fixture
def wholes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The ledgers that were verified as a whole."""
    verified_roots: list[str] = []

    def counted(ledger: Ledger) -> Verification:
        verified_roots.append(ledger.root)
        return verify(ledger)

    monkeypatch.setattr(verified, "verify", counted)
    yield verified_roots


def require_sound(root: str) -> None:
    with releasing():
        verified.require_sound(Ledger.open(root, make=False))


def newest_file(root: str, table: str) -> Path:
    return max(Path(root, table).glob("*.parquet"), key=lambda file: file.stat().st_mtime_ns)


def alter(file: Path, column: str, value: Any) -> None:
    """The file with another value in a column of its first row."""
    table = pq.read_table(file)
    rows = table.to_pylist()
    rows[0][column] = value
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file)


def oldest_file(root: str, table: str) -> Path:
    return min(Path(root, table).glob("*.parquet"), key=lambda file: file.stat().st_mtime_ns)


def add_to_the_first_release(root: str) -> None:
    first = Ledger.open(root).releases[0]
    facts = {name: first[name] for name in ("release_id", "realtime_start", "published_at")}
    row = pa.Table.from_pylist([observation(segment="country", member="FI", **facts)], schema=SCHEMAS["observations"])
    write_deltalake(f"{root}/observations", row, mode="append")


def unprotect(root: str) -> None:
    DeltaTable(f"{root}/verdicts").alter.set_table_properties({"delta.appendOnly": "false"})


FAULTS: dict[str, Callable[[str], None]] = {
    "an old row altered": lambda root: alter(oldest_file(root, "observations"), "obs_value", 5.0),
    "a new row altered": lambda root: alter(newest_file(root, "observations"), "obs_value", 5.0),
    "a new verdict altered": lambda root: alter(newest_file(root, "verdicts"), "verdict", "hold"),
    "a new release altered": lambda root: alter(newest_file(root, "releases"), "note", "nothing happened"),
    "a new decision altered": lambda root: alter(newest_file(root, "decisions"), "decided_by", "nobody"),
    "a new file lost": lambda root: newest_file(root, "observations").unlink(),
    "an old file lost": lambda root: oldest_file(root, "verdicts").unlink(),
    "a row added to an old release": add_to_the_first_release,
    "a table that can be changed": unprotect,
}


def test_only_what_is_new_is_verified(root: str, wholes: list[str]) -> None:
    require_sound(root)
    require_sound(root)
    append(Ledger.open(root), observation(obs_value=13.0), verdicts=[verdict()])
    require_sound(root)
    assert wholes == []
    kept = Path(root).parent / "verified.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text())["sequence"] == 5


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_not_taken_for_sound_later(root: str, wholes: list[str], fault: str) -> None:
    FAULTS[fault](root)
    for _ in range(2):
        with pytest.raises(NyckeltalError, match="differs from what was released"):
            require_sound(root)
    assert len(wholes) == 2


WRITTEN = {"observations": ("obs_value", 5.0), "verdicts": ("verdict", "hold"), "releases": ("batch_id", "other")}


@pytest.mark.parametrize("table", WRITTEN)
def test_a_release_whose_rows_are_not_those_that_it_states_is_found(
    root: str, wholes: list[str], monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    write, (column, value) = Ledger._write, WRITTEN[table]

    def write_otherwise(ledger: Ledger, name: str, rows: pa.Table, *rest: Any) -> None:
        changed = [{**row, column: value} for row in rows.to_pylist()] if name == table else rows.to_pylist()
        write(ledger, name, pa.Table.from_pylist(changed, schema=rows.schema), *rest)

    monkeypatch.setattr(Ledger, "_write", write_otherwise)
    append(Ledger.open(root), observation(obs_value=13.0), verdicts=[verdict()])
    with pytest.raises(NyckeltalError, match="differs from what was released"):
        require_sound(root)
    assert wholes == [root]


@pytest.mark.parametrize("kept", [None, "", "[]", '{"sequence": 3, "row_hash": "x", "files": {"observations": 1}}'])
def test_without_what_was_kept_all_is_verified(root: str, wholes: list[str], kept: str | None) -> None:
    path = Path(root).parent / "verified.json"
    path.unlink() if kept is None else path.write_text(kept)
    require_sound(root)
    require_sound(root)
    assert wholes == [root]


def test_what_was_kept_of_another_ledger_counts_for_nothing(root: str, wholes: list[str], tmp_path: Path) -> None:
    other = str(tmp_path / "other")
    append(Ledger.open(other), observation())
    require_sound(other)
    require_sound(root)
    assert wholes == [other, root]


def test_after_compaction_all_is_verified_once(root: str, wholes: list[str]) -> None:
    compact.compact(root)
    require_sound(root)
    require_sound(root)
    assert wholes == [root]
