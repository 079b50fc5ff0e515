"""What Dagster's event log keeps of a run's plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSpec,
    AssetKey,
    AssetSpec,
    DagsterEventType,
    DagsterInstance,
    Definitions,
    EventRecordsFilter,
    MaterializeResult,
    define_asset_job,
    multi_asset,
)

from orchestration.run import dagster_home

BUILT, CHECK = AssetKey("built"), AssetCheckKey(AssetKey("built"), "sound")


def run_job(instance: DagsterInstance, *, with_check: bool) -> bool:
    """A run of two assets and a check, of which one asset and, if wanted, the check have something to tell."""

    @multi_asset(
        specs=[AssetSpec("built", skippable=True), AssetSpec("left_out", skippable=True)],
        check_specs=[AssetCheckSpec("sound", asset="built")],
        can_subset=True,
    )
    def assets() -> Iterator[MaterializeResult[None] | AssetCheckResult]:
        yield MaterializeResult(asset_key="built")
        if with_check:
            yield AssetCheckResult(asset_key="built", check_name="sound", passed=True)

    job = Definitions(assets=[assets], jobs=[define_asset_job("all")]).resolve_job_def("all")
    return job.execute_in_process(instance=instance, raise_on_error=False).success


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home()))
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
    with DagsterInstance.get() as instance:
        yield instance


def test_planned_assets_are_stored_in_one_batch_with_their_run(instance: DagsterInstance) -> None:
    run_job(instance, with_check=True)
    planned = EventRecordsFilter(DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    records = instance.event_log_storage.get_event_records(planned)
    assert {str(record.asset_key) for record in records} == {str(BUILT), str(AssetKey("left_out"))}
    (run,) = instance.get_runs()
    in_run = instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    assert [entry.run_id for entry in in_run] == [run.run_id] * 2
    (left_out,) = instance.get_asset_records([AssetKey("left_out")])
    assert left_out.asset_entry.last_run_id == run.run_id
    (built,) = instance.get_asset_records([BUILT])
    assert built.asset_entry.last_materialization is not None


def test_a_check_that_a_run_leaves_out_keeps_its_result(instance: DagsterInstance) -> None:
    run_job(instance, with_check=True)
    run_job(instance, with_check=False)
    (record,) = instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=5)
    assert record.status.value == "SUCCEEDED"
