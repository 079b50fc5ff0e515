"""Fixtures that several tests share: the sample company, run once with all of its KPIs and once with a few."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
import pytest

from metrics import compiled_folder
from metrics.core.deployment import PROJECT
from metrics.core.private_files import private_files
from metrics.definitions.company import Company
from orchestration.dbt import project
from orchestration.dbt.dropped_keys import restore_dropped_keys
from orchestration.dbt.planning import planned
from orchestration.run import RunResult, run
from sample_company.simulator.run import simulate
from sample_company.simulator.timeline import Span
from tests.open_files import watched

FIRST, LAST = date(2023, 11, 1), date(2024, 2, 29)
NOW = "2024-03-12T06:00:00+00:00"
A_KPI_OF_EACH_KIND = {
    *("net_revenue", "return_rate", "csat", "ctr", "web_sessions", "conversion_rate", "cac", "energy_use"),
    *("new_customers", "lead_to_customer_rate", "revenue_growth_yoy", "incident_resolution_time_p50"),
    *("headcount", "turnover_rate", "absence_rate", "gender_pay_gap"),
}
"""And what the tests of repeated runs look at."""


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Several workers share the tests file by file, so that what a file's tests share is made once."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session", autouse=True)
def shared_parse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Gives each new data folder dbt's file for partial parsing of the first one, of whichever worker.

    dbt itself finds by hashes which files of the project differ, and parses these.
    """
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    parse = project.parse

    @private_files()
    def parse_with_shared_file(company: Company, *, compiled: Path | None = None) -> Path:
        target = compiled.parent / "target" if compiled else project.target_dir(company)
        own = target / "partial_parse.msgpack"
        name = hashlib.sha256(company.name.encode("utf-8", "surrogatepass")).hexdigest()
        shared = folder / f"{name}{' without KPIs' if compiled else ''}.msgpack"
        if shared.exists() and not own.exists():
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(shared, own)
        parse(company, compiled=compiled)
        if not shared.exists():
            draft = shared.with_suffix(f".{os.getpid()}")
            shutil.copyfile(own, draft)
            draft.replace(shared)
        return target

    with patch.object(project, "parse", parse_with_shared_file):
        yield


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """DuckDB works in one thread: of a test's few rows, a pool of threads takes a fifth of the time, and gives none."""
    connect = duckdb.connect

    def connect_with_one(*arguments: Any, **options: Any) -> duckdb.DuckDBPyConnection:
        connection = connect(*arguments, **options)
        if "config" not in options:  # those that have one read the published file and are locked
            connection.execute("set threads = 1")
        return connection

    with patch.object(duckdb, "connect", connect_with_one):
        yield


@dataclass(frozen=True)
class Deployment:
    """A data folder in which the sample company's first four months have been run."""

    company: Company
    data: Path
    first_run: RunResult
    open_to_others: frozenset[str] = frozenset()  # what others could read below the data folder during the run

    def run(self, first: date = FIRST, last: date = LAST) -> RunResult:
        """Another run of the main job."""
        return run(self.company, first, last)


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The sample company on the morning of 2024-03-12: February has just closed. Shared, so no test changes it."""
    data = tmp_path_factory.mktemp("deployment")
    with patch.dict(os.environ, _variables(data)):
        for name in ("NYCKELTAL_COMPANY", "NYCKELTAL_SOURCE_DIR", "NYCKELTAL_LEDGER"):
            os.environ.pop(name, None)
        yield _first_run(Company.load(PROJECT / "sample_company"), data)


@pytest.fixture(scope="session")
def small_deployment(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The same with a KPI of each kind: what is run several times doesn't take longer when the catalogue grows."""
    data, folder = tmp_path_factory.mktemp("small_deployment"), tmp_path_factory.mktemp("company") / "sample_company"
    shutil.copytree(deployment.company.path, folder, ignore=shutil.ignore_patterns("simulator", "__pycache__"))
    for adoption in folder.glob("kpis/*/*.yml"):
        if adoption.stem not in A_KPI_OF_EACH_KIND:
            adoption.unlink()
    with patch.dict(os.environ, {**_variables(data), "NYCKELTAL_COMPANY": str(folder)}):
        company = Company.load(folder)
        compiled_folder.write(company, compiled_folder.compile_company(company, planned(company), released=False))
        return _first_run(company, data)


def _variables(data: Path) -> dict[str, str]:
    return {"NYCKELTAL_DATA_DIR": str(data), "NYCKELTAL_NOW": NOW}


def _first_run(company: Company, data: Path) -> Deployment:
    simulate(data / "sources", Span(FIRST, LAST, seed=7, scale=0.5))
    with watched(data) as files_open_to_others:
        result = run(company, FIRST, LAST)
    return Deployment(company, data, result, frozenset(files_open_to_others))


@pytest.fixture
def copied(small_deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """The deployment with a KPI of each kind again, in a folder of its own that may be changed."""
    return copy_of(small_deployment, tmp_path / "data", monkeypatch)


def copy_of(deployment: Deployment, data: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A deployment copied to another data folder, at which the environment points."""
    shutil.copytree(deployment.data, data, symlinks=True)
    for name, value in {**_variables(data), "NYCKELTAL_COMPANY": str(deployment.company.path)}.items():
        monkeypatch.setenv(name, value)
    return Deployment(deployment.company, data, deployment.first_run)


@pytest.fixture(scope="session")
def engine_manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The semantic manifest of the engine's small project."""
    return _semantic_manifest("engine_project", tmp_path_factory)


@pytest.fixture(scope="session")
def kinds_manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The semantic manifest of the project with a metric of each kind."""
    return _semantic_manifest("engine_kinds", tmp_path_factory)


def _semantic_manifest(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from dbt.cli.main import dbtRunner

    folder, target = PROJECT / "tests" / name, tmp_path_factory.mktemp(name)
    folders = ["--project-dir", str(folder), "--profiles-dir", str(folder), "--target-path", str(target)]
    result = dbtRunner().invoke(["--quiet", "--log-path", str(target), "parse", *folders])
    assert result.success, result.exception
    restore_dropped_keys(folder, target)
    return target / "semantic_manifest.json"
