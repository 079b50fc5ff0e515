"""The tutorial's files are right: they compile to the files that it lists. `tests/tutorial.py` does all of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from metrics import compiled_folder
from metrics.definitions.company import Company
from orchestration.dbt.planning import planned
from tests.tutorial import PAGE, blocks


def test_the_files_of_the_tutorial_compile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    company = tmp_path / "teashop"
    text = PAGE.read_text(encoding="utf-8")
    for kind, content in blocks(text):
        if kind == "bash" and "not_supplied" in content:
            subprocess.run(["bash", "-c", content], cwd=company, check=True)
        elif kind not in ("bash", ""):
            (company / kind).parent.mkdir(parents=True, exist_ok=True)
            (company / kind).write_text(content, encoding="utf-8")
    monkeypatch.setenv("NYCKELTAL_COMPANY", str(company))
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path / "data"))
    loaded = Company.load()
    files = compiled_folder.compile_company(loaded, planned(loaded))
    listed = re.search(r"^✓ (\d+) files compiled", text, re.MULTILINE)
    assert listed and int(listed[1]) == len(files)
