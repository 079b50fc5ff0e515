"""What is upstream of a KPI, from dbt's manifest: feeds, input entities, and the SQL that its definition hash covers.

A definition's hash covers what its values depend on besides data: the SQL compiled for it, and the part of each model
upstream that computes the columns it reads. A model that can't be pruned for certain counts as a whole, and so does
everything upstream of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from metrics.core.errors import NyckeltalError
from metrics.versioning.pruning import NotPruned, Schema, Select
from metrics.versioning.rendering import MODELS, RAW, NotRendered, rendered, unrendered

PROTECTED_DOMAIN = "people"
_BUILT = ("model", "seed", "snapshot")
_GENERATED = ("compiled/kpi/", "compiled/rollups/")
_REF = re.compile(r"ref\('(\w+)'\)")
Read = frozenset[str] | None  # the columns that are read from a model; None where it counts as a whole
Reads = Mapping[tuple[str, str], Read]  # by schema (MODELS or RAW) and name of the table


@dataclass(frozen=True)
class Upstream:
    """The feeds and input entities upstream of some models. Names are sorted.

    `event_feeds` are the feeds that bring events. A feed doesn't if all paths from it go through a dimension (a model
    named dim_...), in which rows are only looked up.
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
    """The parents of each node of a dbt manifest, and the parts of their code that a definition depends on.

    `raw_columns` are the declared columns of each feed's raw table. `counted_whole` has the models that count as a
    whole, each with the reason: the SQL that can't be pruned, or another one. It is filled as models are analysed.
    `parents_first` has the unique ids of all nodes. Without `generated`, what `kpi compile` generates from KPIs isn't
    there, as if the manifest were of a project without it.
    Raises NyckeltalError for models that read each other in a circle.
    """

    def __init__(
        self, manifest_file: Path, raw_columns: Mapping[str, Iterable[str]] | None = None, *, generated: bool = True
    ) -> None:
        self.manifest: dict[str, Any] = json.loads(manifest_file.read_text(encoding="utf-8"))
        self.nodes: dict[str, Any] = self.manifest["nodes"]
        self.parents: dict[str, list[str]] = self.manifest["parent_map"]
        if not generated:
            left_out = {key for key, node in self.nodes.items() if node["original_file_path"].startswith(_GENERATED)}
            self.nodes = {key: node for key, node in self.nodes.items() if key not in left_out}
            self.parents = {
                key: parents
                for key, parents in self.parents.items()
                if key not in left_out and left_out.isdisjoint(parents)
            }
        self.macros: dict[str, Any] = self.manifest["macros"]
        try:
            self.parents_first = list(TopologicalSorter(self.parents).static_order())
        except CycleError as error:
            circle = " → ".join(str(unique_id).rsplit(".", 1)[-1] for unique_id in error.args[1])
            raise NyckeltalError(f"models read each other in a circle: {circle}", expected="no circle") from None
        self._raw_columns = {feed: tuple(columns) for feed, columns in (raw_columns or {}).items()}
        self.counted_whole: dict[str, str] = {}
        self._selects: dict[str, Select | None] = {}
        self._generated: dict[tuple[str, str], Select | None] = {}
        self._parts: dict[tuple[str, Read], tuple[str, Reads]] = {}

    @cached_property
    def models(self) -> dict[str, str]:
        """The unique id of each model, by its name."""
        return {node["name"]: unique_id for unique_id, node in self.nodes.items() if node["resource_type"] == "model"}

    def upstream(self, models: tuple[str, ...]) -> Upstream:
        """The feeds and entities that those models are built from; the models themselves may be entities.

        An entity is a staging model with an input contract. It is missing when its staging is `not_supplied()`.
        """
        start = [self.models[name] for name in models]
        all_upstream = self.closure(start)
        dimensions = {unique_id for name, unique_id in self.models.items() if name.startswith("dim_")}
        not_through_dimensions = self.closure(start, without=dimensions - set(start))
        entities = {
            unique_id: self.nodes[unique_id] for unique_id in all_upstream if _is_entity(self.nodes.get(unique_id))
        }
        missing = [
            node["name"].removeprefix("stg_")
            for node in entities.values()
            if is_empty_entity(node) and not node["config"]["meta"].get("optional")
        ]
        return Upstream(
            feeds=_feeds(all_upstream),
            event_feeds=_feeds(not_through_dimensions),
            entities=tuple(sorted(node["name"].removeprefix("stg_") for node in entities.values())),
            missing_entities=tuple(sorted(missing)),
            protected=bool(all_upstream & self._personnel_models),
        )

    @cached_property
    def _personnel_models(self) -> set[str]:
        """The unique ids of the models with personnel data.

        These are the models of the protected domain, and models without a domain that read the same feeds as one of
        them.
        """
        domains = {
            unique_id: node["config"].get("meta", {}).get("domain")
            for unique_id, node in self.nodes.items()
            if node["resource_type"] == "model"
        }
        in_domain = {unique_id for unique_id, domain in domains.items() if domain == PROTECTED_DOMAIN}
        feeds = {
            parent
            for unique_id in in_domain
            for parent in self.parents.get(unique_id, ())
            if parent.startswith("source.")
        }
        models_without_domain = {
            unique_id
            for unique_id, domain in domains.items()
            if domain is None and feeds & set(self.parents.get(unique_id, ()))
        }
        return in_domain | models_without_domain

    def closure(self, start: list[str], without: Collection[str] = ()) -> set[str]:
        """The unique ids of those nodes and of everything upstream of them.

        Nodes in `without` are left out, and so is what is upstream only of these.
        """
        visited: set[str] = set()
        unvisited = list(start)
        while unvisited:
            unique_id = unvisited.pop()
            if unique_id not in visited and unique_id not in without:
                visited.add(unique_id)
                unvisited += self.parents.get(unique_id, [])
        return visited

    def parts(self, generated: Mapping[str, str]) -> dict[str, str]:
        """The code that the rows of generated models depend on, by model: their own, and the needed parts upstream.

        `generated` has the code of each generated model by its name, each after those that it reads.
        """
        parts = {name: unrendered(self._node(code), self.macros) for name, code in generated.items()}
        return parts | {name: self._part(name, columns)[0] for name, columns in self.models_read(generated).items()}

    def feed_columns(self, generated: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """The raw columns that the rows of generated models depend on, by feed; sorted.

        A feed has no columns where only its rows matter. For a model that counts as a whole, all declared columns of
        its feeds count.
        """
        columns_wanted: dict[str, Read] = {}
        for name, model_columns in self.models_read(generated).items():
            for (schema, table), columns in self._part(name, model_columns)[1].items():
                if schema == RAW:
                    _add_columns(columns_wanted, table, columns)
        return {
            feed: tuple(
                sorted(
                    self.columns((RAW, feed))
                    if columns is None
                    else (self.raw_column(feed, column) for column in columns)
                )
            )
            for feed, columns in sorted(columns_wanted.items())
        }

    def raw_column(self, feed: str, column: str) -> str:
        """The declared name of a raw column, whose case may differ in SQL."""
        return self._declared.get(feed, {}).get(column, column)

    def columns(self, table: tuple[str, str]) -> tuple[str, ...]:
        """The columns of a model or a raw table, in the order of its table; none where they aren't known."""
        schema, name = table
        return self._raw_columns.get(name, ()) if schema == RAW else self._columns(name)

    def models_read(self, generated: Mapping[str, str]) -> dict[str, Read]:
        """The manifest's models, seeds and snapshots that generated models depend on, with the columns read from each.

        None means all of its columns. A model comes before the models that it reads.
        """
        columns_wanted = self._columns_wanted(generated)
        columns_read: dict[str, Read] = {}
        for name in self._consumers_first(list(columns_wanted)):
            if name in columns_wanted:
                columns_read[name] = columns_wanted[name]
                for model, columns in _reads_of_models(self._part(name, columns_wanted[name])[1]).items():
                    _add_columns(columns_wanted, model, columns)
        return columns_read

    def select(self, name: str) -> Select | None:
        """The model as a select that can be pruned; None where it can't."""
        if name not in self._selects:
            node = self.nodes[self._built[name]]
            try:
                sql = rendered(node, self.macros)
                parents = [
                    self.nodes[unique_id]["name"]
                    for unique_id in self.parents[self._built[name]]
                    if unique_id in self.nodes
                ]
                schema = {parent: self._columns(parent) for parent in parents}
                self._selects[name] = Select(sql, {MODELS: schema, RAW: self._raw_columns}, RAW)
            except (NotRendered, NotPruned) as error:
                self._selects[name] = None
                if name in self.models:
                    self.counted_whole[name] = str(error)
        return self._selects[name]

    def reads(self, name: str) -> list[tuple[str, str]]:
        """The models and raw tables that a model reads."""
        return list(self._whole(name)[1])

    @cached_property
    def relationships(self) -> list[tuple[tuple[str, str], tuple[str, str]]]:
        """The pairs of columns that dbt tests `relationships` tie: (model, column) of the tested and the referenced."""
        pairs = []
        for node in self.nodes.values():
            test = node.get("test_metadata") or {}
            arguments = test.get("kwargs", {})
            ref_match = _REF.fullmatch(str(arguments.get("to")))
            if test.get("name") == "relationships" and ref_match and node.get("attached_node") in self.nodes:
                model = self.nodes[node["attached_node"]]["name"]
                referenced = (ref_match.group(1), arguments["field"].lower())
                pairs.append(((model, arguments["column_name"].lower()), referenced))
        return pairs

    def generated_selects(self, generated: Mapping[str, str]) -> dict[str, tuple[Select | None, list[str]]]:
        """The generated models that read models of the manifest, by name: the select, and the models that it reads.

        The select is None where it can't be pruned.
        """
        selects: dict[str, tuple[Select | None, list[str]]] = {}
        for name, code in generated.items():
            refs = _REF.findall(code)
            models = [ref for ref in refs if ref not in generated and ref in self._built]
            if models:
                generated_columns = {
                    ref: select.columns for ref in refs if ref in selects and (select := selects[ref][0])
                }
                schema = {ref: self._columns(ref) if ref in models else generated_columns.get(ref, ()) for ref in refs}
                selects[name] = self._select_of(code, {MODELS: schema, RAW: self._raw_columns}), models
        return selects

    def _select_of(self, code: str, schema: Schema) -> Select | None:
        """Generated code as a select that can be pruned; None where it can't. Cached."""
        cache_key = code, json.dumps(schema)
        if cache_key not in self._generated:
            try:
                self._generated[cache_key] = Select(rendered(self._node(code), self.macros), schema, RAW)
            except (NotRendered, NotPruned):
                self._generated[cache_key] = None
        return self._generated[cache_key]

    def _columns_wanted(self, generated: Mapping[str, str]) -> dict[str, Read]:
        """The columns that generated models read from models of the manifest, by model."""
        columns_wanted: dict[str, Read] = {}
        for select, models in self.generated_selects(generated).values():
            try:
                reads = _reads_of_models(select.reads) if select else dict.fromkeys(models)
            except NotPruned:
                reads = dict.fromkeys(models)
            for model, columns in reads.items():
                if model in models:
                    _add_columns(columns_wanted, model, columns)
        return columns_wanted

    def _node(self, code: str) -> dict[str, Any]:
        """Generated code in the form of a node of the manifest."""
        called_macros = [unique_id for unique_id in self._own_macros if self.macros[unique_id]["name"] + "(" in code]
        return {"raw_code": code, "config": {"materialized": "table"}, "depends_on": {"macros": called_macros}}

    def _part(self, name: str, read: Read) -> tuple[str, Reads]:
        """The part of a model's code that computes the columns in `read`, and the columns that this part reads."""
        if (name, read) not in self._parts:
            self._parts[name, read] = self._whole(name)
            if read is not None and (select := self.select(name)) is not None:
                try:
                    pruned = select.only(read)
                except NotPruned as error:
                    self.counted_whole[name] = str(error)
                else:
                    types = {
                        column: data_type for column, data_type in self._enforced_types(name).items() if column in read
                    }
                    self._parts[name, read] = f"{json.dumps(types, sort_keys=True)}\n{pruned.sql}", pruned.reads
        return self._parts[name, read]

    def _enforced_types(self, name: str) -> dict[str, str]:
        """The types that dbt enforces on a model's columns; a column that is only described has none."""
        node = self.nodes[self._built[name]]
        if not node["config"].get("contract", {}).get("enforced"):
            return {}
        return {column.lower(): column_info["data_type"] for column, column_info in node["columns"].items()}

    def _whole(self, name: str) -> tuple[str, Reads]:
        """The same for a model that counts as a whole: all its code, and all columns of everything that it reads."""
        unique_id = self._built[name]
        models = [(MODELS, self.nodes[parent]["name"]) for parent in self.parents[unique_id] if parent in self.nodes]
        feeds = [(RAW, parent.rsplit(".", 1)[1]) for parent in self.parents[unique_id] if parent.startswith("source.")]
        return unrendered(self.nodes[unique_id], self.macros), dict.fromkeys(models + feeds)

    def _columns(self, name: str) -> tuple[str, ...]:
        """A model's columns, in the order of its table; none where they aren't known."""
        node = self.nodes[self._built[name]]
        if node["config"].get("contract", {}).get("enforced"):
            return tuple(node["columns"])
        select = self.select(name)
        return select.columns if select else ()

    @cached_property
    def _declared(self) -> dict[str, dict[str, str]]:
        return {feed: {name.lower(): name for name in names} for feed, names in self._raw_columns.items()}

    @cached_property
    def _own_macros(self) -> list[str]:
        return [unique_id for unique_id, macro in self.macros.items() if not macro["package_name"].startswith("dbt")]

    @cached_property
    def _built(self) -> dict[str, str]:
        return {node["name"]: unique_id for unique_id, node in self.nodes.items() if node["resource_type"] in _BUILT}

    def _consumers_first(self, names: list[str]) -> list[str]:
        """Those models and all upstream of them, each before what it reads."""
        parents_first: dict[str, None] = {}

        def visit(unique_id: str) -> None:
            if unique_id in self.nodes and unique_id not in parents_first:
                for parent in self.parents.get(unique_id, []):
                    visit(parent)
                parents_first[unique_id] = None

        for name in sorted(names):
            visit(self._built[name])
        return [self.nodes[unique_id]["name"] for unique_id in reversed(parents_first)]


def definition_hash(parts: Mapping[str, str]) -> str:
    """The hash of the code that a definition's values depend on, by model."""
    return hashed(json.dumps(sorted(parts.items())))


def hashed(code: str) -> str:
    """The hash of a part of a definition."""
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def _reads_of_models(reads: Reads) -> dict[str, Read]:
    return {table: columns for (schema, table), columns in reads.items() if schema == MODELS}


def _add_columns(columns_by_table: dict[str, Read], table: str, columns: Read) -> None:
    """Adds columns to the ones that are read from a table. None stands for the whole table, and stays None."""
    columns_before = columns_by_table.get(table, frozenset())
    columns_by_table[table] = None if columns_before is None or columns is None else columns_before | columns


def _feeds(nodes: Iterable[str]) -> tuple[str, ...]:
    """The names of the sources among the nodes; sorted."""
    return tuple(sorted(unique_id.rsplit(".", 1)[1] for unique_id in nodes if unique_id.startswith("source.")))


def is_empty_entity(node: Any) -> bool:
    """Whether a node of the manifest is the staging model of an entity that the company lacks."""
    return bool(node) and "macro.nyckeltal.not_supplied" in node.get("depends_on", {}).get("macros", ())


def _is_entity(node: Any) -> bool:
    return (
        bool(node)
        and node["resource_type"] == "model"
        and node["name"].startswith("stg_")
        and node["config"]["contract"]["enforced"]
    )
