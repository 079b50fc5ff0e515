"""dbt as a tool: the environment that points it at a company, parsing and building in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metrics.core import clock
from metrics.core.deployment import PROJECT, data_dir
from metrics.core.errors import NyckeltalError
from metrics.core.private_files import private_files
from metrics.definitions.company import Company

DBT_PROJECT = PROJECT / "dbt_project"
_SHARED = ("dbt_project.yml", "profiles.yml", "macros", "models")


def workspace(company: Company) -> Path:
    """Where dbt works for that company; one folder each, so that neither stales the other."""
    return data_dir() / "dbt" / company.path.name


def target_dir(company: Company) -> Path:
    """Where dbt writes that company's manifest and logs."""
    return workspace(company) / "target"


def project_dir(company: Company, compiled: Path | None = None, folder: Path | None = None) -> Path:
    """A folder of links that joins `dbt_project/` and a company folder, so that every model path is below it.

    dbt writes the SQL that it ran to the target folder joined with the model's path; for a company reached by an
    absolute path, or by one that measures the project, that would be the model's own file.
    `compiled` stands in for the company's compiled folder.
    """
    folder = folder or workspace(company) / "project"
    folder.mkdir(parents=True, exist_ok=True)
    links = {name: DBT_PROJECT / name for name in _SHARED}
    links |= {"company": company.path, "compiled": compiled or company.path / "compiled"}
    for name, goal in links.items():
        link = folder / name
        if not link.is_symlink() or link.readlink() != goal:
            link.unlink(missing_ok=True)
            link.symlink_to(goal, target_is_directory=goal.is_dir())
    return folder


def environment(company: Company) -> dict[str, str]:
    """The variables under which the command `dbt` means this company and this deployment."""
    project = str(project_dir(company))
    return {
        "NYCKELTAL_DATA_DIR": str(data_dir()),
        "DBT_PROJECT_DIR": project,
        "DBT_PROFILES_DIR": project,
        "DBT_TARGET_PATH": str(target_dir(company)),
        "DBT_LOG_PATH": str(target_dir(company) / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


@private_files()
def parse(company: Company, *, compiled: Path | None = None) -> Path:
    """Parses the project for that company and returns the folder with `manifest.json` and `semantic_manifest.json`.

    `compiled` stands in for the company's compiled folder; the parse then has a workspace of its own beside it.
    Raises NyckeltalError with dbt's words when the project doesn't parse.
    """
    # dbt takes a second to import, and most commands need no parse.
    from dbt.cli.main import dbtRunner

    variables = environment(company)
    target = target_dir(company)
    if compiled is not None:
        project = project_dir(company, compiled, compiled.parent / "project")
        target = compiled.parent / "target"
        variables |= {
            "DBT_PROJECT_DIR": str(project),
            "DBT_TARGET_PATH": str(target),
            "DBT_LOG_PATH": str(target / "logs"),
        }
    with _environ(variables):
        result = dbtRunner().invoke(["--quiet", "--log-level", "none", "parse"])
    if not result.success:
        raise NyckeltalError(f"dbt can't parse the project: {result.exception}", file=company.path)
    return target


def build(company: Company, arguments: Sequence[str], on_event: Callable[[Any], None]) -> dict[str, Any]:
    """Runs a dbt command on the prepared manifest and returns its `run_results.json`, failed nodes included.

    `on_event` is called with every event that dbt fires. dbt prints its log, and has let go of the warehouse at the
    end. Raises NyckeltalError when dbt itself fails.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

    target = target_dir(company)
    # What dbt keeps for its partial parsing is the manifest itself; even a partial parse takes much longer.
    manifest = Manifest.from_msgpack((target / "partial_parse.msgpack").read_bytes())
    with building(company):
        flags = ["--log-level-file", "none", "--no-use-colors"]
        result = dbtRunner(manifest=manifest, callbacks=[on_event]).invoke([*flags, *arguments])
    DuckDBConnectionManager.close_all_connections()
    if result.exception is not None:
        raise NyckeltalError(f"dbt failed: {result.exception}", file=company.path)
    run_results: dict[str, Any] = json.loads((target / "run_results.json").read_text())
    return run_results


@contextmanager
def building(company: Company) -> Iterator[None]:
    """The environment of a build: that of `dbt`, and in NYCKELTAL_TODAY the company's day.

    The day is of this build only, as a process that lives on, such as Dagster's, sees others.
    """
    with _environ(environment(company) | {"NYCKELTAL_TODAY": clock.today(company.time_zone).isoformat()}):
        yield


@contextmanager
def _environ(variables: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
