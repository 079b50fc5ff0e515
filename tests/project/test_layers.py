"""Imports run one way: orchestration → publishing → data_quality → metrics, and one way within each of them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from metrics.core.deployment import PROJECT

# The rooms of each package: folders, or modules at its own level. Each may import those before it; "." are all others.
ROOMS = {
    "metrics": ("core", "definitions", "versioning", "compiler", "lint", "."),
    "data_quality": ("ledger", ".", "disclosure", "gate", "release", "pages"),
    "publishing": (
        *(
            "statuses",
            "usual_changes",
            "language",
            "duckdb_file",
            "reader",
            "answers",
            "analysis",
            "lint",
            "exports",
            "site",
        ),
        *("mcp_server", "."),
    ),
    "orchestration": ("ingest", "dbt", ".", "cli"),
    "data_quality.release": ("comparison", "."),
    "metrics.compiler": (".", "sql"),
    "metrics.definitions": (
        *("calendar", "feeds", "objectives", "roles", "company", "identities", "input_entities", "kpis", "."),
    ),
    "orchestration.cli.reports": ("values", "."),
}
MAY_IMPORT = {
    "metrics": {"metrics"},
    "data_quality": {"data_quality", "metrics"},
    "publishing": {"publishing", "data_quality", "metrics"},
    "orchestration": {"orchestration", "publishing", "data_quality", "metrics"},
    "sample_company": {"sample_company"},
}
READS_FILES_ABOVE = {
    "metrics/definitions/kpis/gate_settings.py": "the names of the checks: a misspelt one is reported with its line"
}
MODULES = [path for package in MAY_IMPORT for path in sorted((PROJECT / package).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """The modules that a file imports, by their full names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room(package: str, name: str) -> str:
    """The room of the package that has a module or a name in it, by its full name."""
    below = name.removeprefix(f"{package}.").split(".")[0]
    return below if below in ROOMS[package] else "."


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_imports_run_one_way(path: Path) -> None:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    package, names = parts[0], imported(path)
    assert {name.split(".")[0] for name in names} & set(MAY_IMPORT) <= MAY_IMPORT[package]
    if package != "orchestration":
        assert not {name.split(".")[0] for name in names} & {"dagster", "dagster_dbt", "dbt"}
    for parent, rooms in ROOMS.items():
        if ".".join(parts).startswith(f"{parent}."):
            allowed = rooms[: rooms.index(room(parent, ".".join(parts))) + 1]
            within = {name for name in names if name.startswith(f"{parent}.")}
            assert {name for name in within if room(parent, name) not in allowed} == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_no_module_reads_the_files_of_a_package_that_it_may_not_import(path: Path) -> None:
    package = path.relative_to(PROJECT).parts[0]
    texts = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
    above = {"orchestration", "publishing", "data_quality"} - MAY_IMPORT[package]
    assert bool(texts & above) is (path.relative_to(PROJECT).as_posix() in READS_FILES_ABOVE)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_every_module_says_what_belongs_in_it(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
