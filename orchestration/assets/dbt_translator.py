"""dagster-dbt's part in a run that builds models: which models to build, and which events Dagster gets for them.

Imported only when something is built, because dagster-dbt takes seconds to import.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from dagster import AssetCheckSpec, AssetExecutionContext, AssetKey
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings
from dagster_dbt.asset_utils import get_subset_selection_for_context
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from metrics.definitions.catalog import Catalog
from orchestration.assets import model_specs


class Translator(DagsterDbtTranslator):
    """Names and groups assets by the models' schema; the assets of KPIs have the catalogue's description."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(settings=DagsterDbtTranslatorSettings(enable_asset_checks=True))
        self._descriptions = model_specs.descriptions(catalog)

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        described = self._descriptions.get(dbt_resource_props["name"]) or dbt_resource_props["description"]
        return super().get_description({**dbt_resource_props, "description": described})

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        return str(dbt_resource_props["schema"])

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> AssetKey:
        return model_specs.asset_key(dbt_resource_props)

    def get_asset_check_spec(self, *arguments: Any, **options: Any) -> AssetCheckSpec | None:
        spec = super().get_asset_check_spec(*arguments, **options)
        return spec and spec._replace(blocking=False)


def selection(context: AssetExecutionContext, manifest: Mapping[str, Any], catalog: Catalog) -> list[str]:
    """The arguments by which dbt builds the assets and checks that were chosen in Dagster."""
    arguments, indirect_selection = get_subset_selection_for_context(
        context=context,
        manifest=manifest,
        select="fqn:*",
        exclude=None,
        selector=None,
        dagster_dbt_translator=Translator(catalog),
        current_dbt_indirect_selection_env=None,
    )
    return [*arguments, *(["--indirect-selection", indirect_selection] if indirect_selection else [])]


def dagster_events(
    messages: list[dict[str, Any]], context: AssetExecutionContext, manifest: Mapping[str, Any], catalog: Catalog
) -> Iterator[Any]:
    """Dagster's events for the results of models and tests. `messages` are dbt's events."""
    translator = Translator(catalog)
    for message in messages:
        event = DbtCoreCliEventMessage(message, event_history_metadata={})
        yield from event.to_default_asset_events(manifest, translator, context=context)
