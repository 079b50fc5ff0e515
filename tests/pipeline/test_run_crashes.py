"""A whole `kpi run`, killed at several moments one after the other: the next run completes what is left, and no more.

The steps of each part are stopped one by one in `test_crashes.py`; here dbt and Dagster are in between.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from conftest import Deployment, deliver_march

from data_quality.ledger.store import Ledger
from data_quality.ledger.verify import verify
from orchestration.dbt import project
from tests.command_line import kpi_command

_BY_RUN = {"release_id", "realtime_start", "published_at", "sequence", "revision_reason", "revision_type"}


def kill_run(reached: Callable[[], bool]) -> None:
    """Start `kpi run` and kill it as soon as it has come that far."""
    command = [str(Path(sys.executable).with_name("kpi")), "run"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not reached():
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "the run ended before it came that far"


def published(data: Path) -> list[str]:
    """Every vintage in the published file, without what differs between two equal runs."""
    with duckdb.connect(str(data / "published" / "published.duckdb"), read_only=True) as connection:
        rows = connection.execute("from kpi.vintages").to_arrow_table()
    compared_rows = rows.select([name for name in rows.column_names if name not in _BY_RUN])
    return sorted(map(str, compared_rows.to_pylist()))


def test_killed_in_dbt_and_at_both_sides_of_the_commit_the_next_run_completes(
    copied: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NYCKELTAL_NOW", "2024-03-12T18:00:00+00:00")
    deliver_march(copied.data / "sources")
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(copied.data, undisturbed, symlinks=True)
    with monkeypatch.context() as patch:
        patch.setenv("NYCKELTAL_DATA_DIR", str(undisturbed))
        assert kpi_command("run").returncode == 0

    ledger, before = copied.data / "ledger", published(copied.data)
    run_by_dbt = project.target_dir(copied.company) / "run"
    shutil.rmtree(run_by_dbt)  # where dbt puts each model's SQL right before it runs it

    def commits(table: str) -> int:
        return len(list((ledger / table / "_delta_log").glob("*.json")))

    observations, releases = commits("observations"), commits("releases")
    released = verify(Ledger.open(str(ledger), make=False)).releases
    moments = [
        lambda: sum(1 for _ in run_by_dbt.rglob("*.sql")) >= 6,
        lambda: commits("observations") > observations,
        lambda: commits("releases") > releases,
    ]
    for reached in moments:
        kill_run(reached)
        assert published(copied.data) == before
        assert verify(Ledger.open(str(ledger), make=False)).findings == ()

    assert kpi_command("run").returncode == 0
    assert published(copied.data) == published(undisturbed) != before
    verified = verify(Ledger.open(str(ledger), make=False))
    assert (verified.findings, verified.releases) == ((), released + 1)
    assert not list(copied.data.glob(".published*"))
