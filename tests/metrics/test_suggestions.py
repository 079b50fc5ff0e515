"""`kpi suggest`: which standard KPIs a company could adopt, and what the others need."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metrics.core.deployment import PROJECT
from metrics.definitions.kpis.kpi import standard_definitions
from tests.command_line import kpi_command

COMPANY = PROJECT / "tests/ravenstack"  # it has orders and subscriptions, but neither leads nor staff


def test_every_standard_kpi_is_adopted_or_suggested_with_the_entities_that_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("NYCKELTAL_COMPANY", str(COMPANY))
    printed = kpi_command("suggest", "--json")
    assert printed.returncode == 0, printed.stderr
    suggested = {row["kpi_id"]: row["missing_entities"] for row in json.loads(printed.stdout)["standard"]}
    adopted = {file.stem for file in COMPANY.glob("kpis/*/*.yml")}
    assert suggested.keys() == standard_definitions().keys() - adopted
    assert suggested["net_revenue"] == []
    assert suggested["lead_to_customer_rate"] == ["leads"]  # a conversion: of leads into orders, which it has
    assert suggested["cpl"] == ["ad_performance", "leads"]
    text = kpi_command("suggest").stdout
    assert text.index("Could be adopted now") < text.index("net_revenue") < text.index("Need other data")
