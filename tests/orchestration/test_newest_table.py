"""The table of all KPIs in a terminal: one table at 80 columns, and usual changes marked."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from metrics.definitions.catalog import Catalog
from orchestration.cli.reports.values.published import print_newest
from orchestration.cli.reports.values.value_cells import usual_legend
from orchestration.cli.terminal import PlainConsole
from tests import warehouse_factory
from tests.warehouse_factory import CALENDAR, kpi


def row(kpi_id: str, *, usual: bool | None) -> dict[str, Any]:
    """A newest total, with changes of a tenth on the period before and a fifth on a year ago."""
    return {
        "kpi_id": kpi_id, "freq": "M", "time_period": "2026-10", "obs_value": 21_458_230.0, "obs_status": "A",
        "target": 20e6, "target_to": None, "target_status": "on target", "change_previous": 0.1, "change_year_ago": 0.2,
        "change_previous_is_usual": usual, "change_year_ago_is_usual": None, "rolling_12_months": None,
    }  # fmt: skip


def printed(width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    company = warehouse_factory.make(tmp_path, monkeypatch).company
    kpis = (kpi("revenue", name="Revenue"), kpi("energy", name="Energy intensity", unit="MWh per million currency"))
    kpis = (*kpis, kpi("growth", name="Growth", freqs=("A",)))
    catalog = Catalog(company="Test", reporting_currency="SEK", calendar=CALENDAR, objectives={}, kpis=kpis)
    out = io.StringIO()
    year = row("growth", usual=None) | {"freq": "A", "time_period": "2025", "change_previous": 0.2}
    rows = [row("revenue", usual=True), row("energy", usual=False), year]
    print_newest(PlainConsole(file=out, width=width), company, catalog, rows, {})
    return out.getvalue()


def test_at_80_columns_it_is_one_table_and_says_what_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = printed(80, tmp_path, monkeypatch)
    assert text.count("KPI ") == 1 and "a year ago" not in text.splitlines()[1]
    assert "A wider terminal shows the change on a year ago, too." in text
    assert "21.5 M MWh per" in text and max(map(len, text.splitlines())) <= 80
    (tmp_path / "wide").mkdir()
    wide = printed(120, tmp_path / "wide", monkeypatch)
    assert "a year ago" in wide.splitlines()[1] and "+20.0 %" in wide and "A wider terminal" not in wide


def test_a_usual_change_has_a_mark_that_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(120, tmp_path, monkeypatch).splitlines()
    (usual,) = (line for line in lines if line.startswith("Revenue"))
    (unusual,) = (line for line in lines if line.startswith("Energy"))
    assert "+10.0 % ≈" in usual and "+20.0 % ≈" not in usual and "≈" not in unusual
    assert any(line.startswith("≈ within the KPI's usual variation") for line in lines)


def test_a_years_change_is_said_once_at_any_width(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (80, 120):
        (tmp_path / str(width)).mkdir()
        lines = printed(width, tmp_path / str(width), monkeypatch).splitlines()
        (growth,) = (line for line in lines if line.startswith("Growth"))
        assert growth.count("+20.0 %") == 1


def test_a_missing_change_has_no_mark() -> None:
    row = {"change_previous": None, "change_previous_is_usual": True, "change_year_ago": 0.1}
    assert usual_legend([row], []) == ""
    assert usual_legend([row | {"change_year_ago_is_usual": True}], []).startswith("\n≈ within")
