"""The recipes of CONTRIBUTING.md ("Extending is one file"), done in a copy of the project: each file is found."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import copied_company, partial_parse

from metrics.core.deployment import PROJECT
from metrics.definitions.company import Company

_PAGE = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^```\w+\n(?:#|--) (\S+/\S+)\n(.*?)^```$", _PAGE, re.DOTALL | re.MULTILINE))
"""By path in the project the content of each file in a recipe."""
COMMANDS = "orchestration/cli/commands"
FOUND = """
import json
from data_quality.gate.checks.registry import NAMES
from metrics.lint import finding, rules
from metrics.lint.rule import rules_of
from orchestration.cli.app import app
from publishing import lint
from publishing.lint.record import Record
from typer.main import get_command

print(json.dumps({
    "checks": NAMES,
    "rules": [*rules_of(rules), *finding.RULES, *lint.RULES],
    "published": [list(lint.RULES["value_is_negative"].findings(Record("profit", (-1.0, 2.0), (), "", None)))],
    "commands": list(get_command(app).commands),
}))
"""
PUBLISH = """
from types import SimpleNamespace
import pyarrow as pa
import publishing
from data_quality.ledger.store import Ledger
from metrics.core import deployment
from publishing import duckdb_file, site

deployment.published_path().parent.mkdir(parents=True)
ledger = SimpleNamespace(newest={"release_id": "1"}, observations=pa.table({"obs_value": [1.5]}))
Ledger.find = staticmethod(lambda _: ledger)
duckdb_file.publish = lambda _: None
site.publish = lambda _: None
publishing.publish()
"""
READ = """
import sys
from pathlib import Path
import pyarrow as pa
from pyarrow import feather
from metrics.definitions.feeds import Feed
from orchestration.ingest.readers import reader

path = Path(sys.argv[1])
feather.write_feather(pa.table({"id": ["a", "b"]}), path)
feed = Feed.model_validate({
    "name": "rows", "system": "recipes", "file": "recipes.yml", "line": 1, "description": "Rows.", "path": str(path),
    "format": "feather", "columns": {"id": "text"}, "history_from": "2026-01-01", "watermark": "delivery",
})
(chunk,) = reader(feed.format).read(path, feed, print)
print(chunk.rows.num_rows)
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the files of all recipes."""
    copy = tmp_path_factory.mktemp("recipes") / "project"
    unwanted = shutil.ignore_patterns("__pycache__", "target", "logs")
    for folder in ("metrics", "data_quality", "publishing", "orchestration", "dbt_project"):
        shutil.copytree(PROJECT / folder, copy / folder, symlinks=True, ignore=unwanted)
    copied_company({"net_revenue"}, copy)
    for path, content in RECIPES.items():
        if (copy / path).parent.is_dir():
            assert not (copy / path).exists()
            (copy / path).write_text(content, encoding="utf-8")
    for target, without_kpis in (("target", False), ("compile/target", True)):
        parsed = partial_parse(Company.load(PROJECT / "sample_company"), tmp_path_factory, without_kpis=without_kpis)
        if parsed.exists():
            (copy / "data/dbt/sample_company" / target).mkdir(parents=True)
            shutil.copy(parsed, copy / "data/dbt/sample_company" / target / "partial_parse.msgpack")
    return copy


def python(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python in the copy, whose packages go before the installed ones."""
    environment_without_ours = {name: value for name, value in os.environ.items() if not name.startswith("NYCKELTAL_")}
    environment = {**environment_without_ours, "NYCKELTAL_DATA_DIR": str(copy / "data"), "PYTHONPATH": str(copy)}
    return subprocess.run([sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True)


def adopt(copy: Path, domain: str, kpi: str, *, owner: str = "coo@nordvik.example") -> Path:
    """Let the sample company adopt a KPI."""
    file = copy / "sample_company" / "kpis" / domain / f"{kpi}.yml"
    lines = [f"kpi: {kpi}", f"owner: {owner}", "level: supporting", "objective: profitable_growth"]
    lines += ["target: {none: a recipe}", "review: quarterly", "freqs: [M]"]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_check_lint_rule_and_command_are_found(copy: Path) -> None:
    process = python(copy, "-c", FOUND)
    assert process.returncode == 0, process.stderr
    names = json.loads(process.stdout)
    assert "negative_total" in names["checks"]
    assert {"owner_is_an_address", "standard_without_source", "value_is_negative"} <= set(names["rules"])
    assert names["published"] == [[["profit", "its newest value is negative"]]]
    assert "owners" in names["commands"] or not (PROJECT / COMMANDS).is_dir()


def test_a_publisher_is_called(copy: Path) -> None:
    process = python(copy, "-c", PUBLISH)
    assert process.returncode == 0, process.stderr
    assert (copy / "data" / "published" / "vintages.parquet").exists()


@pytest.mark.skipif(not (PROJECT / "orchestration/ingest/readers").is_dir(), reason="readers are a list yet")
def test_a_reader_reads(copy: Path) -> None:
    process = python(copy, "-c", READ, str(copy / "rows.feather"))
    assert (process.stdout, process.returncode) == ("2\n", 0), process.stderr


def test_kpis_on_an_old_and_a_new_entity_are_planned_and_linted(copy: Path) -> None:
    staging = copy / "sample_company" / "models" / "staging" / "stg_newsletters.sql"
    staging.write_text("{{ not_supplied() }}\n", encoding="utf-8")
    adopt(copy, "customer", "orders_placed")
    wrong = adopt(copy, "marketing", "newsletter_recipients", owner="the boss")
    process = python(copy, "-m", "orchestration.cli.app", "check")
    assert process.returncode == 2, process.stderr
    assert (
        f"{wrong.relative_to(copy)}:2: owner: is no address; expected one such as cfo@nordvik.example" in process.stderr
    )
    adopt(copy, "marketing", "newsletter_recipients")
    process = python(copy, "-m", "orchestration.cli.app", "check")
    assert "newsletter_recipients: follows no standard" in process.stdout
    process = python(copy, "-m", "orchestration.cli.app", "compile")
    assert process.returncode == 0, process.stderr
    assert "compiled/kpi/kpi_orders_placed.sql" in process.stdout
    assert "compiled/rollups/rollup_newsletters.sql" in process.stdout
