"""A changed definition needs a higher version or a recorded refactoring; the file keeps what was reviewed."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from conftest import copied_company
from typer.testing import CliRunner

from metrics.compiled_folder import compile_company, stale, write
from metrics.core.deployment import PROJECT
from metrics.core.errors import NyckeltalError, Problems
from metrics.core.yaml_file import load
from metrics.definitions.company import Company
from metrics.definitions.kpis.adopted import adopted_kpis
from metrics.definitions.kpis.kpi import Kpi
from metrics.versioning import reviewed
from metrics.versioning.reviewed import CurrentDefinition, Record, record_refactoring, review
from orchestration.cli.app import app
from orchestration.dbt.planning import planned as planned_of

DAY = date(2026, 11, 24)
OF_SESSIONS = {"web_sessions", "conversion_rate", "engagement_rate", "bounce_rate"}
"""The KPIs that read the web's sessions."""
ADOPTED = OF_SESSIONS | {"net_revenue", "headcount"}
"""And two that don't: a plan of six KPIs takes a fifth of the time of all."""


@pytest.fixture(scope="module")
def kpi() -> Kpi:
    return next(kpi for kpi in adopted_kpis(Company.load(PROJECT / "sample_company")) if kpi.id == "net_revenue")


def current(kpi: Kpi, hashed: str, version: int | None = None) -> list[CurrentDefinition]:
    raised = replace(kpi, adoption=kpi.adoption.model_copy(update={"definition_version": version}))
    return [CurrentDefinition(raised, hashed, {"fct": hashed[:2], "stg": "same"})]


def problems_of(record: Record, current_definitions: list[CurrentDefinition]) -> str:
    return "\n".join(str(finding) for finding in reviewed.findings(record, current_definitions))


def test_a_new_kpi_and_a_new_version_are_recorded_and_a_changed_one_is_reported(kpi: Kpi) -> None:
    first = reviewed.with_new({}, current(kpi, "aa"))
    assert not problems_of({}, current(kpi, "aa")) and not problems_of(first, current(kpi, "aa"))
    message = problems_of(first, current(kpi, "bb"))
    assert message == "sample_company/kpis/finance/net_revenue.yml:1: changed in fct; definition_version is still 1"
    assert reviewed.with_new(first, current(kpi, "bb")) == first  # never by itself
    second = reviewed.with_new(first, current(kpi, "bb", 2))
    assert not problems_of(second, current(kpi, "bb", 2))
    assert [(entry.version, entry.hash) for entry in second["net_revenue"]] == [(1, "aa"), (2, "bb")]
    assert "was 2 in a reviewed definition; found 1; expected 2 or more" in problems_of(second, current(kpi, "aa"))


def test_a_refactoring_is_recorded_with_reason_and_name_and_may_be_taken_back(kpi: Kpi) -> None:
    first = reviewed.with_new({}, current(kpi, "aa"))
    with pytest.raises(NyckeltalError, match="there is nothing to record"):
        reviewed.with_refactorings(first, current(kpi, "aa"), ["net_revenue"], "why", "cfo", DAY)
    second = reviewed.with_refactorings(first, current(kpi, "bb"), ["net_revenue"], "joins once", "cfo", DAY)
    assert not problems_of(second, current(kpi, "bb"))
    assert not problems_of(second, current(kpi, "aa"))  # of the same version, and reviewed
    assert problems_of(second, current(kpi, "cc"))
    newest = second["net_revenue"][-1]
    assert (newest.version, newest.refactoring, newest.by, newest.on) == (1, "joins once", "cfo", DAY)


def test_the_file_reads_as_it_was_written(kpi: Kpi, tmp_path: Path) -> None:
    record = reviewed.with_new({}, current(kpi, "12e4567890123456"))
    record = reviewed.with_refactorings(record, current(kpi, "bb"), ["net_revenue"], 'a "b": c\n# d', "cfo", DAY)
    file = tmp_path / "definitions.yml"
    file.write_text(reviewed.text(record), encoding="utf-8")
    before, after = load(file, reviewed.DefinitionsFile).definitions["net_revenue"]
    assert after == record["net_revenue"][-1]
    assert (before.hash, before.parts) == ("12e4567890123456", {})  # only the newest entry has parts
    assert reviewed.text({"net_revenue": (before, after)}) == reviewed.text(record)


def test_a_changed_staging_of_a_company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("NYCKELTAL_NOW", "2026-11-24T06:00:00+00:00")
    folder = copied_company(ADOPTED, tmp_path)
    staging = folder / "models/staging/stg_web_sessions.sql"
    staging.write_text(staging.read_text().replace("from source", "from source where sessions > 0"))
    company = Company.load(folder)
    planned = planned_of(company)
    before = (folder / "definitions.yml").read_text()
    with pytest.raises(Problems) as raised:
        compile_company(company, planned)
    messages = [str(finding) for finding in raised.value.findings]
    assert len(messages) == len(OF_SESSIONS)
    assert all("stg_web_sessions" in message for message in messages)
    assert (folder / "definitions.yml").read_text() == before

    for name in ("cfo@nordvik.example", "nobody@nowhere"):
        with pytest.raises(Problems, match="may not record a refactoring for marketing") as refused:
            record_refactoring(company, planned.current_definitions, None, "no such rows", name)
        assert f"found '{name}'; expected analytics@nordvik.example or cmo@nordvik.example" in str(refused.value)
    assert (folder / "definitions.yml").read_text() == before
    assert record_refactoring(
        company, planned.current_definitions, ["web_sessions"], "no such rows", "CMO@nordvik.example"
    ) == ["web_sessions"]
    for kpi_id in OF_SESSIONS - {"web_sessions"}:
        adoption = folder / f"kpis/marketing/{kpi_id}.yml"
        adoption.write_text(f"{adoption.read_text()}definition_version: 2\n")
    company = Company.load(folder)
    planned = planned_of(company)
    assert {kpi_id: entries[-1].version for kpi_id, entries in review(company, planned.current_definitions).items()}[
        "conversion_rate"
    ] == 2
    files = compile_company(company, planned)
    assert "../definitions.yml" in write(company, files) and stale(company, files) == []
    assert (
        record_refactoring(company, planned.current_definitions, None, "none is left", "analytics@nordvik.example")
        == []
    )
    with pytest.raises(NyckeltalError, match="did you mean 'web_sessions'"):
        record_refactoring(company, planned.current_definitions, ["web_session"], "why", "cmo@nordvik.example")


def test_while_nothing_was_released_a_changed_definition_asks_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied_company(ADOPTED, tmp_path)
    monkeypatch.setenv("NYCKELTAL_COMPANY", str(folder))
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("NYCKELTAL_LEDGER", raising=False)
    staging = folder / "models/staging/stg_web_sessions.sql"
    staging.write_text(staging.read_text().replace("from source", "from source where sessions > 0"))
    before = reviewed.read(Company.load(folder))
    printed = " ".join(CliRunner().invoke(app, ["compile"], catch_exceptions=False).stdout.split())
    assert f"Nothing was released yet, so these changed without a review: {', '.join(sorted(OF_SESSIONS))}." in printed
    after = reviewed.read(Company.load(folder))
    assert {kpi_id for kpi_id in before if before[kpi_id] != after[kpi_id]} == OF_SESSIONS
    assert [entry.version for entry in after["web_sessions"]] == [before["web_sessions"][-1].version]


def test_an_adoption_is_not_below_its_standard(kpi: Kpi, monkeypatch: pytest.MonkeyPatch) -> None:
    from metrics.lint.rules import version_not_below_standard

    standard = kpi.definition.model_copy(update={"definition_version": 3})
    for version, wrong in ((None, False), (2, True), (3, False), (4, False)):
        adoption = kpi.adoption.model_copy(update={"definition_version": version})
        changed = replace(kpi, definition=standard, adoption=adoption)
        assert bool(list(version_not_below_standard.findings(changed))) is wrong
        assert changed.version == (version or 3)


def test_one_of_several_changed_definitions_is_recorded_and_the_others_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Earlier the command recorded it, and then ended with status 2 because the others weren't reviewed."""
    folder = copied_company(ADOPTED, tmp_path)
    monkeypatch.setenv("NYCKELTAL_COMPANY", str(folder))
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path / "data"))
    staging = folder / "models/staging/stg_web_sessions.sql"
    staging.write_text(staging.read_text().replace("cast(sessions as bigint)", "cast(sessions + 0 as bigint)"))

    def run(kpi_id: str) -> str:
        arguments = ["refactored", kpi_id, "--reason", "adds nothing", "--by", "analytics@nordvik.example"]
        return " ".join(CliRunner().invoke(app, arguments, catch_exceptions=False).stdout.split())

    with pytest.raises(Problems) as refused:
        reviewed.review(Company.load(folder), planned_of(Company.load(folder)).current_definitions)
    *findings, advice = str(refused.value).splitlines()
    changed = [re.findall(r"(\w+)\.yml:\d+: changed in stg_web_sessions", line) for line in findings]
    assert changed == [[kpi_id] for kpi_id in sorted(OF_SESSIONS)]
    assert "kpi refactored" in advice
    output = run("web_sessions")
    assert "Recorded as refactored by analytics@nordvik.example: web_sessions." in output
    assert "Not compiled yet: bounce_rate, conversion_rate, engagement_rate changed, too; `kpi check`" in output
    for kpi_id in ("bounce_rate", "engagement_rate"):
        run(kpi_id)
    assert "The next run compares the values" in run("conversion_rate")
    company = Company.load(folder)
    assert stale(company, compile_company(company, planned_of(company))) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["net_revenue", "--by", "cfo"], "--reason: a refactoring needs a reason, and the name of who reviewed it"),
        (["net_revenue", "--reason", "why", "--by", " "], "--by: a refactoring needs a reason"),
        (["--reason", "why", "--by", "cfo"], "name the KPIs, or give --all"),
        (["net_revenue", "--all", "--reason", "why", "--by", "cfo"], "name the KPIs, or give --all"),
    ],
)
def test_the_command_says_what_it_lacks(arguments: list[str], message: str) -> None:
    error = CliRunner().invoke(app, ["refactored", *arguments]).exception
    assert isinstance(error, NyckeltalError) and message in str(error)
