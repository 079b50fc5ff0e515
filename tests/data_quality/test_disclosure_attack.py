"""An attack on the sample company's published values: no number about too few persons can be computed from them."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pay_attack
import pytest
from conftest import Deployment, copy_of
from pydantic import ValidationError

from data_quality import pages
from data_quality.ledger.store import Ledger
from metrics.compiler.persons import contributions
from metrics.compiler.plan import plan
from metrics.compiler.semantic_layer import SemanticLayer
from metrics.core.deployment import ledger_path
from metrics.core.errors import NyckeltalError
from metrics.definitions.catalog import Catalog
from metrics.definitions.kpis.adopted import adopted_kpis
from metrics.definitions.kpis.kpi import Persons
from metrics.versioning.lineage import Lineage
from orchestration.dbt import project
from tests.disclosure_attack import cells, leaks

PROTECTED = ("headcount", "turnover_rate", "absence_rate", "gender_pay_gap")
PRIVATE = ("warehouse.duckdb", "pseudonym.key", "sources")


@pytest.fixture(scope="module")
def warehouse(deployment: Deployment) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(deployment.data / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def published(deployment: Deployment) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(deployment.data / "published" / "published.duckdb"), read_only=True) as connection:
        yield connection


def test_nothing_about_too_few_persons_can_be_worked_out(
    warehouse: duckdb.DuckDBPyConnection, published: duckdb.DuckDBPyConnection
) -> None:
    assert leaks(warehouse, cells(published, "kpi.observations"), cells(published, "kpi.vintages")) == []


def test_without_secondary_suppression_the_attack_finds_small_cells(warehouse: duckdb.DuckDBPyConnection) -> None:
    """The same attack, with only primary suppression."""
    tables = [f"kpi.kpi_{kpi_id}" for kpi_id in PROTECTED]
    rows = [row for table in tables for row in cells(warehouse, table) if row["freq"] != "S"]
    counted = "select kpi_id, time_period, segment, member from {} where n_persons_numerator between 1 and 4"
    small = {cell for table in tables for cell in warehouse.execute(counted.format(table)).fetchall()}
    assert small
    public = [row for row in rows if (row["kpi_id"], row["time_period"], row["segment"], row["member"]) not in small]
    leaked = leaks(warehouse, rows, public)
    assert any(line.startswith("leavers") for line in leaked)
    assert any(line.startswith("absence_days") for line in leaked)


def test_nobodys_pay_can_be_worked_out(
    warehouse: duckdb.DuckDBPyConnection, published: duckdb.DuckDBPyConnection
) -> None:
    figures = pay_attack.read(warehouse, cells(published, "kpi.vintages"))
    assert {place[0] for place in figures.gaps} == {"_T", "country", "department"}
    assert pay_attack.differenced(figures) == []
    assert min(pay_attack.estimated(figures).values()) > 0.7


def test_if_all_months_were_published_pays_would_be_found(warehouse: duckdb.DuckDBPyConnection) -> None:
    figures = pay_attack.read(warehouse, cells(warehouse, "kpi.kpi_gender_pay_gap"))
    assert any(difference.recovered for difference in pay_attack.differenced(figures))
    assert min(pay_attack.estimated(figures).values()) < 0.3


def test_other_columns_reveal_no_more_than_the_values(published: duckdb.DuckDBPyConnection) -> None:
    """Sums to date, numbers of persons, and columns derived from a suppressed value are empty."""
    of_protected = f"kpi_id in {PROTECTED}"
    columns = "numerator, denominator, n_obs, target_attained, change_previous, change_year_ago"
    values = ", ".join(f"{column}::double" for column in columns.split(", "))
    assert published.execute(
        f"select count(*) from kpi.observations where {of_protected} and (coalesce(year_to_date, year_to_date_year_ago,"
        " rolling_12_months, rolling_12_months_year_ago) is not null"
        f" or conf_status <> 'F' and coalesce({values}) is not null)"
    ).fetchall() == [(0,)]
    for column in ("previous_value", "year_ago_value"):
        strangers = published.execute(
            f"""select count(*) from kpi.observations o where {of_protected} and {column} is not null
            and not exists (from kpi.vintages v where v.kpi_id = o.kpi_id and v.freq = o.freq and v.member = o.member
                and v.segment = o.segment and v.obs_value = o.{column})"""
        ).fetchall()
        assert strangers == [(0,)]
    assert published.execute(
        "select count(*) from kpi.vintages where kpi_id = 'gender_pay_gap'"
        " and (numerator is not null or denominator is not null or obs_value <> round(obs_value, 6))"
    ).fetchall() == [(0,)]


def test_no_figure_of_a_hidden_cell_is_in_any_file(
    deployment: Deployment,
    warehouse: duckdb.DuckDBPyConnection,
    published: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not in ledger, verdicts, Data Docs, Dagster's store, dbt's files or logs: neither as text nor as bytes."""
    copied = copy_of(deployment, tmp_path / "data", monkeypatch)
    catalog = Catalog.read(copied.company)
    protected = catalog.model_copy(update={"kpis": tuple(kpi for kpi in catalog.kpis if kpi.protected)})
    pages.write(copied.company, protected)
    hidden = {
        (row["kpi_id"], row["time_period"], row["segment"], row["member"])
        for row in cells(published, "kpi.observations")
        if row["obs_value"] is None
    }
    published_rows = [
        row for table in ("vintages", "observations") for row in published.execute(f"from kpi.{table}").fetchall()
    ]
    shown = {value for row in published_rows for value in row if isinstance(value, float)}
    figures = {
        row["obs_value"]
        for kpi_id in ("turnover_rate", "absence_rate")
        for row in cells(warehouse, f"kpi.kpi_{kpi_id}")
        if row["obs_value"] and (row["kpi_id"], row["time_period"], row["segment"], row["member"]) in hidden
    }
    figures = {figure for figure in figures - shown if len(repr(figure)) > 10}  # others stand anywhere by chance
    assert len(figures) > 20
    texts = [repr(figure)[:10].encode() for figure in figures]
    doubles = [struct.pack("<d", figure) for figure in figures]
    searched = 0
    for path in sorted(copied.data.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.relative_to(copied.data).parts[0] not in PRIVATE:
            content = path.read_bytes()
            searched += 1
            assert not [mark for mark in (*texts, *doubles) if mark in content], path
    ledger = Ledger.open(ledger_path())
    for name in ("observations", "verdicts", "decisions", "releases"):
        content = str(ledger.rows(name).to_pylist()).encode()  # type: ignore[arg-type]
        assert not [mark for mark in texts if mark in content], name
        if name == "observations":
            assert [
                value for value in shown if isinstance(value, float) and value and repr(value).encode() in content
            ]  # so they would be found
    assert searched > 50


def test_verdicts_of_protected_kpis_hold_no_figure(published: duckdb.DuckDBPyConnection) -> None:
    """Their reasons contain no numbers except the dates of feeds and periods."""
    verdicts = published.execute(
        f"select distinct reason, checks from kpi.verdicts where kpi_id in {PROTECTED}"
    ).fetchall()
    assert verdicts
    for reason, checks in verdicts:
        assert not re.search(r"\d", re.sub(r"\d{4}-\d{2}-\d{2}", "", reason)), reason
        assert all(check["figure"] is None and check["limit"] is None for check in json.loads(checks))


def test_a_kpi_that_mixes_people_with_other_data_is_protected(deployment: Deployment) -> None:
    """By its lineage: also where a mart of the company's own stands between it and the HR data."""
    lineage = Lineage(project.target_dir(deployment.company) / "manifest.json")
    assert not lineage.upstream(("fct_orders",)).protected
    assert lineage.upstream(("fct_orders", "fct_exits")).protected
    lineage.parents["model.nyckeltal.fct_own"] = [lineage.models["fct_orders"], lineage.models["fct_exits"]]
    exits = lineage.nodes[lineage.models["fct_exits"]]
    lineage.nodes["model.nyckeltal.fct_own"] = {**exits, "name": "fct_own"}
    lineage.models["fct_own"] = "model.nyckeltal.fct_own"
    assert lineage.upstream(("fct_own",)).protected


@pytest.mark.parametrize(("highest", "count"), [(42.0, 12), (43.0, 2)])
def test_a_group_that_two_can_dominate_counts_as_two(deployment: Deployment, highest: float, count: int) -> None:
    layer = SemanticLayer.read(project.target_dir(deployment.company) / "semantic_manifest.json")
    (pay_gap,) = (adopted for adopted in adopted_kpis(deployment.company) if adopted.id == "gender_pay_gap")
    persons = plan(pay_gap, layer).n_persons_numerator
    assert persons is not None
    leaves = f"select 12 as women, 100.0 as hourly_pay_women, {highest} as highest_hourly_pay_women"
    assert duckdb.sql(f"select {persons.sql(dialect='duckdb')} from ({leaves})").fetchall() == [(count,)]


def test_amounts_of_a_period_cannot_be_protected(deployment: Deployment) -> None:
    layer = SemanticLayer.read(project.target_dir(deployment.company) / "semantic_manifest.json")
    (pay_gap,) = (adopted for adopted in adopted_kpis(deployment.company) if adopted.id == "gender_pay_gap")
    assert pay_gap.definition.persons is not None
    persons = pay_gap.definition.persons.model_copy(update={"numerator": "employees_in_period"})
    definition = pay_gap.definition.model_copy(update={"persons": persons})
    message = "'employees_in_period' and 'hourly_pay_women' are computed over a whole period"
    with pytest.raises(NyckeltalError, match=message):
        contributions(definition, ["country"], layer)


def test_dominance_is_by_fewer_than_the_threshold() -> None:
    rule = {"n": 5, "k": 0.8, "numerator": "share_of_women", "denominator": "share_of_men"}
    with pytest.raises(ValidationError, match="an n below the threshold"):
        Persons(numerator="women", denominator="men", threshold=5, dominance=rule)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("counts", "missing"),
    [
        ({"threshold": 5}, "of the numerator, of the denominator, or of both"),
        ({"denominator": "employees", "nested": True}, "nested needs a numerator"),
        ({"denominator": "employees", "of": "leavers"}, "of needs a numerator"),
    ],
)
def test_persons_count_what_the_rules_need(counts: dict[str, object], missing: str) -> None:
    with pytest.raises(ValidationError, match=missing):
        Persons.model_validate(counts)
