"""dbt as a tool: the environment that points it at a company, and parsing in process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metrics.company import PROJECT, Company, data_dir
from metrics.errors import NyckeltalError

DBT_PROJECT = PROJECT / "dbt_project"


def target_dir(company: Company) -> Path:
    """Where dbt writes its manifest and logs for that company; one folder each, so that neither stales the other."""
    return data_dir() / "dbt" / company.path.name


def environment(company: Company) -> dict[str, str]:
    """The variables under which `dbt_project/` means this company and this deployment."""
    return {
        "NYCKELTAL_COMPANY": str(company.path),
        "NYCKELTAL_DATA_DIR": str(data_dir()),
        "DBT_PROJECT_DIR": str(DBT_PROJECT),
        "DBT_PROFILES_DIR": str(DBT_PROJECT),
        "DBT_TARGET_PATH": str(target_dir(company)),
        "DBT_LOG_PATH": str(target_dir(company) / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def parse(company: Company, *, compiled: Path | None = None, target: Path | None = None) -> Path:
    """Parses the project for that company and returns the folder with `manifest.json` and `semantic_manifest.json`.

    `compiled` stands in for the company's own compiled folder.
    Raises NyckeltalError with dbt's words when the project doesn't parse.
    """
    # dbt takes a second to import, and most commands need no parse.
    from dbt.cli.main import dbtRunner

    target = target or target_dir(company)
    variables = environment(company) | {"DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(target / "logs")}
    if compiled is not None:
        variables["NYCKELTAL_COMPILED"] = str(compiled)
    with _environ(variables):
        result = dbtRunner().invoke(["--quiet", "--log-level", "none", "parse"])
    if not result.success:
        raise NyckeltalError(f"dbt can't parse the project: {result.exception}", file=company.path)
    return target


@contextmanager
def _environ(variables: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
