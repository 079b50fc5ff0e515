"""Which KPIs a build brings up to date: builds of a subset, failures upstream, and data that came after a build."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import warehouse_factory as make
from warehouse_factory import Warehouse

from metrics.versioning.lineage import Lineage
from orchestration.dbt import builds

# source.orders -> stg_orders -> fct_orders -> kpi_revenue; source.staff -> stg_staff -> kpi_heads
PARENTS = {
    "model.p.stg_orders": ["source.p.raw.orders"],
    "model.p.fct_orders": ["model.p.stg_orders"],
    "model.p.kpi_revenue": ["model.p.fct_orders"],
    "test.p.fct_orders_unique.1": ["model.p.fct_orders"],
    "model.p.stg_staff": ["source.p.raw.staff"],
    "model.p.kpi_heads": ["model.p.stg_staff"],
}
REVENUE = ("stg_orders", "fct_orders", "kpi_revenue")
HEADS = ("stg_staff", "kpi_heads")
INCREMENTAL = {"fct_orders"}


@dataclass
class Deployment:
    """A warehouse with two KPIs over two feeds, and dbt's manifest of their lineage."""

    warehouse: Warehouse
    lineage: Lineage

    def data(self, feed: str, moment: str) -> None:
        """A file of the feed is taken in at that moment (UTC)."""
        self.warehouse.sql(
            "insert into raw._files values (?, ?, null)", feed, datetime.fromisoformat(moment + "+00:00")
        )

    def build(
        self, moment: str, models: Sequence[str], failed: Sequence[str] = (), skipped: Sequence[str] = ()
    ) -> dict[str, str]:
        """dbt builds those models at that moment, as the step of the main job does."""
        self.warehouse.now(moment)
        builds.outdate(self.warehouse.catalog)
        edited = builds.edited(self.lineage)
        results: list[dict[str, Any]] = [{"unique_id": f"model.p.{name}", "status": "success"} for name in models]
        results += [{"unique_id": name, "status": "fail", "message": "it broke"} for name in failed]
        results += [{"unique_id": f"model.p.{name}", "status": "skipped"} for name in skipped]
        self.warehouse.batch = f"build of {moment}"
        for name in set(models) & {"kpi_revenue", "kpi_heads"}:
            self.warehouse.sql(f"update kpi.{name} set batch_id = ?", self.warehouse.batch)
        run_results = {"metadata": {"invocation_id": self.warehouse.batch}, "results": results}
        return builds.record(self.warehouse.catalog, self.lineage, run_results, edited)

    def publish(self, moment: str) -> dict[str, str]:
        """January and February are judged and published; gives why a KPI's February is held."""
        self.warehouse.now(moment)
        builds.outdate(self.warehouse.catalog)
        self.warehouse.judge("2026-01-01", "2026-02-28")
        held = self.warehouse.release("2026-01-01", "2026-02-28").held
        return {verdict.kpi_id: verdict.reason for verdict in held if verdict.time_period == "2026-02"}


def node(resource_type: str, name: str) -> dict[str, Any]:
    """A node of the manifest; all models are in one schema."""
    materialized = "incremental" if name in INCREMENTAL else "table"
    return {"name": name, "resource_type": resource_type, "schema": "kpi", "config": {"materialized": materialized}}


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """Both KPIs were built, whole, at noon on 4 March, after their data came."""
    warehouse = make.make(tmp_path, monkeypatch)
    warehouse.feed("staff")
    values = make.months("2025-01", "2026-02", lambda n: 100.0 + n)
    warehouse.add(make.kpi("revenue"), values)
    warehouse.add(make.kpi("heads", feeds=("staff",)), values)
    warehouse.sql("delete from kpi._builds")
    warehouse.sql("create table raw._files (feed varchar, loaded_at timestamptz, shape varchar)")
    manifest = tmp_path / "manifest.json"
    nodes = {key: node(*key.split(".")[:3:2]) for key in PARENTS}
    for table in ("stg_orders", "fct_orders", "stg_staff"):
        warehouse.sql(f"create table kpi.{table} as select range as n, range * 2.5 as amount from range(5)")
    manifest.write_text(json.dumps({"nodes": nodes, "parent_map": PARENTS, "macros": {}}))
    new_deployment = Deployment(warehouse, Lineage(manifest))
    new_deployment.data("orders", "2026-03-04T11:00")
    new_deployment.data("staff", "2026-03-04T11:00")
    assert new_deployment.build("2026-03-04T12:00", [*REVENUE, *HEADS]) == {}
    return new_deployment


def test_a_build_of_one_kpi_leaves_the_others_as_they_were(deployment: Deployment) -> None:
    assert deployment.build("2026-03-05T06:00", ["kpi_revenue"]) == {}
    assert deployment.publish("2026-03-05T07:00") == {}


def test_a_build_of_marts_alone_leaves_the_kpis_as_they_were_judged(deployment: Deployment) -> None:
    assert deployment.publish("2026-03-04T13:00") == {}
    assert deployment.build("2026-03-05T06:00", ["fct_orders"]) == {}
    assert deployment.publish("2026-03-05T07:00") == {}
    assert deployment.warehouse.published("select count(distinct sequence) from kpi.vintages") == [(1,)]


def test_data_that_came_after_the_build_holds_only_the_kpis_that_read_it(deployment: Deployment) -> None:
    deployment.data("orders", "2026-03-05T06:00")
    held = deployment.publish("2026-03-05T07:00")
    assert list(held) == ["revenue"]
    assert "newer data came from orders" in held["revenue"]


@pytest.mark.parametrize("models", [["kpi_revenue"], ["fct_orders"], ["fct_orders", "kpi_revenue"]])
def test_an_outdated_kpi_needs_a_build_of_all_that_is_upstream(deployment: Deployment, models: list[str]) -> None:
    deployment.data("orders", "2026-03-05T06:00")
    deployment.build("2026-03-05T06:30", models)
    assert "newer data came from orders" in deployment.publish("2026-03-05T07:00")["revenue"]
    assert deployment.build("2026-03-05T07:30", REVENUE) == {}
    assert deployment.publish("2026-03-05T08:00") == {}


def test_a_failed_test_upstream_holds_the_kpi_until_all_of_it_is_built(deployment: Deployment) -> None:
    reasons = deployment.build("2026-03-05T06:00", ["fct_orders"], failed=["test.p.fct_orders_unique.1"])
    assert reasons == {"revenue": "fct_orders_unique: it broke"}
    assert "it broke" in deployment.publish("2026-03-05T06:10")["revenue"]
    assert "it broke" in deployment.build("2026-03-05T06:20", ["kpi_revenue"])["revenue"]
    assert deployment.build("2026-03-05T06:30", REVENUE) == {}
    assert deployment.publish("2026-03-05T06:40") == {}


def test_a_failed_model_upstream_holds_the_kpi_that_was_skipped_for_it(deployment: Deployment) -> None:
    reasons = deployment.build("2026-03-05T06:00", HEADS, failed=["model.p.stg_orders"], skipped=REVENUE[1:])
    assert reasons == {"revenue": "stg_orders: it broke"}
    assert list(deployment.publish("2026-03-05T07:00")) == ["revenue"]


def test_a_failed_model_holds_no_kpi_that_only_shares_what_is_upstream(deployment: Deployment) -> None:
    deployment.lineage.parents["model.p.fct_orders"].append("model.p.stg_staff")
    reasons = deployment.build("2026-03-05T06:00", HEADS, failed=["model.p.fct_orders"], skipped=["kpi_revenue"])
    assert set(reasons) == {"revenue"}


def test_a_kpi_that_was_cut_short_or_never_built_whole_is_held(deployment: Deployment) -> None:
    assert "was not built" in deployment.build("2026-03-05T06:00", [], skipped=["kpi_heads"])["heads"]
    deployment.warehouse.sql("delete from kpi._builds where kpi_id = 'revenue'")
    assert "never built with all its models" in deployment.build("2026-03-05T06:10", ["kpi_revenue"])["revenue"]
    assert set(deployment.publish("2026-03-05T06:20")) == {"revenue", "heads"}


def test_a_build_after_the_clock_was_set_back_counts_as_the_newest(deployment: Deployment) -> None:
    failures = deployment.build("2026-03-03T06:00", ["fct_orders"], failed=["test.p.fct_orders_unique.1"])
    assert set(failures) == {"revenue"}
    assert set(deployment.publish("2026-03-05T06:20")) == {"revenue"}


EDIT = "update kpi.kpi_revenue set obs_value = obs_value + 1 where time_period = '2026-02'"


def test_a_value_that_was_edited_after_the_build_is_held_though_newer_rows_came(deployment: Deployment) -> None:
    assert deployment.publish("2026-03-04T13:00") == {}
    deployment.data("orders", "2026-03-05T06:00")
    assert deployment.build("2026-03-05T06:10", REVENUE) == {}
    deployment.warehouse.sql(EDIT)
    held = deployment.publish("2026-03-05T07:00")
    assert list(held) == ["revenue"]
    assert "kpi.kpi_revenue has other rows than the build wrote: run again" in held["revenue"]
    value = "select obs_value from kpi.observations where kpi_id = 'revenue' and time_period = '2026-02'"
    assert deployment.warehouse.published(f"{value} and segment = '_T'") == [(113.0,)]


@pytest.mark.parametrize("model", ["stg_orders", "fct_orders"])
def test_a_kpi_is_not_built_from_a_model_that_was_edited(deployment: Deployment, model: str) -> None:
    deployment.warehouse.sql(f"update kpi.{model} set amount = amount + 1 where n = 3")
    reasons = deployment.build("2026-03-05T06:10", ["kpi_revenue"])
    assert reasons == {"revenue": f"{model}: other rows than dbt wrote; build it again"}
    assert list(deployment.publish("2026-03-05T07:00")) == ["revenue"]
    assert deployment.build("2026-03-05T07:10", REVENUE) == {}
    assert deployment.publish("2026-03-05T08:00") == {}


def test_an_edited_incremental_model_is_made_anew(deployment: Deployment) -> None:
    """The build would go on from what somebody wrote into it."""
    tables = "select table_name from duckdb_tables() where table_name in ('stg_orders', 'fct_orders') order by 1"
    deployment.warehouse.sql("update kpi.stg_orders set amount = amount + 1 where n = 3")
    deployment.warehouse.sql("update kpi.fct_orders set amount = amount + 1 where n = 3")
    assert builds.edited(deployment.lineage) == {"model.p.stg_orders", "model.p.fct_orders"}
    assert deployment.warehouse.sql(tables) == [("stg_orders",)]


def test_an_unchanged_model_counts_as_built_only_if_its_tests_passed(deployment: Deployment) -> None:
    """A run in which its test failed leaves the model unchanged; then the KPI alone is built."""
    test, upstream = "test.p.fct_orders_unique.1", {"model.p.stg_orders", "model.p.fct_orders"}
    deployment.build("2026-03-05T06:00", REVENUE[:2], failed=[test])
    built = {
        "metadata": {"invocation_id": "chosen"},
        "results": [{"unique_id": "model.p.kpi_revenue", "status": "success"}],
    }
    catalog, lineage = deployment.warehouse.catalog, deployment.lineage
    assert "it broke" in builds.record(catalog, lineage, built, unchanged=upstream)["revenue"]
    assert builds.record(catalog, lineage, built, unchanged={*upstream, test}) == {}
