"""The dbt project: its unit tests pass, every model says what it is, and every mart with logic is tested by one."""

from __future__ import annotations

import json
import re
from contextlib import redirect_stdout
from os import devnull
from pathlib import Path
from typing import Any

import pytest

from orchestration.dbt import project
from tests.conftest import Deployment

# What a mart computes, rather than picks: a condition, an aggregate, a window, a division, a comparison.
LOGIC = re.compile(r"\bcase\b|\bsum\(|\bover \(|\bdistinct\b| / |>=|<=|to_reporting_currency", re.IGNORECASE)
WITHOUT_UNIT_TEST = {
    "dim_dates": "the calendar's days: any wrong one would show in every KPI",
    "fct_energy_readings": "its only logic is a unit: kWh to MWh",
    "fct_waste": "its only logic is a unit: kg to tonnes",
    "fct_hours_worked": "its only logic is a unit: hours to millions of hours",
}


@pytest.fixture(scope="module")
def manifest(deployment: Deployment) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((project.target_dir(deployment.company) / "manifest.json").read_text())
    return content


def marts(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        node
        for node in manifest["nodes"].values()
        if node["path"].startswith("marts/") and node["resource_type"] == "model"
    ]


def test_every_model_and_column_of_a_mart_is_described(manifest: dict[str, Any]) -> None:
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    assert [node["name"] for node in models if not node["description"]] == []
    for node in marts(manifest):
        assert [name for name, column in node["columns"].items() if not column["description"]] == [], node["name"]


def test_every_mart_with_logic_has_a_unit_test(manifest: dict[str, Any]) -> None:
    tested = {test["model"] for test in manifest["unit_tests"].values()}
    with_logic = {node["name"] for node in marts(manifest) if LOGIC.search(node["raw_code"])}
    assert with_logic - tested == set(WITHOUT_UNIT_TEST)


def test_the_unit_tests_of_the_marts_pass(copied: Deployment) -> None:
    with Path(devnull).open("w") as nowhere, redirect_stdout(nowhere):
        # A run leaves out what no feed supplies; a unit test reads the columns of all that its model reads.
        project.build(copied.company, ["run", "--empty", "--select", "+path:models/marts"], lambda _: None)
        results = project.build(copied.company, ["test", "--select", "test_type:unit"], lambda _: None)
    outcomes = {result["unique_id"]: (result["status"], result["message"]) for result in results["results"]}
    assert len(outcomes) >= 10
    assert {name: outcome for name, outcome in outcomes.items() if outcome[0] != "pass"} == {}
