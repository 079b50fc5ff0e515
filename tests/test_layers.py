"""Imports run one way: orchestration → data_quality → metrics; and only orchestration knows Dagster."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from metrics.company import PROJECT

MAY_IMPORT = {
    "metrics": {"metrics"},
    "data_quality": {"data_quality", "metrics"},
    "orchestration": {"orchestration", "data_quality", "metrics"},
    "sample_company": {"sample_company"},
}
MODULES = [path for package in MAY_IMPORT for path in sorted((PROJECT / package).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_imports_run_one_way(path: Path) -> None:
    package = path.relative_to(PROJECT).parts[0]
    ours = imported(path) & set(MAY_IMPORT)
    assert ours <= MAY_IMPORT[package]
    if package != "orchestration":
        assert not imported(path) & {"dagster", "dagster_dbt"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_every_module_says_what_belongs_in_it(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
