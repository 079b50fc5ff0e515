"""Modes: what is written below the data folder is for its owner alone, and the published file for everyone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import copied_company

from metrics.core.deployment import data_dir
from orchestration.ingest.raw.connection import warehouse
from orchestration.lock import writing
from orchestration.run import dagster_home
from tests import warehouse_factory
from tests.command_line import kpi_command
from tests.open_files import open_to_others
from tests.warehouse_factory import cells, kpi


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder that isn't there yet."""
    warehouse_factory.point_at(tmp_path / "data", monkeypatch)
    return data_dir()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_warehouses_log_is_private_while_it_is_written(folder: Path) -> None:
    with warehouse() as connection:
        connection.execute("create table pay as select 54321 as amount")
        assert mode(folder / "warehouse.duckdb.wal") == 0o600
        assert open_to_others(folder) == set()
    assert mode(folder) == 0o755


def test_a_gate_and_a_release_write_private_files_and_a_public_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir()
    warehouse = warehouse_factory.make(folder, monkeypatch)
    warehouse.path.chmod(0o600)
    warehouse.add(kpi(), {"2026-01": cells(100, SE=75, NO=25)})
    warehouse.judge("2026-01-01", "2026-01-31")
    warehouse.publish("2026-01-01", "2026-01-31")
    assert open_to_others(folder) == set()
    assert mode(folder / "published") == 0o755 and mode(folder / "published" / "published.duckdb") == 0o644


def test_what_an_earlier_version_left_open_is_closed(folder: Path) -> None:
    (folder / "published").mkdir(parents=True)
    (folder / "dbt" / "target").mkdir(parents=True)
    (folder / "sources").mkdir()
    (folder / "warehouse.duckdb.wal").touch()
    with writing():
        dagster_home()
    assert mode(folder / "dbt") == mode(folder / "dagster") == 0o700
    assert mode(folder / "warehouse.duckdb.wal") == mode(folder / "run.lock") == 0o600
    assert mode(folder / "published") == mode(folder / "sources") == 0o755
    assert os.umask(0o022) == 0o022


@pytest.mark.parametrize("inside", ["inbox", "inbox/files"])
def test_the_source_folder_is_left_alone_whatever_its_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    monkeypatch.setenv("NYCKELTAL_SOURCE_DIR", str(folder / inside))
    (folder / inside).mkdir(parents=True)
    (folder / "dbt").mkdir()
    with writing():
        pass
    assert mode(folder / "inbox") == mode(folder / inside) == 0o755 and mode(folder / "dbt") == 0o700


def test_dbts_files_of_a_command_are_private(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_COMPANY", str(copied_company({"web_sessions"}, tmp_path)))
    assert kpi_command("check").returncode == 0
    assert (folder / "dbt").is_dir() and open_to_others(folder) == set() and mode(folder) == 0o755
