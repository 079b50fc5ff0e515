"""The companies of the project are right: the definitions pass every rule, compiled files are what is defined."""

from __future__ import annotations

from pathlib import Path

import pytest

from metrics.core.deployment import PROJECT
from tests.command_line import kpi_command

COMPANIES = ("sample_company", "tests/real_company", "tests/adventureworks", "tests/ravenstack")


@pytest.mark.parametrize(
    "company", [pytest.param(company, marks=pytest.mark.xdist_group(company)) for company in COMPANIES]
)
def test_compiled_files_are_what_is_defined(company: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_COMPANY", str(PROJECT / company))
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    compiled = kpi_command("compile", "--check")
    assert compiled.returncode == 0, compiled.stderr


@pytest.mark.xdist_group("sample_company")
def test_the_sample_company_passes_every_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_COMPANY", str(PROJECT / "sample_company"))
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    checked = kpi_command("check")
    assert checked.returncode == 0, checked.stderr
