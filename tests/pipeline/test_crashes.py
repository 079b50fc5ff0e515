"""Crashes, full and read-only disks, half-written files: nothing is lost, doubled or left half, and errors are told.

`crash_sweep.py` says what is stopped and what must hold then; here it tries some steps, `make crash` all of them.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data_quality.ledger.store import Ledger
from data_quality.ledger.verify import verify
from metrics.core import deployment, secret_key
from metrics.core.deployment import PROJECT
from metrics.core.errors import NyckeltalError, disk_fault
from orchestration.ingest.raw.connection import warehouse as ingest_warehouse
from tests import crash, warehouse_factory
from tests.warehouse_factory import Warehouse, cells, kpi

SPAN = ("2026-01-01", "2026-01-31")
WRITE = "create table t as from range(9999)"
SCENARIOS = ("ingest", "gate", "first release", "release", "compact", "rebuild", "review")


@pytest.fixture(scope="module")
def sweeps() -> Any:
    """What a few steps of each scenario led to; in one fresh process, as its imports take longer than a scenario."""
    command = [sys.executable, "-m", "tests.crash_sweep", *SCENARIOS, "--most", "2"]
    process = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=1800)
    assert process.stdout, process.stderr
    return json.loads(process.stdout)


@pytest.mark.skipif(not crash.AVAILABLE, reason="stops system calls, which needs Linux on x86-64")
@pytest.mark.xdist_group("crash sweep")
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_stopped_anywhere_nothing_is_lost_and_the_next_run_completes_it(sweeps: Any, scenario: str) -> None:
    assert sweeps[scenario]["wrong"] == []
    assert sweeps[scenario]["tried"] == {"killed": 2, "full": 1, "read-only": 1}


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One month, published."""
    with pytest.MonkeyPatch.context() as patch:
        new_warehouse = warehouse_factory.make(tmp_path_factory.mktemp("released"), patch)
        new_warehouse.add(kpi(), {"2026-01": cells(100, SE=75, NO=25)})
        new_warehouse.judge(*SPAN)
        new_warehouse.publish(*SPAN)
        yield new_warehouse


@pytest.fixture
def warehouse(released: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    return warehouse_factory.copy(released, tmp_path, monkeypatch)


def half(path: Path, part: float = 0.5) -> None:
    """Cut the file off."""
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * part))


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_half_a_published_file_is_rendered_again(warehouse: Warehouse, part: float) -> None:
    whole = warehouse.published("from kpi.vintages")
    half(deployment.published_path(), part)
    assert warehouse.publish(*SPAN).release_id is None
    assert warehouse.published("from kpi.vintages") == whole


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5])
def test_half_a_warehouse_is_told_and_holds_up_no_reader(warehouse: Warehouse, part: float) -> None:
    whole = warehouse.published("from kpi.vintages")
    half(warehouse.path, part)
    message = (
        r"warehouse\.duckdb: the warehouse can't be used: the file is (cut off|damaged); move it and its \.wal away"
    )
    with pytest.raises(NyckeltalError, match=message):
        warehouse.judge(*SPAN)
    with pytest.raises(NyckeltalError, match=message), ingest_warehouse() as connection:
        connection.execute("checkpoint")
        for (table,) in connection.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall():
            connection.execute(f"from {table}").fetchall()
    assert warehouse.published("from kpi.vintages") == whole


@pytest.mark.parametrize("table", ["observations", "releases"])
@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
def test_half_a_file_of_the_ledger_is_told_and_published_values_stand(
    warehouse: Warehouse, table: str, part: float
) -> None:
    whole = warehouse.published("from kpi.vintages")
    (file,) = (deployment.data_dir() / "ledger" / table).glob("*.parquet")
    half(file, part)
    assert verify(Ledger.open(deployment.ledger_path(), make=False)).findings
    with pytest.raises(NyckeltalError, match="ledger can't be read"):
        warehouse.publish(*SPAN)
    warehouse.unrendered = False  # what the crash left is looked at
    assert warehouse.published("from kpi.vintages") == whole


def test_what_a_killed_process_left_of_a_key_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("NYCKELTAL_PSEUDONYM_KEY", raising=False)
    (tmp_path / ".pseudonym.half").write_bytes(b"half a secret")
    assert secret_key.key() is None
    assert secret_key.make() == secret_key.key()
    assert [path.name for path in tmp_path.iterdir()] == ["pseudonym.key"]


def test_a_damaged_log_of_the_warehouse_is_told(warehouse: Warehouse) -> None:
    left = f"import duckdb, os; open = duckdb.connect({str(warehouse.path)!r}); open.execute({WRITE!r}); os._exit(1)"
    subprocess.run([sys.executable, "-c", left], check=False)
    log = Path(f"{warehouse.path}.wal")
    with log.open("r+b") as file:
        file.seek(log.stat().st_size // 2)
        file.write(b"\xff" * 64)
    with pytest.raises(NyckeltalError, match=r"the log beside it \(\.wal\) is damaged; move it and its \.wal away"):
        warehouse.judge(*SPAN)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (sqlite3.OperationalError("database or disk is full"), "No space left on device; make room, then run again"),
        (
            duckdb.IOException("IO Error: Could not write file: No space left on device"),
            "No space left on device; make",
        ),
        (sqlite3.OperationalError("disk I/O error"), "the disk is full or broken; make room, then run again"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "Read-only file system"),
        (ValueError("of the program"), None),
    ],
)
def test_a_fault_of_the_disk_is_told_in_a_line(error: Exception, fault: str | None) -> None:
    reason = disk_fault(error)
    assert reason is None if fault is None else (reason or "").startswith(fault)
