"""The asset graph, as a snapshot: a change of it is seen in review. `UPDATE_SNAPSHOTS=1 pytest` rewrites it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dagster import AssetKey

from metrics.core.deployment import PROJECT
from metrics.definitions.company import Company

SNAPSHOT = Path(__file__).parent / "asset_graph.txt"


def test_the_asset_graph_is_the_reviewed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    from orchestration.definitions import build_defs

    graph = build_defs(Company.load(PROJECT / "sample_company")).resolve_asset_graph()
    lines = []
    for key in sorted(graph.get_all_asset_keys(), key=lambda one: one.to_user_string()):
        node = graph.get(key)
        parents = ", ".join(sorted(parent.to_user_string() for parent in node.parent_keys))
        lines.append(f"{node.group_name}: {key.to_user_string()} <- {parents}")
    text = "\n".join(lines) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(text)
    assert text == SNAPSHOT.read_text()
    # Dagster asks for all of these to be chosen together, and refuses a backfill of fewer.
    one = AssetKey(["published", "net_revenue"])
    assert {key for key in graph.get(one).execution_set_entity_keys if isinstance(key, AssetKey)} == {one}
