"""What the steps of a run are given."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dagster_dbt import DbtCliResource
from packaging.version import Version

from metrics.company import Company
from metrics.dbt_project import project_dir
from orchestration.stages import Stages


class RunResources:
    """What a run's steps tell its starter: stages, feed reports, verdicts, release."""

    def __init__(self, stages: Stages | None = None) -> None:
        self.stages = stages or Stages()
        self.feed_reports: list[Any] = []
        self.build_failures: dict[str, str] = {}
        self.verdicts: list[Any] = []
        self.release: Any = None


class InstalledDbt(DbtCliResource):
    """dbt of this environment. Its package says its version; the base class starts dbt to ask, which takes seconds."""

    @property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))


def dbt_resource(company: Company) -> DbtCliResource:
    """dbt of the same environment as this interpreter; dagster-dbt would take another one from PATH."""
    return InstalledDbt(
        project_dir=str(project_dir(company)),
        profiles_dir=str(project_dir(company)),
        dbt_executable=str(Path(sys.executable).with_name("dbt")),
    )
