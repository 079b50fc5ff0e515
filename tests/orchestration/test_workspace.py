"""What Dagster's own processes load: `workspace.yaml`, as `kpi dev` and the daemon load it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from metrics.core.deployment import PROJECT
from orchestration.run import dagster_home


def test_dagster_loads_every_job_schedule_and_asset_of_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("NYCKELTAL_COMPANY", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home()))
    command = [str(Path(sys.executable).with_name("dagster")), "definitions", "validate", "-w"]
    validated = subprocess.run([*command, str(PROJECT / "workspace.yaml")], cwd=PROJECT, capture_output=True, text=True)
    assert validated.returncode == 0, validated.stdout + validated.stderr
