"""Runs the job `refresh` in this process, as `kpi run` does, and returns its result."""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from metrics.core.deployment import PROJECT, data_dir
from metrics.core.errors import NyckeltalError, disk_fault, disk_faults_reported
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration.dagster_storage import damage_named
from orchestration.dbt import project
from orchestration.lock import writing
from orchestration.stages import Stages

# How Dagster begins the text of an error of this project, which is a user's mistake.
_USER_MISTAKE = re.compile(r"\A(metrics|data_quality|publishing|orchestration)(\.\w+)+: ")


@dataclass(frozen=True)
class RunResult:
    """The result of a run.

    `feeds` are its feed reports (FeedReport), `build_failures` the reasons by KPI that could not be built, `verdicts`
    its verdicts (Verdict), `release` its release (Release), `seconds` the time by stage.
    """

    catalog: Catalog
    feeds: tuple[Any, ...]
    build_failures: dict[str, str]
    verdicts: tuple[Any, ...]
    release: Any
    seconds: dict[str, float]


def run(company: Company, first: date, last: date, stages: Stages | None = None) -> RunResult:
    """Runs the job `refresh` for the periods that end from `first` to `last`; these days are extended to whole months.

    Raises NyckeltalError when another run is writing, the company isn't right, or a step fails.
    """
    stages = stages or Stages()
    started = time.perf_counter()
    with writing(), disk_faults_reported("the run can't go on", data_dir()):
        with stages.stage("start"):
            # Dagster and dagster-dbt take seconds to import, and other commands don't need them.
            from dagster import DagsterInstance

            from orchestration.assets.publication import months_of
            from orchestration.definitions import build_defs
            from orchestration.jobs import REFRESH
            from orchestration.resources import RunResources

            home = dagster_home()
            os.environ["DAGSTER_HOME"] = str(home)
            os.environ["DAGSTER_EVENT_BATCH_SIZE"] = "1000"  # without it, planned events are stored one by one
            resources = RunResources(stages)
            definitions = build_defs(company, run=resources)
            job = definitions.resolve_job_def(REFRESH)
        start, end = months_of(first, last)
        # dagster-dbt prints dbt's whole log. It goes to a file; the terminal shows the summary.
        log = project.target_dir(company) / "build.log"
        with damage_named(home):
            with DagsterInstance.get() as instance, log.open("w") as printed, redirect_stdout(printed):
                result = job.execute_in_process(
                    instance=instance,
                    tags={"dagster/asset_partition_range_start": start, "dagster/asset_partition_range_end": end},
                    run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                    raise_on_error=False,
                )
            if not result.success:
                raise _failure(result)
    stages.seconds["Dagster and the rest"] = time.perf_counter() - started - sum(stages.seconds.values())
    return RunResult(
        catalog=Catalog.read(company),
        feeds=tuple(resources.feed_reports),
        build_failures=resources.build_failures,
        verdicts=tuple(resources.verdicts),
        release=resources.release,
        seconds=dict(stages.seconds),
    )


def dagster_home() -> Path:
    """Dagster's folder in the data folder, with the project's `dagster.yaml` in it."""
    home = data_dir() / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PROJECT / "dagster.yaml", home / "dagster.yaml")
    return home


def _failure(result: Any) -> NyckeltalError:
    """An error with the innermost cause of the first step that failed.

    It has the whole text of a user's mistake, and the first line of any other error.
    """
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error is not None:
            error = event.step_failure_data.error
            while error.cause is not None:
                error = error.cause
            reason = error.message.strip()
            if not _USER_MISTAKE.match(reason) and (fault := disk_fault(reason)):
                return NyckeltalError(f"step '{event.step_key}' can't go on: {fault}", file=data_dir())
            message = _USER_MISTAKE.sub("", reason) if _USER_MISTAKE.match(reason) else reason.splitlines()[0]
            return NyckeltalError(f"step '{event.step_key}' failed: {message}")
    return NyckeltalError("the run failed")
