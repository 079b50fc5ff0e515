"""What lies upstream of a KPI, read from dbt's manifest: feeds, input entities, and the SQL that its hash covers."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

PROTECTED_DOMAIN = "people"
_COMMENTS = re.compile(r"\{#.*?#\}|--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Upstream:
    """Everything that dbt builds before some models. Names are sorted."""

    feeds: tuple[str, ...]
    entities: tuple[str, ...]
    missing_entities: tuple[str, ...]
    protected: bool
    code: str

    @property
    def supplied(self) -> bool:
        """Whether the company supplies every entity that isn't optional."""
        return not self.missing_entities


class Lineage:
    """The parents of each node of a dbt manifest."""

    def __init__(self, manifest_file: Path) -> None:
        self.manifest: dict[str, Any] = json.loads(manifest_file.read_text(encoding="utf-8"))
        self.nodes: dict[str, Any] = self.manifest["nodes"]
        self.parents: dict[str, list[str]] = self.manifest["parent_map"]
        self.macros: dict[str, Any] = self.manifest["macros"]

    @cached_property
    def models(self) -> dict[str, str]:
        """The unique id of each model, by its name."""
        return {node["name"]: key for key, node in self.nodes.items() if node["resource_type"] == "model"}

    def upstream(self, models: tuple[str, ...]) -> Upstream:
        """What those models are built from, themselves included.

        An entity is one with an input contract; it is missing when its staging is `not_supplied()`.
        """
        found = self.closure([self.models[name] for name in models])
        inputs = {key: self.nodes[key] for key in found if _is_input(self.nodes.get(key))}
        missing = [
            node["name"].removeprefix("stg_")
            for node in inputs.values()
            if "macro.nyckeltal.not_supplied" in node["depends_on"]["macros"]
            and not node["config"]["meta"].get("optional")
        ]
        return Upstream(
            feeds=tuple(sorted(key.rsplit(".", 1)[1] for key in found if key.startswith("source."))),
            entities=tuple(sorted(node["name"].removeprefix("stg_") for node in inputs.values())),
            missing_entities=tuple(sorted(missing)),
            protected=any(node["config"]["meta"]["domain"] == PROTECTED_DOMAIN for node in inputs.values()),
            code=self._code(found),
        )

    def closure(self, start: list[str]) -> set[str]:
        """Those nodes and everything upstream of them, as unique ids."""
        found: set[str] = set()
        waiting = list(start)
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting += self.parents.get(key, [])
        return found

    def _code(self, keys: set[str]) -> str:
        """The code of the models and of the project's macros that they call, without comments and spacing."""
        models = [self.nodes[key] for key in sorted(keys) if key.startswith("model.")]
        macros = {
            macro for node in models for macro in node["depends_on"]["macros"] if macro.startswith("macro.nyckeltal.")
        }
        texts = [f"{node['name']}: {normalised(node['raw_code'])}" for node in models]
        texts += [f"{name}: {normalised(self.macros[name]['macro_sql'])}" for name in sorted(macros)]
        return "\n".join(texts)


def definition_hash(sql: str, upstream: Upstream) -> str:
    """The hash of what a KPI's values depend on besides data: its own SQL and all code upstream."""
    return hashlib.sha256(f"{normalised(sql)}\n{upstream.code}".encode()).hexdigest()[:16]


def normalised(sql: str) -> str:
    """SQL without comments and with single spaces."""
    return " ".join(_COMMENTS.sub(" ", sql).split())


def _is_input(node: Any) -> bool:
    return (
        bool(node)
        and node["resource_type"] == "model"
        and node["name"].startswith("stg_")
        and node["config"]["contract"]["enforced"]
    )
