"""Fixtures that several tests share: the sample company, run once with all of its KPIs and once with a few."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
import pytest
from filelock import FileLock

from metrics import compiled_folder
from metrics.core.deployment import PROJECT
from metrics.core.private_files import private_files
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration.dbt import project
from orchestration.dbt.dropped_keys import restore_fill_nulls_with
from orchestration.dbt.planning import planned
from orchestration.run import RunResult, run
from sample_company.simulator.run import simulate
from sample_company.simulator.timeline import Span
from tests.open_files import watched

FIRST, LAST = date(2023, 11, 1), date(2024, 2, 29)
NOW = "2024-03-12T06:00:00+00:00"
NOT_SET = ("NYCKELTAL_COMPANY", "NYCKELTAL_SOURCE_DIR", "NYCKELTAL_LEDGER")
A_KPI_OF_EACH_KIND = {
    *("net_revenue", "return_rate", "csat", "ctr", "web_sessions", "conversion_rate", "cac", "energy_use"),
    *("new_customers", "lead_to_customer_rate", "revenue_growth_yoy", "incident_resolution_time_p50"),
    *("headcount", "turnover_rate", "absence_rate", "gender_pay_gap"),
}
"""And what the tests of repeated runs look at."""
MEMORY, MEMORY_NEEDED_BYTES = Path("/dev/shm"), 8 * 2**30
FOLDERS_WITH_LONG_TESTS = ("pipeline", "benchmarks")


def pytest_configure() -> None:
    """Puts the tests' files into memory where Linux has room for them: a disk takes milliseconds for each commit."""
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED_BYTES:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Several workers share the tests file by file, so that what a file's tests share is made once.

    Folders with long tests come first, and in each the largest files, so that at the end no worker is left alone with
    a long one.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    size_by_file = {path: path.stat().st_size for path in {item.path for item in items}}
    items.sort(key=lambda item: (item.path.parent.name not in FOLDERS_WITH_LONG_TESTS, -size_by_file[item.path]))


_PARSED = ("manifest.json", "semantic_manifest.json", "partial_parse.msgpack")


@pytest.fixture(scope="session", autouse=True)
def shared_parse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What dbt made of a project is copied for the next one with the same files, of whichever worker.

    For others, it starts with its file for partial parsing of a project of that company's name: dbt itself finds by
    hashes which files differ, and parses these.
    """
    parse = project.parse
    folder = _folder_of_all_workers(tmp_path_factory)

    @private_files()
    def parse_once(company: Company, *, compiled: Path | None = None) -> Path:
        linked = compiled.parent / "project" if compiled else None
        files = _content(project.project_dir(company, compiled, linked))
        shared = folder / f"parsed-{_hashed(files)}"
        partial = partial_parse(company, tmp_path_factory, without_kpis=compiled is not None)
        target = compiled.parent / "target" if compiled else project.target_dir(company)
        target.mkdir(parents=True, exist_ok=True)
        if shared.exists():
            for name in _PARSED:
                shutil.copyfile(shared / name, target / name)
            return target
        if partial.exists() and not (target / _PARSED[-1]).exists():
            shutil.copyfile(partial, target / _PARSED[-1])
        parse(company, compiled=compiled)
        draft = Path(tempfile.mkdtemp(dir=folder))
        for name in _PARSED:
            shutil.copyfile(target / name, draft / name)
        if not partial.exists():
            shutil.copyfile(draft / _PARSED[-1], draft / "partial")
            (draft / "partial").replace(partial)
        with suppress(OSError):  # the other worker was first
            draft.replace(shared)
        return target

    with patch.object(project, "parse", parse_once):
        yield


def partial_parse(company: Company, tmp_path_factory: pytest.TempPathFactory, *, without_kpis: bool) -> Path:
    """Where dbt's file for partial parsing of that company lies for all tests, once one has parsed it."""
    name = _hashed([company.name])
    return _folder_of_all_workers(tmp_path_factory) / f"{name}{' without KPIs' if without_kpis else ''}.msgpack"


def _content(project_folder: Path) -> list[str]:
    """The path and content of each file that dbt may read of a project."""
    roots = ("dbt_project.yml", "profiles.yml", "macros", "models", "compiled")
    roots += tuple(f"company/{name}" for name in ("macros", "models", "tests"))
    return [
        f"{path.relative_to(project_folder)} {path.read_bytes()!r}"
        for root in roots
        for path in sorted((project_folder / root, *(project_folder / root).rglob("*")))
        if path.is_file()
    ]


def _hashed(texts: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


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


def _folder_of_all_workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@dataclass(frozen=True)
class Deployment:
    """A data folder in which the sample company's first four months have been run.

    `build_failures` are the first run's reasons by KPI, `open_to_others` what others could read below the data folder
    during that run.
    """

    company: Company
    data: Path
    build_failures: dict[str, str]
    open_to_others: frozenset[str] = frozenset()

    def run(self, first: date = FIRST, last: date = LAST) -> RunResult:
        """Another run of the main job."""
        return run(self.company, first, last)


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The sample company on the morning of 2024-03-12: February has just closed. Shared, so no test changes it."""
    folder = _built_once("deployment", tmp_path_factory, lambda _: Company.load(PROJECT / "sample_company"))
    data = tmp_path_factory.mktemp("deployment") / "data"  # each worker's own, as no two processes may open a warehouse
    shutil.copytree(folder / "data", data, symlinks=True)
    with patch.dict(os.environ, _variables(data)):
        for name in NOT_SET:
            os.environ.pop(name, None)
        yield _read(folder, data, PROJECT / "sample_company")


@pytest.fixture(scope="session")
def small_deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The same with a KPI of each kind: what is run several times doesn't take longer when the catalogue grows.

    Its folder is that of all workers, so no test opens it: each has a copy (`copied`).
    """
    folder = _built_once("small_deployment", tmp_path_factory, partial(company_with, A_KPI_OF_EACH_KIND))
    return _read(folder, folder / "data", folder / "sample_company")


def company_with(kpi_ids: Collection[str], folder: Path) -> Company:
    """The sample company with these KPIs only, compiled, below the folder. It takes the data folder in force."""
    company = Company.load(copied_company(kpi_ids, folder))
    compiled_folder.write(company, compiled_folder.compile_company(company, planned(company), released=False))
    return company


def copied_company(kpi_ids: Collection[str], folder: Path) -> Path:
    """A copy of the sample company below the folder, with these KPIs only, and the feeds and staging that they read.

    Its compiled files are as they were.
    """
    copy = folder / "sample_company"
    shutil.copytree(PROJECT / "sample_company", copy, ignore=shutil.ignore_patterns("simulator", "__pycache__"))
    for adoption in copy.glob("kpis/*/*.yml"):
        if adoption.stem not in kpi_ids:
            adoption.unlink()
    objectives = copy / "objectives.yml"  # its initiatives name KPIs, which have to be adopted
    named = re.compile(r"^    kpi: (\w+)\n", re.MULTILINE)
    objectives.write_text(named.sub(lambda line: line[0] if line[1] in kpi_ids else "", objectives.read_text()))
    kpis = Catalog.model_validate_json((copy / "compiled" / "catalog.json").read_text(encoding="utf-8")).kpis
    _keep_feeds(copy, {feed for kpi in kpis if kpi.kpi_id in kpi_ids for feed in kpi.feeds})
    return copy


def _keep_feeds(company: Path, kept: Collection[str]) -> None:
    """Removes the other feeds, and the staging models that read one of them."""
    for path in (company / "feeds").glob("*.yml"):
        text = re.sub(
            r"^  (\w+):.*\n(?:    .*\n|\n)*",
            lambda feed: feed[0] if feed[1] in kept else "",
            path.read_text(encoding="utf-8"),
            flags=re.MULTILINE,
        )
        if re.search(r"^  \w", text, re.MULTILINE):
            path.write_text(text, encoding="utf-8")
        else:
            path.unlink()
    for path in (company / "models" / "staging").glob("*.sql"):
        if not set(re.findall(r"source\('raw', '(\w+)'\)", path.read_text(encoding="utf-8"))) <= set(kept):
            path.unlink()


def _built_once(name: str, tmp_path_factory: pytest.TempPathFactory, company_in: Callable[[Path], Company]) -> Path:
    """The folder in which the first worker that asks runs the company for four months; the others wait for it.

    It holds `data`, `first_run.json`, and what `company_in` put there.
    """
    folder = _folder_of_all_workers(tmp_path_factory) / name
    with FileLock(f"{folder}.lock"):
        if not (folder / "first_run.json").exists():
            folder.mkdir()
            with patch.dict(os.environ, _variables(folder / "data")):
                for variable in NOT_SET:
                    os.environ.pop(variable, None)
                company = company_in(folder)
                os.environ["NYCKELTAL_COMPANY"] = str(company.path)
                simulate(folder / "data" / "sources", Span(FIRST, LAST, seed=7, scale=0.5))
                with watched(folder / "data") as files_open_to_others:
                    result = run(company, FIRST, LAST)
            facts = {"build_failures": result.build_failures, "open_to_others": sorted(files_open_to_others)}
            (folder / "first_run.json").write_text(json.dumps(facts), encoding="utf-8")
    return folder


def _read(folder: Path, data: Path, company: Path) -> Deployment:
    facts = json.loads((folder / "first_run.json").read_text(encoding="utf-8"))
    return Deployment(Company.load(company), data, facts["build_failures"], frozenset(facts["open_to_others"]))


def _variables(data: Path) -> dict[str, str]:
    return {"NYCKELTAL_DATA_DIR": str(data), "NYCKELTAL_NOW": NOW}


@pytest.fixture
def copied(small_deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """The deployment with a KPI of each kind again, in a folder of its own that may be changed."""
    return copy_of(small_deployment, tmp_path / "data", monkeypatch)


def copy_of(deployment: Deployment, data: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A deployment copied to another data folder, at which the environment points."""
    shutil.copytree(deployment.data, data, symlinks=True)
    for name, value in {**_variables(data), "NYCKELTAL_COMPANY": str(deployment.company.path)}.items():
        monkeypatch.setenv(name, value)
    return replace(deployment, data=data)


def deliver_march(sources: Path) -> None:
    """Delivers sessions and tickets of the first days of March, with the rows of the first days of February."""
    web = sources / "web"
    with duckdb.connect() as connection:
        connection.execute(
            "copy (select * replace ((session_date + interval 29 day)::date as session_date)"
            f" from '{web / 'sessions_2024-02.parquet'}' where session_date <= date '2024-02-12')"
            f" to '{web / 'sessions_2024-03.parquet'}' (format parquet)"
        )
    february = (sources / "support" / "tickets_2024-02.jsonl").read_text().splitlines()
    march = [line.replace("2024-02-0", "2024-03-0").replace('"ticket_id":"', '"ticket_id":"9') for line in february]
    march_only = [line for line in march if "2024-02" not in line]
    (sources / "support" / "tickets_2024-03.jsonl").write_text("\n".join(march_only) + "\n")


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
    restore_fill_nulls_with(folder, target)
    return target / "semantic_manifest.json"
