"""Which of dbt's nodes a run has to build: those whose code, rows or day have changed since their newest build.

A model, seed or data test has a fingerprint: a hash of its own code and configuration, of all macros, of the day where
its code asks for it, and of what it reads, which are the rows of feeds in raw and the fingerprints of its parents.
`kpi._fingerprints` has the fingerprints of nodes that were built and passed their tests. A node whose fingerprint is in
it has nothing new to compute. Neither have the nodes of entities that no feed supplies.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from importlib.metadata import version
from typing import Any

import duckdb

from data_quality import contents, warehouse
from data_quality.gate import candidates
from metrics.definitions.catalog import Catalog
from metrics.versioning.lineage import Lineage, is_empty_entity
from orchestration.dbt.project import DBT_PROJECT

_TABLE = "create table if not exists kpi._fingerprints (unique_id varchar, fingerprint varchar)"
_KINDS = ("model", "seed", "test")
# What of a node of the manifest decides on the rows that it has, or on whether a test passes.
_FIELDS = ("raw_code", "config", "constraints", "schema", "alias", "test_metadata", "column_name")
_PROJECT_FILES = ("dbt_project.yml", "profiles.yml")
# How SQL and Jinja ask for the time: `today()` of the project, and what dbt and DuckDB have. To find too much only
# builds too much.
_ASKS_FOR_TIME = re.compile(
    r"\b((today|now)\s*\(|(current_date|current_time\w*|get_current_t\w+|localtime\w*|run_started_at|datetime|env_var)\b)",
    re.IGNORECASE,
)


def fingerprints(lineage: Lineage, today: date) -> dict[str, str]:
    """The fingerprint of each model, seed and data test, by unique id, for the rows that are in raw now."""
    feeds = sorted(
        unique_id for keys in lineage.parents.values() for unique_id in keys if unique_id.startswith("source.")
    )
    with warehouse.connect() as connection:
        known_fingerprints = {
            unique_id: _hashed(contents.of_feed(connection, unique_id.rsplit(".", 1)[1]))
            for unique_id in dict.fromkeys(feeds)
        }
    macros = {unique_id: macro["macro_sql"] for unique_id, macro in lineage.macros.items()}
    files = [(DBT_PROJECT / name).read_text(encoding="utf-8") for name in _PROJECT_FILES]
    common = _hashed([macros, files, version("dbt-core"), version("dbt-duckdb"), version("duckdb")])
    dated_macros = _dated_macros(lineage)

    def fingerprint(unique_id: str) -> str:
        if unique_id not in known_fingerprints:
            node = lineage.nodes[unique_id]
            declared = node.get("columns", {}).items()
            columns = {name: [column.get("data_type"), column.get("constraints")] for name, column in declared}
            fields = [node.get(name) for name in _FIELDS]
            day = today.isoformat() if _is_dated(node, "raw_code", dated_macros) else None
            known_fingerprints[unique_id] = _hashed(
                [common, day, fields, columns, sorted(map(fingerprint, lineage.parents.get(unique_id, [])))]
            )
        return known_fingerprints[unique_id]

    return {
        unique_id: fingerprint(unique_id)
        for unique_id, node in lineage.nodes.items()
        if node["resource_type"] in _KINDS
    }


def _is_dated(node: Mapping[str, Any], code: str, dated_macros: set[str]) -> bool:
    """Whether a node or macro asks for the time, itself or by a macro that it calls; `code` is its SQL's field."""
    called_macros = node.get("depends_on", {}).get("macros", ())
    return bool(_ASKS_FOR_TIME.search(node.get(code) or "")) or not dated_macros.isdisjoint(called_macros)


def _dated_macros(lineage: Lineage) -> set[str]:
    """The unique ids of the macros that ask for the time, themselves or by macros that they call."""
    dated: set[str] = set()
    while True:
        more = {
            key for key, macro in lineage.macros.items() if key not in dated and _is_dated(macro, "macro_sql", dated)
        }
        if not more:
            return dated
        dated |= more


def up_to_date(
    lineage: Lineage, catalog: Catalog, current: Mapping[str, str], edited_models: Collection[str]
) -> frozenset[str]:
    """The unique ids of the nodes that have nothing new to compute: they needn't be built.

    Never among them are models whose table is missing or was edited, what is downstream of these, and KPIs whose newest
    build wasn't right.
    """
    with warehouse.connect() as connection:
        if not warehouse.has_table(connection, "kpi", "_fingerprints"):
            return frozenset()
        built = dict(connection.execute("from kpi._fingerprints").fetchall())
        known_relations = contents.known_relations(connection)
        builds = candidates.newest_builds(connection)
    is_right = {lineage.models[kpi.model]: kpi.kpi_id in builds and builds[kpi.kpi_id].ok for kpi in catalog.kpis}
    intact: dict[str, bool] = {}

    def is_intact(unique_id: str) -> bool:
        if unique_id not in intact:
            node = lineage.nodes[unique_id]
            is_there = node["resource_type"] == "test" or contents.relation(node) in known_relations
            parents = (parent for parent in lineage.parents.get(unique_id, []) if parent in lineage.nodes)
            intact[unique_id] = is_there and unique_id not in edited_models and all(map(is_intact, parents))
        return intact[unique_id]

    return frozenset(
        unique_id
        for unique_id, fingerprint in current.items()
        if built.get(unique_id) == fingerprint and is_intact(unique_id) and is_right.get(unique_id, True)
    )


def left_out(lineage: Lineage) -> frozenset[str]:
    """The unique ids of the models, seeds and tests of entities that no feed supplies, and that nothing else reads.

    They would have no rows. A node that a build once made isn't among them: it may still have those of before.
    """
    supplied: set[str] = set()
    lacking: set[str] = set()
    for unique_id in lineage.parents_first:
        parents = lineage.parents.get(unique_id, ())
        if unique_id.startswith("source.") or not supplied.isdisjoint(parents):
            supplied.add(unique_id)
        if is_empty_entity(lineage.nodes.get(unique_id)) or not lacking.isdisjoint(parents):
            lacking.add(unique_id)
    with warehouse.connect() as connection:
        known_relations = contents.known_relations(connection)
    kept = lineage.closure(
        [
            unique_id
            for unique_id, node in lineage.nodes.items()
            if unique_id in supplied or unique_id not in lacking or contents.relation(node) in known_relations
        ]
    )
    return frozenset(
        unique_id
        for unique_id, node in lineage.nodes.items()
        if node["resource_type"] in _KINDS
        and unique_id not in kept
        and not (node["resource_type"] == "test" and kept.issuperset(lineage.parents.get(unique_id, ())))
    )


def begin(current: Mapping[str, str], unchanged: Collection[str]) -> dict[str, str]:
    """The fingerprints of the nodes that a build is about to make, by unique id; `record` takes them after it.

    Those that were kept are forgotten, so that a build that is stopped leaves none of before.
    """
    begun = {unique_id: fingerprint for unique_id, fingerprint in current.items() if unique_id not in unchanged}
    with warehouse.connect() as connection:
        connection.execute("create schema if not exists kpi")
        connection.execute(_TABLE)
        _forget(connection, begun)
    return begun


def record(lineage: Lineage, begun: Mapping[str, str], run_results: Mapping[str, Any]) -> None:
    """Store the fingerprints of the nodes that this build finished, if everything that they read is up to date, too."""
    statuses = {result["unique_id"]: result["status"] for result in run_results["results"]}
    succeeded = {unique_id for unique_id, status in statuses.items() if status in ("success", "pass", "warn")}
    finished: dict[str, bool] = {}

    def is_finished(unique_id: str) -> bool:
        if unique_id not in finished:
            parents = (parent for parent in lineage.parents.get(unique_id, []) if parent in lineage.nodes)
            finished[unique_id] = unique_id not in begun or (unique_id in succeeded and all(map(is_finished, parents)))
        return finished[unique_id]

    rows = [[unique_id, begun[unique_id]] for unique_id in sorted(succeeded & set(begun)) if is_finished(unique_id)]
    with warehouse.connect() as connection:
        _forget(connection, statuses.keys() - succeeded)
        if rows:
            connection.executemany("insert into kpi._fingerprints values (?, ?)", rows)


def forget_all() -> None:
    """Forget every fingerprint: what a build of chosen models leaves is built again by the next run."""
    with warehouse.connect() as connection:
        connection.execute("drop table if exists kpi._fingerprints")


def _forget(connection: duckdb.DuckDBPyConnection, keys: Iterable[str]) -> None:
    connection.execute("delete from kpi._fingerprints where list_contains(?::varchar[], unique_id)", [list(keys)])


def _hashed(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
