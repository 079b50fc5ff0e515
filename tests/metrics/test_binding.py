"""`kpi check` finds what dbt would: a column that isn't there is one finding, at its root; no warehouse is needed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from dbt.context import providers
from typer.testing import CliRunner

from metrics.core.deployment import PROJECT
from metrics.core.errors import Problems
from metrics.definitions.company import Company
from metrics.lint.binding import require_bound
from metrics.versioning.lineage import Lineage
from metrics.versioning.rendering import undefined
from orchestration.cli.app import app
from orchestration.dbt.planning import parsed as parsed_of


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Lineage]:
    """A copy of the sample company, and the lineage of its models."""
    root = tmp_path_factory.mktemp("binding")
    folder = root / "company"
    shutil.copytree(PROJECT / "sample_company", folder, ignore=shutil.ignore_patterns("simulator", "__pycache__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NYCKELTAL_DATA_DIR", str(root / "data"))
        return folder, parsed_of(Company.load(folder))[1]


Change = Callable[[str, str, str], list[str]]


@pytest.fixture
def findings(parsed: tuple[Path, Lineage]) -> Change:
    """What is found with a text of a model replaced by another."""
    folder, lineage = parsed

    def change(model: str, old: str, new: str) -> list[str]:
        node = lineage.nodes[lineage.models[model]]
        before = node["raw_code"]
        assert old in before
        node["raw_code"] = before.replace(old, new, 1)
        try:
            require_bound(Company.load(folder), lineage)
        except Problems as problems:
            return [str(finding) for finding in problems.findings]
        finally:
            node["raw_code"] = before
        return []

    return change


def test_what_is_right_is_bound_in_a_second_or_two(parsed: tuple[Path, Lineage]) -> None:
    began = time.process_time()
    require_bound(Company.load(parsed[0]), parsed[1])
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("model", "old", "new", "problem"),
    [
        ("stg_web_sessions", "sessions as", "sesions as", "no column 'sesions' in sessions (did you mean 'sessions'?)"),
        ("stg_web_sessions", "as sessions", "as sesions", "gives no column 'sessions', which the contract of"),
        ("stg_web_sessions", "as bigint) as sessions", "as varchar) as sessions", "found 'varchar'; expected bigint"),
        ("fct_orders", "orders.country", "orders.contry", "no column 'contry' in "),
        ("fct_orders", "orders.country", "orders.CONTRY", "(did you mean 'country'?)"),
        ("fct_orders", "orders.country", "ordres.country", "no table or alias 'ordres' (did you mean 'orders'?)"),
        ("fct_orders", "select * from final", "select * fro final", "fct_orders.sql"),
        ("fct_orders", "select * from final", "select * from fianl", "no table 'fianl' (did you mean 'final'?)"),
        ("fct_orders", "sum(", "summ(", "no function 'summ' (did you mean 'sum'?)"),
        (
            "fct_orders",
            "select * from final",
            "select * from final {{ todai() }}",
            "names 'todai', which neither dbt nor",
        ),
    ],
)
def test_a_mistake_in_a_model_is_one_finding_at_its_file(
    findings: Change, model: str, old: str, new: str, problem: str
) -> None:
    messages = findings(model, old, new)
    assert len(messages) == 1 and f"{model}.sql" in messages[0] and problem in messages[0]


def test_the_names_that_dbt_has_in_templates_are_known() -> None:
    contexts = [kind for kind in vars(providers).values() if hasattr(kind, "_context_members_")]
    names = {name for context in contexts for name in context._context_members_}
    assert len(names) > 50
    assert undefined(" ".join(f"{{{{ {name} }}}}" for name in sorted(names))) == set()


def test_a_column_that_the_feed_does_not_declare_is_a_finding(findings: Change) -> None:
    (message,) = findings("stg_web_sessions", "from source", "from source where quux is null")
    assert "there is no column 'quux' in sessions" in message


def test_the_check_names_file_and_line_of_a_misspelt_column_and_nothing_else(
    parsed: tuple[Path, Lineage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "company"
    shutil.copytree(parsed[0], folder)
    staging = folder / "models/staging/stg_order_lines.sql"
    lines = staging.read_text().splitlines()
    (at,) = [number for number, line in enumerate(lines, 1) if "quantity" in line]
    lines[at - 1] = lines[at - 1].replace("quantity", "quantty", 1)
    staging.write_text("\n".join(lines) + "\n")
    monkeypatch.setenv("NYCKELTAL_COMPANY", str(folder))
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path / "data"))
    error = CliRunner().invoke(app, ["check"]).exception
    assert isinstance(error, Problems) and len(error.findings) == 1
    assert f"{staging}:{at}: there is no column 'quantty' in" in str(error)
    assert "did you mean 'quantity'?" in str(error)
    assert not (tmp_path / "data" / "warehouse.duckdb").exists()
