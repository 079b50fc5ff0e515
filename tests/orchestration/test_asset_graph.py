"""The asset graph, as a snapshot: a change of it is seen in review. `UPDATE_SNAPSHOTS=1 pytest` rewrites it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, AssetSpec, FreshnessPolicy, MetadataValue

from metrics.core.deployment import PROJECT
from metrics.core.errors import NyckeltalError
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company

SNAPSHOT = Path(__file__).parent / "asset_graph.txt"


def test_the_asset_graph_is_the_reviewed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    from orchestration.definitions import build_defs

    graph = build_defs(Company.load(PROJECT / "sample_company")).resolve_asset_graph()
    lines = []
    for key in sorted(graph.get_all_asset_keys(), key=lambda asset_key: asset_key.to_user_string()):
        node = graph.get(key)
        parents = ", ".join(sorted(parent.to_user_string() for parent in node.parent_keys))
        lines.append(f"{node.group_name}: {key.to_user_string()} <- {parents}")
    text = "\n".join(lines) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(text)
    assert text == SNAPSHOT.read_text()
    _require_those_of_dagster_dbt(Company.load(PROJECT / "sample_company"))
    # Dagster asks for all of these to be chosen together, and refuses a backfill of fewer.
    asset_key = AssetKey(["published", "net_revenue"])
    assert {key for key in graph.get(asset_key).execution_set_entity_keys if isinstance(key, AssetKey)} == {asset_key}


def _require_those_of_dagster_dbt(company: Company) -> None:
    """The specs of models and data tests are those that dagster-dbt makes, without its own `dagster_dbt/` metadata."""
    from dagster_dbt.asset_utils import build_dbt_specs

    from metrics.versioning.lineage import Lineage
    from orchestration.assets import model_specs
    from orchestration.assets.dbt_translator import Translator
    from orchestration.dbt.project import target_dir

    def without(metadata: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in metadata.items() if not key.startswith("dagster_dbt/")}

    catalog = Catalog.read(company)
    manifest = Lineage(target_dir(company) / "manifest.json").manifest
    specs, check_specs = build_dbt_specs(
        translator=Translator(catalog),
        manifest=manifest,
        select="fqn:*",
        exclude="",
        selector="",
        io_manager_key=None,
        project=None,
    )
    expected = {spec.key: spec.replace_attributes(metadata=without(spec.metadata)) for spec in specs}
    made = {
        spec.key: spec.replace_attributes(metadata=without(spec.metadata))
        for spec in model_specs.asset_specs(manifest, catalog)
    }
    assert made.keys() == expected.keys()
    for key, spec in made.items():
        described = {**vars_of(spec), "deps": {dep.asset_key for dep in spec.deps}}
        assert described == {**vars_of(expected[key]), "deps": {dep.asset_key for dep in expected[key].deps}}, key
    assert {spec.key: spec for spec in model_specs.check_specs(manifest)} == {spec.key: spec for spec in check_specs}


def vars_of(spec: AssetSpec) -> dict[str, Any]:
    names = ("description", "metadata", "skippable", "group_name", "code_version", "tags", "kinds", "owners")
    return {name: getattr(spec, name) for name in (*names, "automation_condition", "partitions_def")}


def test_a_feed_is_overdue_when_it_was_not_read_as_often_as_its_source_delivers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    from orchestration.assets.ingest import raw_assets

    company = Company.load(PROJECT / "sample_company")
    (first, second, third, *_) = company.feeds
    company.feeds[first] = company.feeds[first].model_copy(update={"cadence": "weekly"})
    company.feeds[second] = company.feeds[second].model_copy(update={"cadence": "once"})
    company.feeds[third] = company.feeds[third].model_copy(update={"ended": date(2026, 1, 1)})
    specs = {spec.key.path[-1]: spec for spec in raw_assets(company, tmp_path, Catalog.read(company)).specs}
    weekly = specs[first].freshness_policy
    assert weekly is not None and weekly == FreshnessPolicy.time_window(fail_window=timedelta(days=8))
    assert specs[second].freshness_policy is specs[third].freshness_policy is None


def test_an_asset_leads_to_the_kpis_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration.assets.publication import publication_assets

    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    company = Company.load(PROJECT / "sample_company")
    catalog = Catalog.read(company)

    def page() -> MetadataValue[Any]:
        (spec, *_) = publication_assets(company, catalog).specs
        page: MetadataValue[Any] = spec.metadata["page"]
        return page

    name = f"kpi-{catalog.kpis[0].kpi_id}.html"
    assert page() == MetadataValue.path(str(tmp_path / "published" / "site" / name))
    monkeypatch.setenv("NYCKELTAL_SITE_URL", "https://kpi.example/site/")
    assert page() == MetadataValue.url(f"https://kpi.example/site/{name}")
    monkeypatch.setenv("NYCKELTAL_SITE_URL", "javascript:alert(1)")
    with pytest.raises(NyckeltalError, match="NYCKELTAL_SITE_URL: is no web address"):
        page()
