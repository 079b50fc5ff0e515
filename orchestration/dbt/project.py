"""Runs dbt in this process, to parse and to build, and gives the environment that points it at a company."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data_quality import intact
from metrics.core import clock, deployment
from metrics.core.deployment import PROJECT, data_dir
from metrics.core.errors import NyckeltalError
from metrics.core.private_files import private_files
from metrics.definitions.company import Company
from orchestration.dbt.dropped_keys import restore_fill_nulls_with
from orchestration.dbt.parse_faults import parse_fault

DBT_PROJECT = PROJECT / "dbt_project"
_SELECTED = "selected_for_this_build"
_SHARED = ("dbt_project.yml", "profiles.yml", "macros", "models")


def workspace(company: Company) -> Path:
    """The folder in which dbt works for that company. Each company has its own; they share no files."""
    return data_dir() / "dbt" / company.path.name


def target_dir(company: Company) -> Path:
    """The folder in which dbt writes that company's manifest and logs."""
    return workspace(company) / "target"


def project_dir(company: Company, compiled: Path | None = None, folder: Path | None = None) -> Path:
    """Makes a folder of links to `dbt_project/` and the company folder, so that every model path is below it.

    dbt writes the SQL that it ran to the target folder joined with the model's path. For a company with an absolute
    path, or a path that leaves the project folder, that would be the model's own file. `compiled` replaces the
    company's compiled folder; `folder` is where the links are made.
    """
    folder = folder or workspace(company) / "project"
    folder.mkdir(parents=True, exist_ok=True)
    links = {name: DBT_PROJECT / name for name in _SHARED}
    links |= {"company": company.path, "compiled": compiled or company.path / "compiled"}
    for name, linked_path in links.items():
        link = folder / name
        if not link.is_symlink() or link.readlink() != linked_path:
            link.unlink(missing_ok=True)
            link.symlink_to(linked_path, target_is_directory=linked_path.is_dir())
    return folder


def environment(company: Company) -> dict[str, str]:
    """The environment variables that point the command `dbt` at this company and this deployment."""
    project = str(project_dir(company))
    return {
        "NYCKELTAL_DATA_DIR": str(data_dir()),
        "NYCKELTAL_MEMORY_LIMIT": deployment.memory_limit(),
        "DBT_PROJECT_DIR": project,
        "DBT_PROFILES_DIR": project,
        "DBT_TARGET_PATH": str(target_dir(company)),
        "DBT_LOG_PATH": str(target_dir(company) / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


@private_files()
def parse(company: Company, *, compiled: Path | None = None) -> Path:
    """Parses the project for that company and returns the folder with `manifest.json` and `semantic_manifest.json`.

    `compiled` replaces the company's compiled folder; the parse then has its own workspace beside that folder.
    Raises NyckeltalError, at the file of the mistake where dbt names it, when the project doesn't parse.
    """
    # Imported here because dbt takes a second to import, and most commands don't parse.
    from dbt.cli.main import dbtRunner

    # Parsing doesn't open the warehouse. With the same path everywhere, dbt's file for partial parsing stays valid when
    # the data folder is moved.
    variables = environment(company) | {"NYCKELTAL_DATA_DIR": "."}
    target = target_dir(company)
    if compiled is not None:
        project = project_dir(company, compiled, compiled.parent / "project")
        target = compiled.parent / "target"
        variables |= {
            "DBT_PROJECT_DIR": str(project),
            "DBT_TARGET_PATH": str(target),
            "DBT_LOG_PATH": str(target / "logs"),
        }
    reasons: list[str] = []

    def keep(event: Any) -> None:
        if event.info.name == "SemanticValidationFailure":
            reasons.append(event.info.msg)

    with _environ(variables):
        result = dbtRunner(callbacks=[keep]).invoke(["--quiet", "--log-level", "none", "parse"])
    if not result.success:
        raise parse_fault(company, DBT_PROJECT, str(result.exception), reasons)
    restore_fill_nulls_with(Path(variables["DBT_PROJECT_DIR"]), target)
    return target


def build(
    company: Company,
    arguments: Sequence[str],
    on_event: Callable[[Any], None],
    only: Collection[str] | None = None,
) -> dict[str, Any]:
    """Runs a dbt command on the prepared manifest and returns its `run_results.json`, failed nodes included.

    `only` are the unique ids of the nodes to build, where `arguments` select none. `on_event` is called with every
    event that dbt fires. dbt prints its log. At the end its connections to the warehouse are closed.

    Raises NyckeltalError when dbt itself fails.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

    from orchestration.dbt.plugin import Plugin

    target = target_dir(company)
    # The file for dbt's partial parsing is the manifest itself. To read it is much faster than a partial parse.
    manifest = Manifest.from_msgpack((target / "partial_parse.msgpack").read_bytes())
    if only is not None:
        # By a tag, as dbt looks for each selected name among all nodes.
        for unique_id in only:
            manifest.nodes[unique_id].tags.append(_SELECTED)
        arguments = [*arguments, "--select", f"tag:{_SELECTED}", "--indirect-selection", "empty"]
    Plugin.intact_tables = None
    with building(company):
        # dbt would write the manifest again, in a second: with the tag, and without the keys that `parse` restored.
        flags = ["--log-level-file", "none", "--no-use-colors", "--no-write-json"]
        result = dbtRunner(manifest=manifest, callbacks=[on_event]).invoke([*flags, *arguments])
    DuckDBConnectionManager.close_all_connections()
    if result.exception is not None:
        raise NyckeltalError(f"dbt failed: {result.exception}", file=company.path)
    run_results_file = target / "run_results.json"
    result.result.write(str(run_results_file))
    run_results: dict[str, Any] = json.loads(run_results_file.read_text())
    if Plugin.intact_tables is not None:
        nodes = (manifest.nodes.get(result["unique_id"]) for result in run_results["results"])
        written_tables = {(node.schema, node.alias) for node in nodes if node is not None}
        intact.keep(deployment.warehouse_path(), Plugin.intact_tables - written_tables)
    return run_results


@contextmanager
def building(company: Company) -> Iterator[None]:
    """Sets the environment of a build: the variables of `dbt`, and in NYCKELTAL_TODAY the company's current date.

    The date is set for this build only, because a long-lived process, such as Dagster's, builds on several days.
    """
    with _environ(environment(company) | {"NYCKELTAL_TODAY": clock.today(company.time_zone).isoformat()}):
        yield


@contextmanager
def _environ(variables: dict[str, str]) -> Iterator[None]:
    environ_before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environ_before)
