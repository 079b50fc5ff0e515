"""A company's own KPIs: definitions, domains, marts, metrics, macros and tests in its folder, with the same rules."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from metrics.compiled_folder import compile_company, write
from metrics.core.deployment import PROJECT
from metrics.core.errors import NyckeltalError, Problems
from metrics.definitions import input_entities
from metrics.definitions.company import Company
from metrics.definitions.kpis.adopted import adopted_kpis
from metrics.lint.binding import require_bound
from metrics.versioning.lineage import Lineage
from orchestration.cli.app import app
from orchestration.dbt import project
from orchestration.dbt.manifest import prepared_manifest
from orchestration.dbt.planning import parsed, planned

OWN = PROJECT / "tests/ravenstack"  # whose KPIs of subscriptions are its own


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "company"
    shutil.copytree(OWN, copy)
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("NYCKELTAL_COMPANY", str(copy))
    return copy


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def keep_only(folder: Path, *kpi_ids: str) -> None:
    """Removes the other KPIs: a plan of a few takes a fraction of the time."""
    for file in folder.glob("kpis/*/*.yml"):
        if file.stem not in kpi_ids:
            file.unlink()


def findings(folder: Path) -> str:
    with pytest.raises(Problems) as raised:
        adopted_kpis(Company.load(folder))
    return str(raised.value)


def test_a_whole_definition_is_read_with_its_adoption_and_its_folder_is_the_domain(folder: Path) -> None:
    kpis = {kpi.id: kpi for kpi in adopted_kpis(Company.load(folder))}
    mrr, csat = kpis["mrr"], kpis["csat"]
    assert (mrr.domain, mrr.is_own, mrr.version) == ("subscriptions", True, 1)
    assert mrr.definition.freqs == mrr.adoption.freqs == ("W", "M", "Q", "A")
    assert (mrr.adoption.owner, mrr.adoption.definition_version) == ("cfo@ravenstack.example", None)
    assert (csat.domain, csat.is_own) == ("customer", False)


def test_an_own_domain_may_be_named_and_a_domain_that_there_is_not_may_not(folder: Path) -> None:
    change(folder / "calendar.yml", "{default: 7}", "{default: 7, subscriptions: 3, subscription: 3}")
    with pytest.raises(Problems, match=r"no group of KPIs 'subscription' \(did you mean 'subscriptions'\?\)"):
        Company.load(folder)


def test_an_own_definition_stands_in_place_of_a_standard_one(folder: Path) -> None:
    own = (folder / "kpis/subscriptions/mrr.yml").read_text().replace("kpi: mrr", "kpi: csat")
    (folder / "kpis/customer/csat.yml").write_text(own)
    (csat,) = (kpi for kpi in adopted_kpis(Company.load(folder)) if kpi.id == "csat")
    assert csat.is_own and csat.definition.metric == "mrr"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("unit: currency\n", "", "mrr.yml:1: unit: is required but missing"),
        ("direction: up", "directon: up", "directon: unknown key (did you mean 'direction'?)"),
        ("owner: cfo@ravenstack.example\n", "", "owner: is required but missing"),
        ("metric: mrr\n", "", "metric: is required but missing"),
    ],
)
def test_an_own_definition_has_the_rules_of_a_standard_one(folder: Path, old: str, new: str, problem: str) -> None:
    change(folder / "kpis/subscriptions/mrr.yml", old, new)
    assert problem in findings(folder)


def test_a_file_that_is_neither_an_adoption_nor_a_definition(folder: Path) -> None:
    text = (folder / "kpis/customer/csat.yml").read_text()
    (folder / "kpis/customer/liking.yml").write_text(text.replace("csat", "liking"))
    assert "there is no standard definition 'liking'; expected the id of one, or a whole definition" in findings(folder)
    (folder / "kpis/customer/liking.yml").rename(folder / "kpis/customer/csat.yml")
    for misplaced in ("kpis/mrr2.yml", "kpis/customer/mrr2.yaml", "kpis/customer/deeper/mrr2.yml"):
        (folder / misplaced).parent.mkdir(exist_ok=True)
        (folder / misplaced).write_text(text)
        assert f"{misplaced}: isn't where KPIs are read; expected kpis/<domain>/<kpi>.yml" in findings(folder)
        (folder / misplaced).unlink()
    (folder / "kpis/Sales").mkdir()
    (folder / "kpis/customer/csat.yml").write_text(text)
    (folder / "kpis/customer/csat.yml").rename(folder / "kpis/Sales/csat.yml")
    assert "can't be the name of a domain; found 'Sales'" in findings(folder)


def test_describing_or_testing_an_own_model_changes_no_definition(folder: Path) -> None:
    keep_only(folder, "net_revenue_retention", "paying_accounts")  # of fct_account_periods and fct_subscription_days
    before = planned(Company.load(folder))
    mart = folder / "models/marts/fct_account_periods.yml"
    change(mart, "description: Account.", "description: Who pays.\n        data_tests: [not_null]")
    (folder / "tests/another.sql").write_text("select 1 from {{ ref('stg_subscriptions') }} where mrr_amount < 0")
    after = planned(Company.load(folder))
    assert [defined_kpi.current_definition.hash for defined_kpi in after.kpis] == [
        defined_kpi.current_definition.hash for defined_kpi in before.kpis
    ]
    tests = [node for node in after.lineage.nodes.values() if node["resource_type"] == "test"]
    assert {"another", "kept_mrr_is_part_of_opening_mrr"} <= {node["name"] for node in tests}


def test_a_zero_that_dbt_drops_of_a_metric_is_read(folder: Path) -> None:
    """dbt leaves fill_nulls_with out of its semantic manifest."""
    file = folder / "models/marts/fct_account_periods.yml"
    change(file, "agg: sum_boolean\n", "agg: sum_boolean\n        fill_nulls_with: 0\n")
    layer, _ = parsed(Company.load(folder))
    assert layer.fills_with_zero("lost_accounts_monthly")
    assert not layer.fills_with_zero("opening_accounts_monthly")


def test_what_an_own_metric_test_or_macro_misspells_is_found(folder: Path) -> None:
    _, lineage = parsed(Company.load(folder))
    company = Company.load(folder)
    require_bound(company, lineage)
    lineage.manifest["metrics"]["metric.nyckeltal.kept_mrr_monthly"]["type_params"]["expr"] = "kept_mr"
    lineage.nodes["test.nyckeltal.kept_mrr_is_part_of_opening_mrr"]["raw_code"] = (
        "select acount_id from {{ ref('fct_account_periods') }}"
    )
    with pytest.raises(Problems) as raised:
        require_bound(company, lineage)
    messages = [str(finding) for finding in raised.value.findings]
    assert len(messages) == 2
    assert "kept_mrr_is_part_of_opening_mrr.sql" in messages[0] and "did you mean 'account_id'?" in messages[0]
    line = (folder / "models/marts/fct_account_periods.yml").read_text().splitlines().index(
        "      - name: kept_mrr_monthly"
    ) + 1
    assert f"fct_account_periods.yml:{line}: the metric 'kept_mrr_monthly' reads a column 'kept_mr'" in messages[1]
    macro = lineage.macros["macro.nyckeltal.active_on"]
    macro["macro_sql"] = macro["macro_sql"].replace(".end_date", ".ends_date", 1)
    with pytest.raises(Problems, match=r"did you mean 'end_date'\?"):
        require_bound(company, lineage)


def test_models_that_read_each_other_are_named(tmp_path: Path) -> None:
    parents = {"model.nyckeltal.a": ["model.nyckeltal.b"], "model.nyckeltal.b": ["model.nyckeltal.a"]}
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"nodes": {}, "macros": {}, "parent_map": parents}))
    with pytest.raises(NyckeltalError, match=r"in a circle: (a → b → a|b → a → b)"):
        Lineage(manifest)


def test_a_name_that_dbt_cannot_resolve_is_found_at_its_line(folder: Path) -> None:
    for file, name, misspelt, problem in (
        (
            "models/staging/stg_subscriptions.sql",
            "'accounts'",
            "'acounts'",
            "no feed 'acounts' (did you mean 'accounts'",
        ),
        ("models/marts/fct_account_periods.sql", "'stg_subscriptions'", "'subscriptions'", "no model 'subscriptions'"),
        ("models/metrics/subscriptions.yml", "kept_mrr_yearly", "kept_mr_yearly", "(did you mean 'kept_mrr_yearly'?)"),
        ("models/marts/fct_account_periods.yml", "dimension: period_start", "dimension: period_strt", "'period_strt'"),
        ("models/staging/stg_subscriptions.sql", "'accounts') }}", "'accounts') }", "unexpected '}'"),
        ("models/marts/fct_account_periods.yml", "    columns:", "    columns:\n  - : [", "Syntax error near line"),
    ):
        path = folder / file
        change(path, name, misspelt)
        with pytest.raises(NyckeltalError, match=re.escape(problem)) as raised:
            parsed(Company.load(folder))
        line = path.read_text().split(misspelt)[0].count("\n") + 1
        assert raised.value.file == path and abs((raised.value.line or 0) - line) <= ("Syntax" in problem)
        change(path, misspelt, name)


def test_what_reads_a_feed_of_personnel_is_protected_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "company"
    shutil.copytree(PROJECT / "sample_company", folder, ignore=shutil.ignore_patterns("simulator", "__pycache__"))
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path / "data"))
    (folder / "models/marts").mkdir()
    staff = "select count(*) as n from {{ source('raw', 'employees') }}"
    (folder / "models/marts/fct_staff.sql").write_text(staff)
    (folder / "models/marts/fct_staff_twice.sql").write_text("select 2 * n as n from {{ ref('fct_staff') }}")
    _, lineage = parsed(Company.load(folder))
    assert lineage.upstream(("fct_staff_twice",)).protected
    assert not lineage.upstream(("fct_orders",)).protected


def test_an_entity_needs_no_file_and_the_compiled_folder_has_an_empty_model(folder: Path) -> None:
    keep_only(folder, "csat", "mrr")
    company = Company.load(folder)
    assert "leads" in input_entities.lacking(company) and "orders" not in input_entities.lacking(company)
    (folder / "models/staging/stg_leads.sql").write_text("{{ not_supplied() }}\n")
    with pytest.raises(NyckeltalError, match=r"staging/stg_leads\.sql\); run it again"):
        prepared_manifest(company)
    assert "staging/stg_leads.sql" in write(company, compile_company(company, planned(company)))
    assert not (folder / "compiled/staging/stg_leads.sql").exists()
    assert project.parse(company)


def test_new_kpi_writes_a_definition_to_fill_in_and_overwrites_nothing(folder: Path) -> None:
    file = folder / "kpis/subscriptions/mrr.yml"
    file.unlink()

    def new(*arguments: str) -> BaseException | None:
        return CliRunner().invoke(app, ["new", "kpi", *arguments]).exception

    assert "expected the domain of the KPI" in str(new("orders", "--metric", "orders_placed"))  # of two domains
    assert "did you mean 'mrr'?" in str(new("mrr", "--metric", "mr"))
    assert new("mrr", "--metric", "mrr") is None  # where paying_accounts is
    written = file.read_text()
    assert "kind: stock\n" in written and "n_obs: paid_subscriptions " in written and "# some of plan_tier" in written
    printed = findings(folder)
    empty = ("perspective", "unit", "direction", "type", "owner", "level", "objective", "target")
    assert [line.split(": ")[1] for line in printed.splitlines()] == list(empty)
    assert "stays as it is" in str(new("mrr", "--metric", "mrr", "--domain", "growth"))
    assert file.read_text() == written
    assert new("resolved", "--metric", "incidents_resolved") is None  # of the domain of KPIs of the same facts
    resolved = (folder / "kpis/operations/resolved.yml").read_text()
    assert "kind: flow\nunit: count " in resolved and "n_obs: incidents_resolved " in resolved
    assert new("return_rate") is None
    assert (folder / "kpis/customer/return_rate.yml").read_text().startswith("kpi: return_rate\nowner: ")
