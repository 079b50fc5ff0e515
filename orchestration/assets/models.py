"""The assets of dbt's models: staging, marts and KPI candidates; one call of dbt builds them."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

from dagster import AssetExecutionContext, AssetKey, AssetsDefinition, Output, ResourceParam, multi_asset
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION
from google.protobuf.json_format import MessageToDict

from data_quality import warehouse
from metrics.core import clock
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.company import Company
from metrics.versioning.lineage import Lineage
from orchestration.assets import model_specs
from orchestration.dbt import builds, changes, project, proving
from orchestration.dbt.manifest import require_compiled
from orchestration.lock import writing
from orchestration.resources import RunResources

# Dagster skips a step when one of its inputs has no output, so a KPI that was not built would keep all others from
# being published. So its output is yielded all the same, with a metadata entry by which Dagster records no
# materialization.
NO_EVENT = {SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True}

UNION = AssetKey(["kpi", "candidates"]).to_python_identifier()


def candidates_key(kpi: CatalogKpi) -> AssetKey:
    """The asset of the dbt model with a KPI's candidates."""
    return AssetKey(["kpi", kpi.model])


def model_assets(company: Company, manifest: Path, catalog: Catalog) -> AssetsDefinition:
    """Every dbt model as an asset `<schema>/<model>`, its data tests as asset checks."""
    lineage = Lineage(manifest)
    kpi_outputs = {candidates_key(kpi).to_python_identifier() for kpi in catalog.kpis}

    @multi_asset(
        name="dbt_build",
        specs=model_specs.asset_specs(lineage.manifest, catalog),
        check_specs=model_specs.check_specs(lineage.manifest),
        can_subset=True,
    )
    def dbt_build(context: AssetExecutionContext, run: ResourceParam[RunResources]) -> Iterator[Any]:
        messages: list[dict[str, Any]] = []

        def keep(event: Any) -> None:
            if event.info.name in ("LogModelResult", "LogTestResult"):
                message = MessageToDict(event, preserving_proto_field_name=True)
                messages.append(message)
                total = message["data"].get("total") or message["data"].get("num_models")
                run.stages.report(f"{message['data']['index']} of {total} models and tests")

        with run.stages.stage("models"), writing():
            require_compiled(company)
            with warehouse.kept_open():
                builds.prepare_tables(catalog)
                builds.outdate(catalog)
                proving.before_build(catalog)
                edited = builds.edited(lineage)
                fingerprints = changes.fingerprints(lineage, clock.today(company.time_zone))
                unchanged = changes.up_to_date(lineage, catalog, fingerprints, edited)
                # Whoever chooses some assets wants these built.
                left_out = frozenset() if context.is_subset else changes.left_out(lineage)
            changed = None if context.is_subset else fingerprints.keys() - unchanged - left_out
            selection: list[str] = []
            if changed is None:
                from orchestration.assets import dbt_translator

                selection = dbt_translator.selection(context, lineage.manifest, catalog)
            unchanged |= left_out
            if changed is None or changed:
                # The gate's library takes seconds to import; Python has time for it while DuckDB works for dbt.
                Thread(target=import_module, args=["great_expectations"], daemon=True).start()
                begun = changes.begin(fingerprints, unchanged)
                # Unit tests are of the code and not of the data: the test suite runs them.
                command = ["build", "--exclude-resource-type", "unit_test", *selection]
                results = project.build(company, command, keep, only=changed)
                run.build_failures.update(builds.record(catalog, lineage, results, edited, unchanged))
                changes.record(lineage, begun, results)
                proving.after_build(catalog, lineage, results, unchanged)
                # The gate holds KPIs that failed. The view that unites the candidates is needed for the others.
                if builds.skipped(results, lineage.models["candidates"]):
                    project.build(company, ["run", "--select", "candidates"], keep)
        with run.stages.stage("report to Dagster"):
            union: list[Any] = []  # yielded last, because it depends on all KPIs, also on those that were not built
            missing = set(kpi_outputs & context.selected_output_names)
            if messages:
                from orchestration.assets import dbt_translator

                for event in dbt_translator.dagster_events(messages, context, lineage.manifest, catalog):
                    output = getattr(event, "output_name", None)
                    if output == UNION:
                        union.append(event)
                        continue
                    missing.discard(output)
                    yield event
            yield from (Output(None, output, metadata=NO_EVENT) for output in sorted(missing))
            yield from union

    return dbt_build
