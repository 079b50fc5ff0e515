"""Assembles Dagster's definitions from the other modules, and does nothing else."""

from __future__ import annotations

import os
from typing import Any

from dagster import Definitions, in_process_executor

from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration.assets.ingest import raw_assets
from orchestration.assets.models import model_assets
from orchestration.assets.publication import publication_assets
from orchestration.dbt import project
from orchestration.dbt.manifest import prepared_manifest
from orchestration.jobs import decide_job, refresh
from orchestration.resources import RunResources
from orchestration.schedules import daily


def build_defs(company: Company | None = None, **resources: Any) -> Definitions:
    """The definitions for a company; `resources` replaces or adds resources by name.

    Raises NyckeltalError for a company folder that isn't right or isn't compiled.
    """
    company = company or Company.load()
    catalog = Catalog.read(company)
    os.environ.update(project.environment(company))
    manifest = prepared_manifest(company)
    return Definitions(
        assets=[
            raw_assets(company, manifest, catalog),
            model_assets(company, manifest, catalog),
            publication_assets(company, catalog),
        ],
        jobs=[refresh, decide_job(company)],
        executor=in_process_executor,  # for assets that are started from Dagster's pages; the jobs have their own
        schedules=[daily(company)],
        resources={"run": RunResources(), **resources},
    )
