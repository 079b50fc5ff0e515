"""The one job: everything from the source files to the published tables."""

from __future__ import annotations

from dagster import AssetSelection, define_asset_job, in_process_executor

REFRESH = "refresh"

# In process: a step of its own process would import dagster, dbt and Great Expectations again.
refresh = define_asset_job(
    REFRESH,
    selection=AssetSelection.all(),
    description="Brings in what the sources delivered, builds the models, judges the chosen months and publishes."
    " `kpi run` is this job.",
    executor_def=in_process_executor,
)
