"""Changed definitions through the real dbt: a new version, a refactoring that is none, and pruned models."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import NOW, Deployment, deliver_march

from metrics.company_plan import raw_columns
from metrics.compiled_folder import compile_company, write
from metrics.core import clock
from metrics.core.errors import NyckeltalError
from metrics.core.periods import parse
from metrics.definitions.company import Company
from metrics.versioning.lineage import Lineage
from metrics.versioning.reviewed import record_refactoring
from orchestration.dbt import project
from orchestration.dbt.manifest import require_compiled
from orchestration.dbt.planning import planned as planned_of
from orchestration.partitions import present_month


@pytest.fixture
def changeable(copied: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """The deployment a day later, with a company folder that may be changed."""
    company = tmp_path / "sample_company"
    shutil.copytree(copied.company.path, company)
    monkeypatch.setenv("NYCKELTAL_COMPANY", str(company))
    monkeypatch.setenv("NYCKELTAL_NOW", "2024-03-13T06:00:00+00:00")
    return dataclasses.replace(copied, company=Company.load(company))


def published(deployment: Deployment, query: str) -> list[Any]:
    with duckdb.connect(str(deployment.data / "published" / "published.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def days(company: Company) -> tuple[date, date]:
    """The days of a run that nobody chose months for."""
    month = present_month(company)
    return month.start, month.end


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_new_version_revises_the_history_and_a_refactoring_is_proved_on_the_rows_before_newer_ones(
    changeable: Deployment,
) -> None:
    folder = changeable.company.path
    before = published(changeable, "from kpi.observations where kpi_id not in ('web_sessions', 'csat') order by all")
    replace(folder / "models/staging/stg_web_sessions.sql", "cast(sessions as bigint)", "cast(sessions + 1 as bigint)")
    replace(folder / "models/staging/stg_support_tickets.sql", "cast(survey_score as", "cast(survey_score + 0 as")
    adoption = folder / "kpis/marketing/web_sessions.yml"
    adoption.write_text(f"{adoption.read_text()}definition_version: 2\n")
    company = Company.load(folder)
    planned = planned_of(company)
    for kpi_id in ("conversion_rate", "csat"):  # the first isn't
        record_refactoring(
            company, planned.current_definitions, [kpi_id], "gives the same", "analytics@nordvik.example"
        )
    write(company, compile_company(company, planned))
    deliver_march(changeable.data / "sources")

    result = dataclasses.replace(changeable, company=company).run(*days(company))
    yesterday, march = clock.today(company.time_zone) - timedelta(days=1), date(2024, 3, 1)
    rejudged = {
        verdict.kpi_id
        for verdict in result.verdicts
        # What closed before; of March the other feeds' data are still to come.
        if result.catalog.closes_on(result.catalog.kpi(verdict.kpi_id), parse(verdict.time_period)) < yesterday
        and verdict.period_end < march
    }
    assert rejudged == {"web_sessions", "conversion_rate", "csat"}  # only those with another definition
    assert result.build_failures == {}
    assert {feed.feed for feed in result.feeds if feed.rows_loaded} == {"sessions", "tickets"}
    judged = [verdict.key for verdict in result.verdicts if verdict.kpi_id == "conversion_rate" and verdict.batch_id]
    held = {verdict.key: verdict.checks for verdict in result.release.held if verdict.kpi_id == "conversion_rate"}
    assert ("conversion_rate", "W", "2024-W10") in held and sorted(held) == sorted(judged)
    assert all("refactoring" in names for key, names in held.items())
    held_csat = [verdict for verdict in result.release.held if verdict.kpi_id == "csat"]
    assert not any("refactoring" in verdict.checks for verdict in held_csat)
    with duckdb.connect(str(changeable.data / "warehouse.duckdb"), read_only=True) as connection:
        compared = dict(connection.execute("select kpi_id, difference from kpi._refactorings").fetchall())
    assert set(compared) == {"conversion_rate", "csat"} and compared["csat"] is None
    assert " periods differ (" in compared["conversion_rate"]
    unchanged = published(changeable, "from kpi.observations where kpi_id not in ('web_sessions', 'csat') order by all")
    assert unchanged == before

    months = "kpi_id = 'web_sessions' and freq = 'M' and segment = '_T' and time_period >= '2023-12'"
    vintages = published(
        changeable,
        "select time_period, definition_version, revision_type, obs_value, revision_reason from kpi.vintages"
        f" where {months} order by 1, 2",
    )
    assert [row[:3] for row in vintages] == [
        (month, version, revision_type)
        for month in ("2023-12", "2024-01", "2024-02")
        for version, revision_type in ((1, None), (2, "R3"))
    ]
    old, new = vintages[0::2], vintages[1::2]
    assert all(after[3] > earlier[3] for earlier, after in zip(old, new, strict=True))
    assert {row[4] for row in new} == {"definition version 1 became 2"}
    as_of = f"select time_period, obs_value from kpi.as_of('2024-03-12') where {months} order by 1"
    assert published(changeable, as_of) == [(row[0], row[3]) for row in old]
    now = f"select time_period, obs_value from kpi.observations where {months} order by 1"
    assert published(changeable, now) == [(row[0], row[3]) for row in new]


def test_compiled_files_that_are_not_what_is_defined_are_refused_and_unchanged_ones_are_not_looked_at_again(
    changeable: Deployment,
) -> None:
    require_compiled(changeable.company)
    stamp = project.target_dir(changeable.company) / "compiled.stamp"
    written = stamp.stat().st_mtime_ns
    (changeable.company.path / "kpis" / ".#web_sessions.yml").symlink_to("nobody@nowhere")  # an editor's lock
    (changeable.company.path / "compiled" / ".DS_Store").write_text("")
    require_compiled(changeable.company)
    assert stamp.stat().st_mtime_ns == written
    (changeable.company.path / "calendar.yml").touch()
    require_compiled(changeable.company)
    assert stamp.stat().st_mtime_ns > written
    for file, old, new, message in (
        ("models/staging/stg_web_sessions.sql", "cast(sessions as bigint)", "cast(sessions + 1 as bigint)", "version"),
        (
            "compiled/kpi/kpi_web_sessions.sql",
            "SELECT freq",
            "SELECT /* by hand */ freq",
            "run `kpi compile`: kpi/kpi_web_sessi",
        ),
        ("kpis/marketing/web_sessions.yml", "level: supporting", "level: suporting", "level"),
    ):
        replace(changeable.company.path / file, old, new)
        with pytest.raises(NyckeltalError, match=message):
            require_compiled(changeable.company)
        replace(changeable.company.path / file, new, old)


def test_nothing_is_published_by_a_definition_that_was_not_reviewed(changeable: Deployment) -> None:
    before = published(changeable, "from kpi.vintages order by all")
    staging = changeable.company.path / "models/staging/stg_web_sessions.sql"
    replace(staging, "cast(sessions as bigint)", "cast(sessions + 1 as bigint)")
    with pytest.raises(NyckeltalError, match="step 'dbt_build' failed: ") as raised:
        changeable.run(*days(changeable.company))
    for kpi_id in ("web_sessions", "conversion_rate"):
        assert re.search(rf"{kpi_id}\.yml:\d+: changed in stg_web_sessions", str(raised.value))
    assert published(changeable, "from kpi.vintages order by all") == before


def test_a_comment_in_a_model_needs_no_compiling(changeable: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_NOW", NOW)  # a day later, every model would be built again
    path = changeable.company.path / "models/staging/stg_web_sessions.sql"
    path.write_text(f"-- Sessions by day.\n{path.read_text()}")
    assert changeable.run(*days(changeable.company)).build_failures == {}


def test_a_pruned_model_gives_the_columns_that_were_built(deployment: Deployment) -> None:
    """Each model of the sample company, pruned to each of its columns in turn."""
    target = project.target_dir(deployment.company)
    lineage = Lineage(target / "manifest.json", raw_columns(deployment.company))
    compared = 0
    with duckdb.connect() as connection:
        connection.execute(f"attach '{deployment.data / 'warehouse.duckdb'}' as built (read_only)")
        connection.execute("create schema raw")
        connection.execute("create schema models")
        for feed in deployment.company.feeds:
            connection.execute(f'create view raw."{feed}" as from built.raw."{feed}"')
        tables = {}
        for name, key in lineage.models.items():
            schema = lineage.nodes[key]["schema"]
            if schema in ("staging", "marts"):
                tables[name] = f"built.{schema}.{name}"
                connection.execute(f"create view models.{name} as from {tables[name]}")
        for name, table in tables.items():
            select = lineage.select(name)
            assert select is not None, name
            for column in select.columns:
                sql = select.only([column]).sql.replace("'0001-01-01'", "'2024-03-12'")  # today
                built_rows = Counter(connection.execute(f'select "{column}" from {table}').fetchall())
                assert Counter(connection.execute(sql).fetchall()) == built_rows, (name, column)
                compared += 1
    assert compared > 100
