"""`kpi suggest` tells of standard KPIs that a company could adopt how noisy they would be, by the warehouse's marts."""

from __future__ import annotations

import json
import statistics
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from metrics.core.deployment import PROJECT
from tests.command_line import kpi_command

COMPANY = PROJECT / "tests/ravenstack"  # it has orders, but adopts no KPI of revenue
VALUES = [100, 104, 99, 103, 98, 107, 101, 100, 108, 102, 97, 105, 110, 300, 112]


def test_a_standard_kpi_s_noise_is_that_of_its_ended_months(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("NYCKELTAL_COMPANY", str(COMPANY))
    monkeypatch.setenv("NYCKELTAL_NOW", "2025-01-20T06:00:00+00:00")
    months = [f"{2023 + (place + 9) // 12}-{(place + 9) % 12 + 1:02}-15" for place in range(len(VALUES))]
    rows = [*zip(months, VALUES, strict=True), ("2025-01-15", 9), ("2022-06-15", 9)]  # running, before the feed
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.fct_order_lines (order_line_id varchar, line_date date, net_amount int)")
        connection.executemany("insert into marts.fct_order_lines values (uuid(), ?, ?)", rows)
    printed = kpi_command("suggest", "--json")
    assert printed.returncode == 0, printed.stderr
    (noise,) = json.loads(printed.stdout)["noise_of_standard"]  # the other marts aren't there
    changes = [after - before for before, after in pairwise(VALUES)]
    middle = statistics.median(changes)
    assert (noise["kpi_id"], noise["freq"], noise["level"]) == ("net_revenue", "M", statistics.median(VALUES))
    assert noise["seen_on_before"] == pytest.approx(
        2 * 1.4826 * statistics.median(abs(change - middle) for change in changes)
    )
    assert noise["seen_on_year_ago"] is None
    assert "How large a change shows in those that could be adopted" in kpi_command("suggest").stdout
