"""What lies upstream of a KPI, read from dbt's manifest: feeds, input entities, and the SQL that its hash covers.

A definition's hash covers what its values depend on besides data: the SQL compiled for it, and of each model upstream
what the columns need that are read in the end. A model that can't be taken apart for certain counts as a whole, and so
does all that is upstream of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from metrics.versioning.pruning import NotPruned, Schema, Select
from metrics.versioning.rendering import MODELS, RAW, NotRendered, rendered, unrendered

PROTECTED_DOMAIN = "people"
_BUILT = ("model", "seed", "snapshot")
_REF = re.compile(r"ref\('(\w+)'\)")
Read = frozenset[str] | None  # the columns that are read of a model; None where it counts as a whole
Reads = Mapping[tuple[str, str], Read]  # by database schema (MODELS or RAW) and name


@dataclass(frozen=True)
class Upstream:
    """Everything that dbt builds before some models. Names are sorted.

    `event_feeds` are the feeds that aren't only looked up in: they are upstream also without what lies behind a
    dimension (a model named dim_...).
    """

    feeds: tuple[str, ...]
    event_feeds: tuple[str, ...]
    entities: tuple[str, ...]
    missing_entities: tuple[str, ...]
    protected: bool

    @property
    def supplied(self) -> bool:
        """Whether the company supplies every entity that isn't optional."""
        return not self.missing_entities


class Lineage:
    """The parents of each node of a dbt manifest, and what a definition depends on of their code.

    `raw_columns` are the columns of each feed's raw table, as far as they are declared. `whole` has the models that
    were found to count as a whole so far, each with the statement that is the reason.
    """

    def __init__(self, manifest_file: Path, raw_columns: Mapping[str, Iterable[str]] | None = None) -> None:
        self.manifest: dict[str, Any] = json.loads(manifest_file.read_text(encoding="utf-8"))
        self.nodes: dict[str, Any] = self.manifest["nodes"]
        self.parents: dict[str, list[str]] = self.manifest["parent_map"]
        self.macros: dict[str, Any] = self.manifest["macros"]
        self._raw = {feed: tuple(columns) for feed, columns in (raw_columns or {}).items()}
        self.whole: dict[str, str] = {}
        self._selects: dict[str, Select | None] = {}
        self._generated: dict[tuple[str, str], Select | None] = {}
        self._parts: dict[tuple[str, Read], tuple[str, Reads]] = {}

    @cached_property
    def models(self) -> dict[str, str]:
        """The unique id of each model, by its name."""
        return {node["name"]: key for key, node in self.nodes.items() if node["resource_type"] == "model"}

    def upstream(self, models: tuple[str, ...]) -> Upstream:
        """What those models are built from, themselves included.

        An entity is one with an input contract; it is missing when its staging is `not_supplied()`.
        """
        start = [self.models[name] for name in models]
        found = self.closure(start)
        dimensions = {key for name, key in self.models.items() if name.startswith("dim_")}
        events = self.closure(start, without=dimensions - set(start))
        inputs = {key: self.nodes[key] for key in found if _is_input(self.nodes.get(key))}
        missing = [
            node["name"].removeprefix("stg_")
            for node in inputs.values()
            if "macro.nyckeltal.not_supplied" in node["depends_on"]["macros"]
            and not node["config"]["meta"].get("optional")
        ]
        return Upstream(
            feeds=_feeds(found),
            event_feeds=_feeds(events),
            entities=tuple(sorted(node["name"].removeprefix("stg_") for node in inputs.values())),
            missing_entities=tuple(sorted(missing)),
            protected=bool(found & self._personnel),
        )

    @cached_property
    def _personnel(self) -> set[str]:
        """The models with personnel data: those of that domain, and what else reads a feed of theirs."""
        domains = {
            key: node["config"].get("meta", {}).get("domain")
            for key, node in self.nodes.items()
            if node["resource_type"] == "model"
        }
        stated = {key for key, domain in domains.items() if domain == PROTECTED_DOMAIN}
        feeds = {parent for key in stated for parent in self.parents.get(key, ()) if parent.startswith("source.")}
        others = {key for key, domain in domains.items() if domain is None and feeds & set(self.parents.get(key, ()))}
        return stated | others

    def closure(self, start: list[str], without: Collection[str] = ()) -> set[str]:
        """Those nodes and everything upstream of them, as unique ids; without some, and what only those need."""
        found: set[str] = set()
        waiting = list(start)
        while waiting:
            key = waiting.pop()
            if key not in found and key not in without:
                found.add(key)
                waiting += self.parents.get(key, [])
        return found

    def parts(self, generated: Mapping[str, str]) -> dict[str, str]:
        """The code that the rows of generated models depend on, by model: all of theirs, and what they need upstream.

        `generated` has the code of each by its name, every one after those that it reads.
        """
        parts = {name: unrendered(self._node(code), self.macros) for name, code in generated.items()}
        return parts | {name: self._part(name, read)[0] for name, read in self.needed(generated).items()}

    def feed_columns(self, generated: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """The raw columns that the rows of generated models depend on, by feed; sorted.

        A feed is there without columns where only its rows count. Of a model that counts as a whole, all declared
        columns do that its feeds have.
        """
        wanted: dict[str, Read] = {}
        for name, read in self.needed(generated).items():
            for (schema, table), columns in self._part(name, read)[1].items():
                if schema == RAW:
                    _want(wanted, table, columns)
        return {
            feed: tuple(
                sorted(
                    self.columns((RAW, feed))
                    if columns is None
                    else (self.raw_column(feed, column) for column in columns)
                )
            )
            for feed, columns in sorted(wanted.items())
        }

    def raw_column(self, feed: str, column: str) -> str:
        """A raw column's name as it is declared, from what DuckDB takes for the same."""
        return self._declared.get(feed, {}).get(column, column)

    def columns(self, table: tuple[str, str]) -> tuple[str, ...]:
        """The columns of a model or a raw table, in the order of its table; none where they aren't known."""
        schema, name = table
        return self._raw.get(name, ()) if schema == RAW else self._columns(name)

    def needed(self, generated: Mapping[str, str]) -> dict[str, Read]:
        """The manifest's models that generated ones depend on, each before what it reads, and what is read of each."""
        wanted = self._wanted(generated)
        needed: dict[str, Read] = {}
        for name in self._consumers_first(list(wanted)):
            if name in wanted:
                needed[name] = wanted[name]
                for model, columns in _models_read(self._part(name, wanted[name])[1]).items():
                    _want(wanted, model, columns)
        return needed

    def select(self, name: str) -> Select | None:
        """The model as a select that can be taken apart, None where it can't."""
        if name not in self._selects:
            node = self.nodes[self._built[name]]
            try:
                sql = rendered(node, self.macros)
                parents = [self.nodes[key]["name"] for key in self.parents[self._built[name]] if key in self.nodes]
                schema = {parent: self._columns(parent) for parent in parents}
                self._selects[name] = Select(sql, {MODELS: schema, RAW: self._raw}, RAW)
            except (NotRendered, NotPruned) as reason:
                self._selects[name] = None
                if name in self.models:
                    self.whole[name] = str(reason)
        return self._selects[name]

    def reads(self, name: str) -> list[tuple[str, str]]:
        """The models and raw tables that a model reads."""
        return list(self._whole(name)[1])

    @cached_property
    def relationships(self) -> list[tuple[tuple[str, str], tuple[str, str]]]:
        """The columns of models that dbt's tests `relationships` tie to columns of others, each as (model, column)."""
        found = []
        for node in self.nodes.values():
            test = node.get("test_metadata") or {}
            given = test.get("kwargs", {})
            to = _REF.fullmatch(str(given.get("to")))
            if test.get("name") == "relationships" and to and node.get("attached_node") in self.nodes:
                model = self.nodes[node["attached_node"]]["name"]
                found.append(((model, given["column_name"].lower()), (to.group(1), given["field"].lower())))
        return found

    def generated_selects(self, generated: Mapping[str, str]) -> dict[str, tuple[Select | None, list[str]]]:
        """The generated models that read the manifest's: each as a select, None where it can't be taken apart, and
        which of those it reads.
        """
        selects: dict[str, tuple[Select | None, list[str]]] = {}
        for name, code in generated.items():
            refs = _REF.findall(code)
            models = [ref for ref in refs if ref not in generated and ref in self._built]
            if models:
                others = {ref: select.columns for ref in refs if ref in selects and (select := selects[ref][0])}
                schema = {ref: self._columns(ref) if ref in models else others.get(ref, ()) for ref in refs}
                selects[name] = self._select_of(code, {MODELS: schema, RAW: self._raw}), models
        return selects

    def _select_of(self, code: str, schema: Schema) -> Select | None:
        key = code, json.dumps(schema)
        if key not in self._generated:
            try:
                self._generated[key] = Select(rendered(self._node(code), self.macros), schema, RAW)
            except (NotRendered, NotPruned):
                self._generated[key] = None
        return self._generated[key]

    def _wanted(self, generated: Mapping[str, str]) -> dict[str, Read]:
        """What generated models read of the manifest's."""
        wanted: dict[str, Read] = {}
        for select, models in self.generated_selects(generated).values():
            try:
                reads = _models_read(select.reads) if select else dict.fromkeys(models)
            except NotPruned:
                reads = dict.fromkeys(models)
            for model, read in reads.items():
                if model in models:
                    _want(wanted, model, read)
        return wanted

    def _node(self, code: str) -> dict[str, Any]:
        """Generated code as a node of the manifest."""
        called = [key for key in self._own_macros if self.macros[key]["name"] + "(" in code]
        return {"raw_code": code, "config": {"materialized": "table"}, "depends_on": {"macros": called}}

    def _part(self, name: str, read: Read) -> tuple[str, Reads]:
        """The part of a model's code that the columns need, and what it reads of other models and of raw tables."""
        if (name, read) not in self._parts:
            self._parts[name, read] = self._whole(name)
            if read is not None and (select := self.select(name)) is not None:
                try:
                    pruned = select.only(read)
                except NotPruned as reason:
                    self.whole[name] = str(reason)
                else:
                    types = {column: kind for column, kind in self._enforced_types(name).items() if column in read}
                    self._parts[name, read] = f"{json.dumps(types, sort_keys=True)}\n{pruned.sql}", pruned.reads
        return self._parts[name, read]

    def _enforced_types(self, name: str) -> dict[str, str]:
        """The types that dbt enforces on a model's columns; a column that is only described has none."""
        node = self.nodes[self._built[name]]
        if not node["config"].get("contract", {}).get("enforced"):
            return {}
        return {column.lower(): facts["data_type"] for column, facts in node["columns"].items()}

    def _whole(self, name: str) -> tuple[str, Reads]:
        key = self._built[name]
        models = [(MODELS, self.nodes[parent]["name"]) for parent in self.parents[key] if parent in self.nodes]
        feeds = [(RAW, parent.rsplit(".", 1)[1]) for parent in self.parents[key] if parent.startswith("source.")]
        return unrendered(self.nodes[key], self.macros), dict.fromkeys(models + feeds)

    def _columns(self, name: str) -> tuple[str, ...]:
        """A model's columns, in the order of its table; none where they aren't known."""
        node = self.nodes[self._built[name]]
        if node["config"].get("contract", {}).get("enforced"):
            return tuple(node["columns"])
        select = self.select(name)
        return select.columns if select else ()

    @cached_property
    def _declared(self) -> dict[str, dict[str, str]]:
        return {feed: {name.lower(): name for name in names} for feed, names in self._raw.items()}

    @cached_property
    def _own_macros(self) -> list[str]:
        return [key for key, macro in self.macros.items() if not macro["package_name"].startswith("dbt")]

    @cached_property
    def _built(self) -> dict[str, str]:
        return {node["name"]: key for key, node in self.nodes.items() if node["resource_type"] in _BUILT}

    def _consumers_first(self, names: list[str]) -> list[str]:
        """Those models and all upstream of them, each before what it reads."""
        done: dict[str, None] = {}

        def visit(key: str) -> None:
            if key in self.nodes and key not in done:
                for parent in self.parents.get(key, []):
                    visit(parent)
                done[key] = None

        for name in sorted(names):
            visit(self._built[name])
        return [self.nodes[key]["name"] for key in reversed(done)]


def definition_hash(parts: Mapping[str, str]) -> str:
    """The hash of the code that a definition's values depend on, by model."""
    return hashed(json.dumps(sorted(parts.items())))


def hashed(code: str) -> str:
    """The hash of a part of a definition."""
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def _models_read(reads: Reads) -> dict[str, Read]:
    return {table: columns for (schema, table), columns in reads.items() if schema == MODELS}


def _want(wanted: dict[str, Read], model: str, columns: Read) -> None:
    known = wanted.get(model, frozenset())
    wanted[model] = None if known is None or columns is None else known | columns


def _feeds(nodes: Iterable[str]) -> tuple[str, ...]:
    """The sources among nodes, by their names."""
    return tuple(sorted(key.rsplit(".", 1)[1] for key in nodes if key.startswith("source.")))


def _is_input(node: Any) -> bool:
    return (
        bool(node)
        and node["resource_type"] == "model"
        and node["name"].startswith("stg_")
        and node["config"]["contract"]["enforced"]
    )
