"""Dagster's specs of assets and checks for each dbt model and data test, from dbt's manifest.

The specs equal those that dagster-dbt makes with the translator in `dbt_translator.py`; a test compares both. They are
made here because importing dagster-dbt takes longer than importing the rest of Dagster, and a run that builds nothing
doesn't need it.
"""

import hashlib
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dagster import AssetCheckSpec, AssetKey, AssetSpec, TableColumn, TableSchema

from metrics.definitions.catalog import Catalog, CatalogKpi
from orchestration.markdown import plain

Node = Mapping[str, Any]

_ASSETS = ("model", "seed", "snapshot")
_UNIQUE_ID = "dagster_dbt/unique_id"


def asset_key(node: Node) -> AssetKey:
    """The asset of a model, seed, snapshot or source of dbt's manifest: `<schema>/<name>`."""
    return AssetKey([node["schema"], node["name"]])


def descriptions(catalog: Catalog) -> dict[str, str]:
    """The description of each KPI's model, by the model's name; the other models have dbt's own."""
    return {kpi.model: _described(kpi) for kpi in catalog.kpis}


def asset_specs(manifest: Node, catalog: Catalog) -> list[AssetSpec]:
    """A spec for each model, seed and snapshot of the manifest."""
    described = descriptions(catalog)
    adapter = manifest["metadata"]["adapter_type"]
    return [
        AssetSpec(
            asset_key(node),
            deps={asset_key(_node(manifest, parent)) for parent in _upstream(manifest, node)},
            description=_description(node, described.get(node["name"]) or node["description"]),
            metadata=_metadata(unique_id, node) | {"dagster/storage_kind": adapter},
            skippable=True,
            group_name=node["schema"],
            code_version=hashlib.sha1(node["raw_code"].encode("utf-8"), usedforsecurity=False).hexdigest(),
            tags=dict.fromkeys(node["tags"], ""),
            kinds={"dbt", adapter},
        )
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] in _ASSETS and not _is_ephemeral(node)
    ]


def check_specs(manifest: Node) -> list[AssetCheckSpec]:
    """A spec for each data test that belongs to one asset.

    Checks don't block: the gate holds the KPIs that depend on a failed test, and no others.
    """
    specs = []
    for unique_id, node in manifest["nodes"].items():
        tested = _tested_node(node) if node["resource_type"] == "test" else None
        if tested is None or _node(manifest, tested)["resource_type"] not in _ASSETS:
            continue
        key = asset_key(_node(manifest, tested))
        parents = {asset_key(_node(manifest, parent)) for parent in manifest["parent_map"].get(unique_id, [])}
        specs.append(
            AssetCheckSpec(
                node["name"],
                asset=key,
                description=node["meta"].get("description"),
                additional_deps=parents - {key},
                metadata={_UNIQUE_ID: unique_id},
            )
        )
    return specs


def _described(kpi: CatalogKpi) -> str:
    return plain(f"Candidates of {kpi.name}. {kpi.description}")


def _description(node: Node, text: str) -> str:
    title = text or f"dbt {node['resource_type']} {node['name']}"
    return f"{title}\n\n#### Raw SQL:\n```sql\n{textwrap.indent(node['raw_code'], '    ')}\n```"


def _metadata(unique_id: str, node: Node) -> dict[str, Any]:
    relation = ".".join(part for part in (node["database"], node["schema"], node["alias"]) if part)
    metadata = {
        _UNIQUE_ID: unique_id,
        "dagster-dbt/materialization_type": node["config"]["materialized"],
        "dagster/table_name": relation,
    }
    columns = [
        TableColumn(
            name=name,
            type=column.get("data_type") or "?",
            description=column.get("description"),
            tags=dict.fromkeys(column.get("tags", []), ""),
        )
        for name, column in node["columns"].items()
    ]
    return metadata | ({"dagster/column_schema": TableSchema(columns=columns)} if columns else {})


def _upstream(manifest: Node, node: Node) -> Iterator[str]:
    """The assets and sources that the node reads; through ephemeral models, which are no assets."""
    unread: list[str] = list(node["depends_on"]["nodes"])
    read: set[str] = set()
    while unread:
        unique_id = unread.pop()
        if unique_id in read:
            continue
        read.add(unique_id)
        parent = _node(manifest, unique_id)
        if _is_ephemeral(parent) or parent["resource_type"] in ("metric", "semantic_model"):
            unread += parent["depends_on"]["nodes"]
        elif parent["resource_type"] in (*_ASSETS, "source"):
            yield unique_id


def _tested_node(test: Node) -> str | None:
    """The node that a test belongs to: the one that its YAML is written below, or the only one that it reads."""
    parents: Iterable[str] = set(test["depends_on"]["nodes"])
    only_parent = next(iter(parents)) if len(set(parents)) == 1 else None
    return only_parent or test.get("attached_node")


def _is_ephemeral(node: Node) -> bool:
    return bool(node["resource_type"] == "model" and node["config"]["materialized"] == "ephemeral")


def _node(manifest: Node, unique_id: str) -> Node:
    for kind in ("nodes", "sources", "metrics", "semantic_models", "exposures"):
        if unique_id in manifest[kind]:
            node: Node = manifest[kind][unique_id]
            return node
    raise KeyError(unique_id)
