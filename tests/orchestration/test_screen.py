"""The output on a terminal of any width: no number is cut and nothing is left out."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from data_quality.gate.keys import history
from data_quality.release import release
from data_quality.release.result import Held
from metrics.core.deployment import PROJECT
from metrics.core.errors import NyckeltalError
from metrics.core.text import short_path
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration.cli import formats, stage_display
from orchestration.cli.app import app
from orchestration.cli.commands import runs
from orchestration.cli.reports.values import published as published_report
from orchestration.cli.terminal import PlainConsole, console
from orchestration.run import RunResult
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, cells, kpi

SPAN = ("2024-12-31", "2026-02-28")
COUNTRIES = dict.fromkeys(("AT", "BE", "CH", "DE", "DK", "ES", "FI", "FR", "NO", "SE"), 2145823.0)
WIDTHS = [80, 100, 160]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Published on 5 March 2026, one value again by another definition on the 20th; the survey is yearly only."""
    with pytest.MonkeyPatch.context() as patch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("screen"), patch)
        revenue = kpi(name="Revenue booked net of returns", freqs=("M", "Q"), target=20e6, target_freq="M")
        months = {"2025-12": cells(19e6, SE=19e6), "2026-01": cells(21_458_230.0, **COUNTRIES)}
        warehouse.add(revenue, {**months, "2026-02": cells(21_458_230.0, **COUNTRIES)})
        rate = kpi(
            "turnover",
            kind="ratio",
            freqs=("M", "A"),
            target=0.12,
            target_freq="A",
            direction="down",
            unit="fraction",
            segments=(),
        )
        warehouse.add(rate, {"2025": cells(0.168), "2026-02": cells(0.015)})
        warehouse.add(
            kpi("survey", freqs=("A",), unit="count", target=None, segments=()), {"2024": cells(40), "2025": cells(41)}
        )
        warehouse.add(kpi("growth", lookback="15 months", observable_from=date(2026, 4, 1), segments=()))
        warehouse.judge(*SPAN)
        warehouse.publish(*SPAN)
        warehouse.now("2026-03-20T06:00:00")
        newer = revenue.model_copy(update={"definition_version": 2, "definition_hash": "def2"})
        warehouse.add(newer, {**months, "2026-02": cells(22e6, SE=22e6)})
        warehouse.judge(*SPAN)
        warehouse.publish(*SPAN)
        patch.setattr(Company, "load", staticmethod(lambda: warehouse.company))
        patch.setattr(Catalog, "read", staticmethod(lambda _: warehouse.catalog))
        yield warehouse


def printed(*arguments: str, width: int = 80) -> str:
    """The output of the command at that width; checks that no line is longer, and nothing is cut."""
    result = CliRunner().invoke(app, [*arguments], env={"COLUMNS": str(width)}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= width
    assert not re.search(r"\w…", result.stdout)
    return result.stdout


def printed_json(*arguments: str) -> str:
    return CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False).stdout


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("width", WIDTHS)
def test_the_scorecard_cuts_no_number_and_shows_held_incidents_first(published: Warehouse, width: int) -> None:
    output = words(printed("scorecard", width=width))
    assert "Held:" in output.split("newest published values")[0]
    assert "1 on target" in output and "1 off target" in output
    for part in ("2026-02 22.0 M SEK +2.5 % – ✓ 20.0 M A", "A normal"):
        assert part in output


def test_the_scorecard_marks_kpis_with_held_periods_and_says_who_may_decide(published: Warehouse) -> None:
    held = {row["kpi_id"]: row["held"] for row in json.loads(printed_json("scorecard"))["scorecard"]}
    output = words(printed("scorecard"))
    assert held["revenue"] > 0 and f"✓ 20.0 M A {held['revenue']} held" in output
    assert "cfo@example.com or controller may decide." in output
    wide = words(printed("scorecard", width=160))
    assert "12 months owner" in wide and f"{held['revenue']} held – cfo@example.com" in wide


def test_the_gate_column_of_a_run_shows_what_its_release_holds(
    published: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = warehouse_factory.copy(published, tmp_path, monkeypatch)
    copied.now("2026-03-20T06:00:00")
    (verdict, *_) = copied.judge("2026-02-01", "2026-02-28").values()
    row = {"kpi_id": "revenue", "freq": "M", "time_period": "2026-02", "obs_value": 22e6, "obs_status": "A"}
    row |= {"change_previous": None, "change_year_ago": None, "rolling_12_months": None}
    row |= {"target": 20e6, "target_to": None, "target_status": "on target"}
    released = release.publish(copied.company, copied.catalog, *history(copied.catalog))
    held = (Held("revenue", "M", "2026-02", "the value of a closed period changes"),)
    flagged = replace(verdict, kpi_id="revenue", freq="M", time_period="2026-02", verdict="publish_flagged")
    for kept, word in ((held, "held"), ((), "flagged")):
        out = io.StringIO()
        result = RunResult(copied.catalog, (), {}, (flagged,), replace(released, held=kept), {"gate": 1.0})
        published_report.run_summary(PlainConsole(file=out, width=100), copied.company, result, [row], [])
        assert f"✓ 20.0 M A {word}" in words(out.getvalue())


def test_a_target_is_shown_at_its_own_frequency(published: Warehouse) -> None:
    output = words(printed("scorecard"))
    assert "Turnover 2026-02 1.5 % – – P" in output or "Turnover 2026-02 1.5 % – – A" in output
    assert "2025 16.8 % – ✗ 12.0 % A" in output
    assert "target 12.0 % a year (compared with --freq A)" in words(printed("show", "turnover"))
    assert "✗" in printed("show", "turnover", "--freq", "A") and "✗" not in printed("show", "turnover")


def test_a_kpi_published_yearly_only_is_shown_without_the_option_freq(published: Warehouse) -> None:
    assert "Survey 2025 41 +2.5 %" in words(printed("scorecard"))
    assert "2024 40" in words(printed("show", "survey"))
    assert "2025 41" in words(printed("as-of", "2026-03-20", "survey", "--last", "1"))
    assert "2024" not in printed("as-of", "2026-03-20", "survey", "--last", "1")
    assert "Survey 2025 41" in words(printed("as-of", "2026-03-20"))
    assert "0 of 2 periods revised." in words(printed("revisions", "survey"))


def test_a_kpi_that_looks_back_shows_from_when_on_it_has_values(published: Warehouse) -> None:
    first = "its first month is 2026-04, which ends on 2026-04-30 (it looks back 15 months)"
    assert f"Growth: {first}" in words(printed("scorecard"))
    assert f"Nothing is published: {first}." in words(printed("show", "growth"))


def test_paused_kpis_are_shown_with_the_reason(published: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    paused = {"observable_to": date(2026, 4, 29), "paused": "feed orders is paused from 2026-04-30 on: it moves house"}
    growth = published.catalog.kpi("growth").model_copy(update=paused)
    other_kpis = [catalog_kpi for catalog_kpi in published.kpis if catalog_kpi.kpi_id != "growth"]
    monkeypatch.setattr(published, "kpis", [*other_kpis, growth])
    output = words(printed("scorecard"))
    assert "Paused: growth, because feed orders is paused from 2026-04-30 on: it moves house" in output
    assert "Growth: its feeds cover it from 2026-04-01 until 2026-04-29 (feed orders is paused" in output


def test_the_summary_of_a_run_counts_new_values_and_judged_periods(
    published: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = warehouse_factory.copy(published, tmp_path, monkeypatch)
    copied.now("2026-03-20T06:00:00")
    verdicts = copied.judge("2026-02-01", "2026-02-28")
    released = release.publish(copied.company, copied.catalog, *history(copied.catalog))
    newer = replace(released, release_id="r", sequence=7, appended_observations=1)
    out = io.StringIO()
    result = RunResult(copied.catalog, (), {}, tuple(verdicts.values()), newer, {"gate": 1.0})
    published_report.run_summary(PlainConsole(file=out, width=100), copied.company, result, [], [])
    assert len(verdicts) == 2 and "Release 7: 1 new value; 2 periods judged. It took" in words(out.getvalue())


@pytest.mark.parametrize("width", WIDTHS)
def test_members_that_do_not_fit_are_in_a_table_below(published: Warehouse, width: int) -> None:
    output = printed("show", "revenue", "--segment", "country", width=width)
    assert len(re.findall(r"2\.1 M SEK", output)) == len(COUNTRIES) and set(COUNTRIES) <= set(output.split())
    assert "O missing" in output and re.search(r"– O\b", output)  # the countries that the new definition lacks


@pytest.mark.parametrize("width", WIDTHS)
def test_the_rows_of_a_wide_query_are_printed_with_every_column(published: Warehouse, width: int) -> None:
    query = "from kpi.observations where kpi_id = 'revenue' and is_newest and segment = '_T'"
    (first, *_) = json.loads(CliRunner().invoke(app, ["sql", query, "--json"]).stdout)
    output = printed("sql", query, width=width)
    for name, value in first.items():
        assert re.search(rf"^{name} +{re.escape(formats.cell(value))}( |$)", output, re.MULTILINE), name
    narrow = printed("sql", "select kpi_id, obs_value from kpi.observations limit 1", width=width)
    assert len(narrow.splitlines()) == 4


def test_a_new_definition_is_counted_apart_from_the_statistics_of_revisions(published: Warehouse) -> None:
    output = words(printed("revisions", "revenue"))
    assert "22,000,000 SEK" in output and "R3 another methodology" in output
    assert "0 of 3 periods revised. A new definition (R3) changed 1;" in output


@pytest.mark.parametrize("day", ["2026-03-28", "2026-03-30", "2026-03-31", "2026-04-01"])
def test_the_days_until_a_period_ends(published: Warehouse, monkeypatch: pytest.MonkeyPatch, day: str) -> None:
    monkeypatch.setenv("NYCKELTAL_NOW", f"{day}T10:00:00+00:00")
    ends = {"2026-03-28": "in 3 days", "2026-03-30": "in 1 day", "2026-03-31": "today", "2026-04-01": "ended"}[day]
    assert f"2026-03 {ends} " in words(printed("calendar", "--freq", "M"))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (21_458_231.4, "currency", "21.5 M SEK"),
        (712_345.4, "currency", "712,345 SEK"),
        (-3.2e9, "currency", "-3.2 bn SEK"),
        (999_999.7, "count", "1.0 M"),
        (712.34, "currency", "712.3 SEK"),
        (99.5, "hours", "99.50 hours"),
        (0.004, "ratio", "0.004"),
        (0.0, "ratio", "0.00"),
        (0.1234, "fraction", "12.3 %"),
        (0.0001, "fraction", "0.01 %"),
        (6.05, "hours", "6.05 hours"),
        (None, "hours", "–"),
    ],
)
def test_numbers_are_short_and_small_ones_are_not_shown_as_zero(value: float | None, unit: str, text: str) -> None:
    assert formats.number(value, unit, "SEK") == text
    assert value is None or formats.number(21_458_231.4, "count", "SEK", exact=True) == "21,458,231"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (21_458_231.419999998, "21,458,231"),
        (3881.2934567890123, "3,881"),
        (475.6648399999999, "475.7"),
        (0.12345678901234566, "0.1235"),
        (0.0, "0"),
        (1.5e-07, "1.5e-07"),
        (float("nan"), "nan"),
        (2026, "2026"),
        (Decimal("1.230"), "1.230"),
        (None, ""),
    ],
)
def test_a_query_shows_floating_point_numbers_in_short_and_others_exactly(value: object, text: str) -> None:
    assert formats.cell(value) == text


def test_a_path_below_the_working_directory_is_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert short_path(tmp_path / "data" / "published.duckdb") == "data/published.duckdb"
    assert short_path(tmp_path.parent / "other") == str(tmp_path.parent / "other")
    monkeypatch.setattr(sys, "argv", [str(tmp_path / ".venv" / "bin" / "kpi")])
    assert published_report._command() == ".venv/bin/kpi"
    monkeypatch.setattr("shutil.which", lambda _: sys.argv[0])
    assert published_report._command() == "kpi"


def test_the_help_lists_commands_from_the_definition_to_the_decision() -> None:
    commands = list(get_command(app).commands)  # type: ignore[attr-defined]
    in_order = ["new", "check", "compile", "run", "scorecard", "sql", "held", "release", "revisions", "ledger"]
    assert [name for name in commands if name in in_order] == in_order


def test_dev_says_what_it_starts_before_it_becomes_dagster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", "")  # set anew by the command
    said: list[str] = []
    monkeypatch.setattr("os.execv", lambda _, arguments: said.extend([capsys.readouterr().out, *arguments]))
    before = os.umask(0o022)
    runs.dev(port=3456)
    os.umask(before)
    assert "http://127.0.0.1:3456" in said[0] and "3456" in said[1:]


def run_stages(terminal: PlainConsole) -> None:
    with pytest.raises(NyckeltalError), stage_display.shown(terminal) as stages:
        with stages.stage("ingest"):
            stages.report("7 of 9 files")
        with stages.stage("models"):
            raise NyckeltalError("no models")


def test_ended_stages_of_a_run_are_shown_with_their_time() -> None:
    on_terminal, in_log = io.StringIO(), io.StringIO()
    run_stages(PlainConsole(file=on_terminal, force_terminal=True, width=80, color_system=None))
    last = on_terminal.getvalue().split("\x1b[2K")[-1]
    assert re.search(r"✓  ingest +0\.0 s", last) and re.search(r"✗  models +0\.0 s", last)
    run_stages(PlainConsole(file=in_log, width=80))
    assert in_log.getvalue() == "✓ ingest 0.0 s\n✗ models 0.0 s\n"


def test_the_current_stage_shows_its_progress() -> None:
    terminal = PlainConsole(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
    with stage_display.shown(terminal) as stages, stages.stage("models"):
        stages.report("45 of 120 models and tests")
        shown: Any = stage_display._Display(stages)
        view = PlainConsole(file=io.StringIO(), width=80)
        view.print(shown)
        assert "models" in view.file.getvalue() and "45 of 120 models and tests" in view.file.getvalue()  # type: ignore[attr-defined]


def test_a_log_has_the_width_of_the_variable_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert console().width == 120
    monkeypatch.setenv("COLUMNS", "90")
    assert console().width == 90


HEAVY = {"dagster", "dbt", "metricflow", "great_expectations", "dlt", "pandas", "pyarrow", "scipy"}


def test_looking_up_and_mistyped_commands_import_no_heavy_library(tmp_path: Path) -> None:
    commands = [
        "list", "scorecard", "status", "statu", "open", "sql 'select 1'", "show net_revenue", "show net_revenu",
        "plan net_revenu", "held net_revenu", "review net_revenu", "vote net_revenu --for --reason x",
        "release net_revenu 2026-10 --reason x",
        "release net_revenue 2026-13 --reason x", "revisions net_revenu", "as-of 2026-10-01 net_revenu",
        "refactored net_revenu --reason x --by me", "run --period 2026-13", "calendar --next 1",
    ]  # fmt: skip
    code = f"""
import shlex, sys
from orchestration.cli import app
for command in {commands!r}:
    sys.argv = ["kpi", *shlex.split(command)]
    try:
        app.main()
    except SystemExit:
        pass
    assert not {HEAVY!r} & set(sys.modules), command
"""
    variables = {**os.environ, "NYCKELTAL_DATA_DIR": str(tmp_path), "NYCKELTAL_COMPANY": "sample_company"}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables, cwd=PROJECT)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("did you mean 'net_revenue'") == 9
