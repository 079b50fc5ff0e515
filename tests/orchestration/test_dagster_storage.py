"""Dagster's own files when one of them is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import DagsterInstance, job, op

from metrics.core.errors import NyckeltalError
from orchestration.dagster_storage import SHARED, damage_named, require_sound
from orchestration.run import dagster_home


@op
def nothing() -> None:
    pass


@job
def idle() -> None:
    nothing()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Dagster's folder after a run."""
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    folder = dagster_home()
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    run_once(folder)
    return folder


def run_once(folder: Path) -> None:
    with damage_named(folder), DagsterInstance.get() as instance:
        idle.execute_in_process(instance=instance)
        instance.all_instigator_state()


def damage(file: Path, fault: str) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2] if fault == "cut off" else b"no database" + content[11:])
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


@pytest.mark.parametrize(("name", "fault"), zip(SHARED, ["cut off", "overwritten", "cut off"], strict=True))
def test_a_damaged_file_of_dagster_is_reported_and_dagster_creates_a_new_one(home: Path, name: str, fault: str) -> None:
    require_sound(home)
    damage(home / name, fault)
    with pytest.raises(NyckeltalError, match=rf"{name}: Dagster's record of runs is damaged.* Move the file away"):
        require_sound(home)
    with pytest.raises(NyckeltalError, match=rf"{name}: Dagster's record of runs is damaged.* Move the file away"):
        run_once(home)
    (home / name).unlink()
    run_once(home)
    require_sound(home)


def test_other_errors_are_raised_unchanged(home: Path) -> None:
    damage(home / SHARED[0], "overwritten")
    with pytest.raises(NyckeltalError, match=r"^the clock$"), damage_named(home):
        raise NyckeltalError("the clock")


def test_a_run_leaves_no_write_ahead_log(home: Path) -> None:
    """Each is of 4 MiB, and would stay for ever."""
    assert list(home.glob("*.db")) and not list(home.glob("*.db-wal"))
