"""Which KPIs a dbt build brought up to date: the table `kpi._builds`, which the gate reads."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from duckdb import DuckDBPyConnection

from data_quality import contents, warehouse
from data_quality.gate import candidates
from data_quality.gate.candidates import Build
from metrics.core import clock
from metrics.core.quoting import identifier
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.versioning.lineage import Lineage

_KPI_COLUMNS = ", ".join(f"{name} {kind}" for name, kind in candidates.COLUMNS.items())


def prepare_tables(catalog: Catalog) -> None:
    """Makes the tables that aren't there yet, empty: one broken KPI mustn't keep the others from being united."""
    with warehouse.connect() as connection:
        connection.execute("create schema if not exists kpi")
        for kpi in catalog.kpis:
            connection.execute(f"create table if not exists kpi.{kpi.model} ({_KPI_COLUMNS})")
        connection.execute(
            """create table if not exists kpi._builds
               (batch_id varchar, built_at timestamptz, kpi_id varchar, ok boolean, reason varchar)"""
        )


def outdate(catalog: Catalog) -> None:
    """Records which KPIs' newest build is no longer good, as a feed brought in data after it.

    The gate holds them until they have been built with all that is upstream of them: candidates that were built
    before know nothing of what came since, and the feed's completeness is that of today.
    """
    with warehouse.connect() as connection:
        if not warehouse.has_table(connection, "raw", "_files"):
            return
        loaded = dict(connection.execute("select feed, max(loaded_at) from raw._files group by feed").fetchall())
        newest = candidates.newest_builds(connection)
        for kpi in catalog.kpis:
            build = newest.get(kpi.kpi_id)
            if build is None or not build.ok:
                continue
            newer = [feed for feed in kpi.feeds if loaded.get(feed) is not None and loaded[feed] > build.built_at]
            if newer:
                _insert(connection, build.batch_id, {kpi.kpi_id: f"newer data came from {', '.join(newer)}"})


def edited(lineage: Lineage) -> set[str]:
    """The models, by unique id, whose tables don't have the rows that dbt wrote: to be asked before a build.

    Incremental ones are dropped, so that the build makes them anew and not on top of what somebody wrote into them.
    """
    found = set()
    with warehouse.connect() as connection:
        for key, node in lineage.nodes.items():
            relation = _relation(node)
            if relation and contents.is_edited(connection, relation):
                found.add(key)
                if node["config"]["materialized"] == "incremental":
                    name = ".".join(map(identifier, relation))
                    logging.getLogger(__name__).warning("%s has other rows than dbt wrote; it is made anew", name)
                    connection.execute(f"drop table {name}")
    return found


def record(
    catalog: Catalog, lineage: Lineage, run_results: Mapping[str, Any], edited: Collection[str] = frozenset()
) -> dict[str, str]:
    """Writes a row for each KPI whose record a build changes: whether it and all that is upstream of it succeeded.

    A KPI outside the build keeps its record, and one whose record is good needs no more than its own model. One that
    was never built, failed or is outdated becomes good with a build of all that is upstream of it, and by nothing less.
    A failure upstream outdates a KPI that wasn't built itself. What was built from rows that neither ingest nor dbt
    wrote isn't good: those of an edited feed, and of models in `edited` that this build didn't make again.
    Returns the reasons by KPI id of those that this build did not make good.
    """
    failures = {
        result["unique_id"]: f"{result['unique_id'].split('.')[2]}: {_first_line(result.get('message'))}"
        for result in run_results["results"]
        if result["status"] in ("error", "fail", "runtime error")
    }
    planned = {result["unique_id"] for result in run_results["results"]}
    done = {result["unique_id"] for result in run_results["results"] if result["status"] == "success"}
    reasons: dict[str, str | None] = {}
    with warehouse.connect() as connection:
        before = candidates.newest_builds(connection)
        feeds = _edited_feeds(connection, catalog)
        contents.record(connection, filter(None, (_relation(lineage.nodes.get(key, {})) for key in sorted(done))))
        for kpi in catalog.kpis:
            upstream = lineage.closure([lineage.models[kpi.model]])
            failure = _failure(upstream, lineage, failures)
            if failure is not None:
                reasons[kpi.kpi_id] = failure
            elif lineage.models[kpi.model] in planned:
                shortfall = _shortfall(kpi, lineage, upstream, done, before.get(kpi.kpi_id))
                others = upstream & set(edited) - done
                reasons[kpi.kpi_id] = shortfall or _edit([feeds[f] for f in kpi.feeds if f in feeds], others)
        _insert(connection, run_results["metadata"]["invocation_id"], reasons)
    return {kpi_id: reason for kpi_id, reason in reasons.items() if reason is not None}


def skipped(run_results: Mapping[str, Any], model: str) -> bool:
    """Whether that build was to make the model, and left it out because something upstream of it failed."""
    return any(one["unique_id"] == model and one["status"] == "skipped" for one in run_results["results"])


def _relation(node: Mapping[str, Any]) -> contents.Relation | None:
    """The schema and table of a node of the manifest that may have one."""
    schema = node.get("schema")
    return (
        (schema, node.get("alias") or node["name"]) if schema and node["resource_type"] in ("model", "seed") else None
    )


def _edited_feeds(connection: DuckDBPyConnection, catalog: Catalog) -> dict[str, str]:
    """What to say of each feed of which raw has other rows than ingest wrote."""
    feeds = {feed for kpi in catalog.kpis for feed in kpi.feeds}
    found = {feed: len(contents.edited_files(connection, feed)) for feed in sorted(feeds)}
    return {
        feed: f"raw.{feed} has other rows of {count} {'files' if count > 1 else 'file'} than were loaded: drop that"
        " table, and the next run reads its files again"
        for feed, count in found.items()
        if count
    }


def _edit(feeds: list[str], models: Collection[str]) -> str | None:
    """Why a KPI isn't good that was built from edited rows; None when it wasn't."""
    names = ", ".join(sorted(key.split(".")[2] for key in models))
    said = [*feeds, f"{names}: other rows than dbt wrote; build it again"] if models else feeds
    return "; ".join(said) or None


def _failure(upstream: set[str], lineage: Lineage, failures: Mapping[str, str]) -> str | None:
    """What failed among those nodes and the tests on them; not what else reads them."""
    for failed, message in failures.items():
        is_test = failed.startswith(("test.", "unit_test."))
        if failed in upstream or (is_test and any(node in upstream for node in lineage.parents.get(failed, []))):
            return message
    return None


def _shortfall(
    kpi: CatalogKpi, lineage: Lineage, upstream: set[str], done: set[str], before: Build | None
) -> str | None:
    """Why the KPI isn't good although nothing failed."""
    if lineage.models[kpi.model] not in done:
        return f"{kpi.model} was not built"
    if before is not None and before.ok:
        return None
    models = {key for key in upstream if key.startswith("model.")}
    if models <= done:
        return None
    earlier = "it was never built whole" if before is None or before.reason is None else before.reason
    return f"{earlier}; {len(models - done)} models upstream were not built again"


def _newest_load(connection: DuckDBPyConnection) -> list[datetime]:
    """The moment of the newest load, if any: a clock that was set back makes no build older than its data."""
    if not warehouse.has_table(connection, "raw", "_files"):
        return []
    rows = connection.execute("select max(loaded_at) from raw._files having max(loaded_at) is not null").fetchall()
    return [moment for (moment,) in rows]


def _insert(connection: DuckDBPyConnection, batch: str | None, reasons: Mapping[str, str | None]) -> None:
    if reasons:
        built_at = max([clock.now(), *_newest_load(connection)])
        connection.executemany(
            "insert into kpi._builds values (?, ?, ?, ?, ?)",
            [[batch, built_at, kpi_id, reason is None, reason] for kpi_id, reason in reasons.items()],
        )


def _first_line(message: str | None) -> str:
    return " ".join((message or "failed").split())[:300]
