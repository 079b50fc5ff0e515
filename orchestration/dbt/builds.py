"""Records which KPIs a dbt build brought up to date, in the table `kpi._builds`, which the gate reads."""

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

_KPI_COLUMNS = ", ".join(f"{name} {sql_type}" for name, sql_type in candidates.COLUMNS.items())


def prepare_tables(catalog: Catalog) -> None:
    """Creates the table of builds, and an empty one for each KPI that has none: the union of candidates reads all."""
    with warehouse.connect() as connection:
        connection.execute("create schema if not exists kpi")
        for kpi in catalog.kpis:
            connection.execute(f"create table if not exists kpi.{kpi.model} ({_KPI_COLUMNS})")
        connection.execute(
            """create table if not exists kpi._builds
               (batch_id varchar, built_at timestamptz, kpi_id varchar, ok boolean, reason varchar)"""
        )


def outdate(catalog: Catalog) -> None:
    """Records for each KPI with data newer than its newest successful build that this build is outdated.

    The gate holds these KPIs until they and everything upstream have been built: their candidates lack the newer data,
    while the completeness of the feeds already covers it.
    """
    with warehouse.connect() as connection:
        if not warehouse.has_table(connection, "raw", "_files"):
            return
        loads = connection.execute("select feed, max(loaded_at) from raw._files group by feed").fetchall()
        loaded_at = {feed: moment for feed, moment in loads if moment is not None}
        newest_builds = candidates.newest_builds(connection)
        for kpi in catalog.kpis:
            build = newest_builds.get(kpi.kpi_id)
            if build is None or not build.ok:
                continue
            newer_feeds = [feed for feed in kpi.feeds if feed in loaded_at and loaded_at[feed] > build.built_at]
            if newer_feeds:
                _insert(connection, build.batch_id, {kpi.kpi_id: f"newer data came from {', '.join(newer_feeds)}"})


def edited(lineage: Lineage) -> set[str]:
    """The unique ids of the models whose tables no longer have the rows that dbt wrote. Call it before a build.

    Incremental tables among them are dropped, so that the build makes them anew instead of adding to edited rows.
    """
    relations = {key: relation for key, node in lineage.nodes.items() if (relation := contents.relation(node))}
    with warehouse.connect() as connection:
        edited_relations = contents.edited(connection, relations.values())
        edited_models = {key for key, relation in relations.items() if relation in edited_relations}
        for key in sorted(edited_models):
            if lineage.nodes[key]["config"]["materialized"] == "incremental":
                name = ".".join(map(identifier, relations[key]))
                logging.getLogger(__name__).warning("%s has other rows than dbt wrote; it is made anew", name)
                connection.execute(f"drop table {name}")
    return edited_models


def record(
    catalog: Catalog,
    lineage: Lineage,
    run_results: Mapping[str, Any],
    edited_models: Collection[str] = frozenset(),
    unchanged: Collection[str] = frozenset(),
) -> dict[str, str]:
    """Writes a row to `kpi._builds` for each KPI whose state a build changes: up to date, or the reason why not.

    - A KPI outside the build keeps its state, unless something upstream of it failed: then it is not up to date.
    - A KPI that was up to date stays so when its own model is built.
    - A KPI that was never built, failed or is outdated becomes up to date only when all models upstream are built too.
      Models in `unchanged` that passed their tests need no build, because they have nothing new to compute.
    - A KPI is not up to date if it was built from rows that neither ingest nor dbt wrote: rows of an edited feed, or
      of `edited_models` that this build didn't make again.

    Returns the reasons, by KPI id, for the KPIs that this build left not up to date.
    """
    failures = {
        result["unique_id"]: f"{result['unique_id'].split('.')[2]}: {_first_line(result.get('message'))}"
        for result in run_results["results"]
        if result["status"] in ("error", "fail", "runtime error")
    }
    selected = {result["unique_id"] for result in run_results["results"]}
    succeeded = {result["unique_id"] for result in run_results["results"] if result["status"] == "success"}
    current = succeeded | _tested(unchanged, lineage, run_results)
    reasons: dict[str, str | None] = {}
    with warehouse.connect() as connection:
        builds_before = candidates.newest_builds(connection)
        edited_feeds = _edited_feeds(connection, catalog)
        relations = (contents.relation(lineage.nodes.get(key, {})) for key in sorted(succeeded))
        contents.record(connection, filter(None, relations))
        for kpi in catalog.kpis:
            upstream = lineage.closure([lineage.models[kpi.model]])
            failure = _failure(upstream, lineage, failures)
            if failure is not None:
                reasons[kpi.kpi_id] = failure
            elif lineage.models[kpi.model] in selected:
                unbuilt = _unbuilt(kpi, lineage, upstream, current, builds_before.get(kpi.kpi_id))
                feed_sentences = [edited_feeds[feed] for feed in kpi.feeds if feed in edited_feeds]
                stale_models = upstream & set(edited_models) - succeeded
                reasons[kpi.kpi_id] = unbuilt or _edited_rows(feed_sentences, stale_models)
        _insert(connection, run_results["metadata"]["invocation_id"], reasons)
    return {kpi_id: reason for kpi_id, reason in reasons.items() if reason is not None}


def skipped(run_results: Mapping[str, Any], model: str) -> bool:
    """Whether the build left out the model because something upstream of it failed."""
    return any(result["unique_id"] == model and result["status"] == "skipped" for result in run_results["results"])


def _edited_feeds(connection: DuckDBPyConnection, catalog: Catalog) -> dict[str, str]:
    """A sentence for each feed whose raw table has other rows than ingest wrote, by feed."""
    feeds = {feed for kpi in catalog.kpis for feed in kpi.feeds}
    file_counts = {feed: len(contents.edited_files(connection, feed)) for feed in sorted(feeds)}
    return {
        feed: f"raw.{feed} has other rows of {count} {'files' if count > 1 else 'file'} than were loaded: drop that"
        " table, and the next run reads its files again"
        for feed, count in file_counts.items()
        if count
    }


def _edited_rows(feed_sentences: list[str], models: Collection[str]) -> str | None:
    """Why a KPI that was built from edited rows isn't up to date; None when it wasn't built from such rows."""
    names = ", ".join(sorted(key.split(".")[2] for key in models))
    model_sentences = [f"{names}: other rows than dbt wrote; build it again"] if models else []
    return "; ".join([*feed_sentences, *model_sentences]) or None


def _failure(upstream: set[str], lineage: Lineage, failures: Mapping[str, str]) -> str | None:
    """The message of the first failure among those nodes and the tests on them; None without one."""
    for failed, message in failures.items():
        is_test = failed.startswith(("test.", "unit_test."))
        if failed in upstream or (is_test and any(node in upstream for node in lineage.parents.get(failed, []))):
            return message
    return None


def _tested(unchanged: Collection[str], lineage: Lineage, run_results: Mapping[str, Any]) -> set[str]:
    """The unchanged nodes, without those with a test that neither passed in this build nor is unchanged itself."""
    results = run_results["results"]
    passed = {result["unique_id"] for result in results if result["status"] in ("pass", "warn")} | set(unchanged)
    doubtful = {
        parent
        for key, parents in lineage.parents.items()
        if key.startswith("test.") and key not in passed
        for parent in parents
    }
    return set(unchanged) - doubtful


def _unbuilt(
    kpi: CatalogKpi, lineage: Lineage, upstream: set[str], succeeded: set[str], build_before: Build | None
) -> str | None:
    """Why the KPI isn't up to date although nothing failed: what wasn't built. None when it is up to date."""
    if lineage.models[kpi.model] not in succeeded:
        return f"{kpi.model} was not built"
    if build_before is not None and build_before.ok:
        return None
    models = {key for key in upstream if key.startswith("model.")}
    if models <= succeeded:
        return None
    reason_before = build_before.reason if build_before is not None else None
    if reason_before is None:
        reason_before = "it was never built with all its models"
    return f"{reason_before}; {len(models - succeeded)} models upstream were not built again"


def _newest_moment(connection: DuckDBPyConnection) -> datetime:
    """The time of the newest load or build in the warehouse, or now if that is later.

    A build's time is at least that, so that a clock that was set back can't make it older than its data or than the
    build before it.
    """
    moments = [clock.now()]
    for table, column in (("raw._files", "loaded_at"), ("kpi._builds", "built_at")):
        if warehouse.has_table(connection, *table.split(".")):
            moments += [
                moment for (moment,) in connection.execute(f"select max({column}) from {table}").fetchall() if moment
            ]
    return max(moments)


def _insert(connection: DuckDBPyConnection, batch_id: str | None, reasons: Mapping[str, str | None]) -> None:
    """Adds a row to `kpi._builds` for each KPI; the reason None means that it is up to date."""
    if reasons:
        built_at = _newest_moment(connection)
        connection.executemany(
            "insert into kpi._builds values (?, ?, ?, ?, ?)",
            [[batch_id, built_at, kpi_id, reason is None, reason] for kpi_id, reason in reasons.items()],
        )


def _first_line(message: str | None) -> str:
    return " ".join((message or "failed").split())[:300]
