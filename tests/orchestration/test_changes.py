"""Which nodes a run leaves out: only those that a build of everything would leave as they are."""

from __future__ import annotations

import json
import random
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import warehouse_factory as make
from warehouse_factory import Warehouse

from data_quality import contents
from metrics.versioning.lineage import Lineage
from orchestration.dbt import changes

PARENTS = {
    "model.p.stg_orders": ["source.p.raw.orders"],
    "model.p.stg_staff": ["source.p.raw.staff"],
    "model.p.fct_orders": ["model.p.stg_orders"],
    "test.p.fct_orders_unique.1": ["model.p.fct_orders"],
    "model.p.kpi_revenue": ["model.p.fct_orders"],
    "model.p.kpi_per_head": ["model.p.fct_orders", "model.p.stg_staff"],
}
KPIS = ("revenue", "per_head")
MACROS = {
    "this_day": "cast('{{ env_var(\"NYCKELTAL_TODAY\") }}' as date)",
    "days_until_today": "{{ this_day() }} - day",
}
MACROS_OF_MANIFEST = {
    f"macro.p.{name}": {
        "macro_sql": sql,
        "depends_on": {"macros": [f"macro.p.{called}" for called in MACROS if called in sql]},
    }
    for name, sql in MACROS.items()
}


@dataclass
class Project:
    """A warehouse, and dbt's nodes with their code; `rows` is what each node was last computed from."""

    warehouse: Warehouse
    code: dict[str, str]
    today: date = date(2026, 3, 5)
    rows: dict[str, Any] = field(default_factory=dict)

    @property
    def lineage(self) -> Lineage:
        nodes = {
            key: {
                "name": key.split(".")[2],
                "resource_type": key.split(".")[0],
                "schema": "kpi",
                "raw_code": self.code[key],
                "config": {},
                "depends_on": {"macros": [f"macro.p.{name}" for name in MACROS if name in self.code[key]]},
            }
            for key in PARENTS
        }
        path = self.warehouse.path.parent / "manifest.json"
        path.write_text(json.dumps({"nodes": nodes, "parent_map": PARENTS, "macros": MACROS_OF_MANIFEST}))
        return Lineage(path)

    def value(self, key: str, computed: dict[str, Any]) -> Any:
        """What a node gives: its code on what it reads, of `computed` and of the feeds."""
        if key.startswith("source."):
            return self.warehouse.sql(f"select sum(n) from raw.{key.split('.')[3]}")
        day = self.today if "today" in self.code[key] else None
        return (self.code[key], day, [self.value_of(parent, computed) for parent in PARENTS[key]])

    def value_of(self, parent: str, computed: dict[str, Any]) -> Any:
        return self.value(parent, computed) if parent.startswith("source.") else computed[parent]

    def unchanged(self, edited: Collection[str] = ()) -> frozenset[str]:
        current = changes.fingerprints(self.lineage, self.today)
        return changes.up_to_date(self.lineage, self.warehouse.catalog, current, edited)

    def keep_contents(self) -> None:
        """What a build keeps of the tables that it made."""
        names = [("kpi", key.split(".")[2]) for key in PARENTS if key.startswith("model.")]
        with duckdb.connect(str(self.warehouse.path)) as connection:
            contents.record(connection, names)

    def run(self, *, failing: Collection[str] = (), stopped_after: int | None = None) -> list[str]:
        """A run as the main job's; nodes that fail keep others from being built. Gives what was built."""
        current = changes.fingerprints(self.lineage, self.today)
        unchanged = changes.up_to_date(self.lineage, self.warehouse.catalog, current, ())
        begun = changes.begin(current, unchanged)
        results: dict[str, str] = {}
        for key in (key for key in PARENTS if key not in unchanged):
            if stopped_after == len(results):
                return list(results)
            if any(results.get(parent) in ("error", "skipped") for parent in PARENTS[key]):
                results[key] = "skipped"
            elif key in failing:
                results[key] = "fail" if key.startswith("test.") else "error"
            else:
                self.rows[key] = self.value(key, self.rows)
                results[key] = "pass" if key.startswith("test.") else "success"
        run_results = {"results": [{"unique_id": key, "status": status} for key, status in results.items()]}
        changes.record(self.lineage, begun, run_results)
        self.keep_contents()
        return [key for key, status in results.items() if status in ("success", "pass")]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    warehouse = make.make(tmp_path, monkeypatch)
    for kpi_id in KPIS:
        warehouse.add(make.kpi(kpi_id))
    for feed in ("orders", "staff"):
        warehouse.sql(f"create table raw.{feed} as select range as n, 'a.csv' as _source_file from range(4)")
    for table in ("stg_orders", "stg_staff", "fct_orders"):
        warehouse.sql(f"create table kpi.{table} (n bigint)")
    return Project(warehouse, dict.fromkeys(PARENTS, "select 1"))


def test_what_has_nothing_new_is_left_out(project: Project) -> None:
    assert project.run() == list(PARENTS)
    assert project.run() == []
    project.warehouse.sql("insert into raw.staff values (9, 'b.csv')")
    assert project.run() == ["model.p.stg_staff", "model.p.kpi_per_head"]
    project.code["model.p.fct_orders"] = "select 2"
    built = project.run()
    assert built == [key for key in PARENTS if "fct_orders" in key or "kpi" in key]


@pytest.mark.parametrize("code", ["select {{ days_until_today() }}", "select current_date as today"])
def test_a_new_day_builds_what_asks_for_it_and_what_is_downstream(project: Project, code: str) -> None:
    project.code["model.p.stg_staff"] = code
    project.run()
    project.today = date(2026, 3, 6)
    assert project.run() == ["model.p.stg_staff", "model.p.kpi_per_head"]
    assert project.run() == []


def test_what_failed_or_was_edited_or_lost_is_built_again(project: Project) -> None:
    test = "test.p.fct_orders_unique.1"
    project.run(failing=[test])
    assert project.run(failing=[test]) == []
    assert project.run() == [test]
    # What is downstream of an edited table may have been built from it.
    assert project.unchanged(edited=["model.p.stg_orders"]) == {"model.p.stg_staff"}
    project.warehouse.built("revenue", ok=False, reason="a test failed")
    assert project.unchanged() == set(PARENTS) - {"model.p.kpi_revenue"}
    project.warehouse.sql("alter table kpi.stg_staff rename to kept")
    project.warehouse.sql("create view kpi.stg_staff as from kpi.kept")
    assert not {"model.p.stg_staff", "model.p.kpi_per_head"} & project.unchanged()


def test_what_a_stopped_run_had_begun_is_built_again_though_its_code_is_that_of_before(project: Project) -> None:
    project.run()
    project.code["model.p.stg_orders"] = "select 2"
    assert project.run(stopped_after=1) == ["model.p.stg_orders"]
    project.code["model.p.stg_orders"] = "select 1"
    assert project.run() == [key for key in PARENTS if key != "model.p.stg_staff"]


@pytest.mark.parametrize("seed", range(4))
def test_after_any_runs_what_is_left_out_is_what_a_build_of_everything_gives(project: Project, seed: int) -> None:
    """Feeds, code and the day change, some back and forth, nodes fail, runs are stopped in the middle."""
    chance = random.Random(seed)
    for _ in range(8):
        change = chance.choice(["rows", "rows of before", "code", "day", "nothing"])
        feed = chance.choice(["orders", "staff"])
        if change == "rows":
            project.warehouse.sql(f"insert into raw.{feed} values (?, 'b.csv')", chance.randrange(2))
        elif change == "rows of before":
            project.warehouse.sql(f"delete from raw.{feed} where _source_file = 'b.csv'")
        elif change == "code":
            code = chance.choice(["select 0", "select 1", "select {{ days_until_today() }}"])
            project.code[chance.choice(list(PARENTS))] = code
        elif change == "day":
            project.today += timedelta(days=1)
        expected: dict[str, Any] = {}
        for key in PARENTS:
            expected[key] = project.value(key, expected)
        unchanged = project.unchanged()
        assert {key: project.rows[key] for key in unchanged} == {key: expected[key] for key in unchanged}
        project.run(
            failing=chance.sample(list(PARENTS), chance.choice([0, 0, 1])),
            stopped_after=chance.choice([None, None, 0, 1, 2, 3]),
        )


LACKING_PARENTS = {
    "model.p.stg_orders": ["source.p.raw.orders"],
    "model.p.stg_rates": [],  # lacking, and read by what isn't
    "test.p.stg_rates_unique.1": ["model.p.stg_rates"],
    "model.p.fct_orders": ["model.p.stg_orders", "model.p.stg_rates"],
    "model.p.dim_days": [],
    "model.p.stg_goals": [],  # lacking, and so is all that reads it
    "model.p.fct_goals": ["model.p.stg_goals", "model.p.dim_days"],
    "test.p.fct_goals_unique.1": ["model.p.fct_goals"],
    "test.p.rates_of_goals.1": ["model.p.stg_rates", "model.p.stg_goals"],
    "exposure.p.goals": ["model.p.fct_goals"],
}


def test_entities_that_no_feed_supplies_are_left_out_unless_a_table_of_theirs_was_built(project: Project) -> None:
    nodes = {
        key: {
            "name": key.split(".")[2],
            "resource_type": key.split(".")[0],
            "schema": "kpi",
            "depends_on": {
                "macros": ["macro.nyckeltal.not_supplied"] if key in ("model.p.stg_rates", "model.p.stg_goals") else []
            },
        }
        for key in LACKING_PARENTS
        if not key.startswith("exposure.")
    }
    path = project.warehouse.path.parent / "manifest.json"
    path.write_text(json.dumps({"nodes": nodes, "parent_map": LACKING_PARENTS, "macros": {}}))
    lineage = Lineage(path)
    of_goals = {key for key in nodes if "goals" in key}
    assert changes.left_out(lineage) == of_goals
    project.warehouse.sql("create table kpi.fct_goals (n bigint)")
    assert changes.left_out(lineage) == of_goals  # made by somebody else
    with duckdb.connect(str(project.warehouse.path)) as connection:
        contents.record(connection, [("kpi", "fct_goals")])
    assert changes.left_out(lineage) == set()
