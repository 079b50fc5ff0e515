"""dbt's models as assets: staging, marts and KPI candidates, built by one dbt invocation."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

from dagster import AssetExecutionContext, AssetKey, AssetsDefinition, ResourceParam
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, dbt_assets

from metrics.catalog import Catalog
from metrics.lineage import Lineage
from orchestration import builds
from orchestration.lock import writing
from orchestration.resources import RunResources

CANDIDATES = AssetKey(["kpi", "candidates"])


class _Translator(DagsterDbtTranslator):
    """Assets are named and grouped by their schema, the stage they belong to."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        return str(dbt_resource_props["schema"])

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> AssetKey:
        return AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])


def model_assets(manifest: Path, catalog: Catalog) -> AssetsDefinition:
    """Every dbt model as an asset `<schema>/<model>`, its data tests as asset checks."""
    translator = _Translator(settings=DagsterDbtTranslatorSettings(enable_asset_checks=True))

    @dbt_assets(manifest=manifest, dagster_dbt_translator=translator, name="dbt_build")
    def dbt_build(
        context: AssetExecutionContext, dbt: DbtCliResource, run: ResourceParam[RunResources]
    ) -> Iterator[Any]:
        with run.stages.stage("models"), writing():
            builds.prepare_tables(catalog)
            # dbt works in a process of its own; the gate's library, seconds to import, can come in meanwhile.
            Thread(target=import_module, args=["great_expectations"], daemon=True).start()
            invocation = dbt.cli(["build"], context=context, raise_on_error=False)
            yielded = set()
            for event in invocation.stream():
                yielded.add(getattr(event, "output_name", None))
                yield event
            results = invocation.get_artifact("run_results.json")
            run.build_failures.update(builds.record(catalog, Lineage(manifest), results))
            # What failed is held by the gate. The view over the others must be there all the same, and this
            # asset with it, or the publication of everything would be skipped.
            if CANDIDATES.to_python_identifier() not in yielded:
                yield from dbt.cli(
                    ["run", "--select", "candidates"],
                    manifest=manifest,
                    dagster_dbt_translator=translator,
                    context=context,
                ).stream()

    return dbt_build
