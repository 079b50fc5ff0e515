"""Mends a fault of dbt 1.12: it leaves the key `fill_nulls_with` out of `semantic_manifest.json`, without a warning.

That happens to metrics that are written below their model. MetricFlow reads that file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

_KEY = "fill_nulls_with"


def restore_fill_nulls_with(project: Path, target: Path) -> None:
    """Copy `fill_nulls_with` from the project's YAML files into the semantic manifest in the folder `target`."""
    metrics = json.loads((target / "manifest.json").read_text(encoding="utf-8"))["metrics"].values()
    files = {project / metric["original_file_path"] for metric in metrics}
    fills = {name: fill for file in sorted(files) for name, fill in _fills(file)}
    if not fills:
        return
    manifest_file = target / "semantic_manifest.json"
    manifest = json.loads(manifest_file.read_text(encoding="utf-8"))
    for metric in manifest["metrics"]:
        if metric["name"] in fills:
            metric["type_params"][_KEY] = fills[metric["name"]]
    manifest_file.write_text(json.dumps(manifest), encoding="utf-8")


def _fills(file: Path) -> Iterator[tuple[str, int]]:
    """The metrics of a file that have the key, and its value."""
    text = file.read_text(encoding="utf-8") if file.is_file() else ""  # a metric of a package has its file elsewhere
    if _KEY in text:
        content: dict[str, Any] = YAML(typ="safe").load(text)
        for part in (content, *(content.get("models") or ())):
            for metric in part.get("metrics") or ():
                if metric.get(_KEY) is not None:
                    yield metric["name"], metric[_KEY]
