"""A count or sum of nothing is 0, and a share of nothing is no value: both are published where the feeds cover it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from data_quality.release.unsettled import unsettled
from metrics.core.deployment import PROJECT
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, cells, failing, kpi, months

RATIO: dict[str, Any] = {
    "kind": "ratio",
    "metric_type": "ratio",
    "additive_segments": False,
    "segments": (),
    "without_rows": "no value",
}
SPAN = ("2025-12-01", "2026-02-28")


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    return warehouse_factory.make(tmp_path, monkeypatch)


def total(**columns: float | None) -> list[dict[str, Any]]:
    return [{"segment": "_T", "member": "_T", **columns}]


def without(period: str, rows: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    return {code: row for code, row in rows.items() if code != period}


def test_a_sum_without_rows_is_0_and_is_published(warehouse: Warehouse) -> None:
    rows = without("2026-02", months("2025-12", "2026-02", lambda n: 40.0))
    rows["2026-01"][0] |= {"year_to_date": 40.0, "rolling_12_months": 80.0}
    warehouse.add(kpi(without_rows="zero", observable_from=date(2025, 1, 1)), rows)
    assert warehouse.judge(*SPAN)["revenue", "2026-02"].verdict == "publish"
    warehouse.release(*SPAN)
    of_february = "from kpi.vintages where time_period = '2026-02'"
    values = "select segment, obs_value, numerator, n_obs, year_to_date, rolling_12_months, obs_status "
    assert warehouse.published(values + of_february) == [("_T", 0.0, 0.0, 0, 40.0, 80.0, "P")]


def test_a_sum_of_no_rows_among_others_is_0_too(warehouse: Warehouse) -> None:
    """Another metric has rows in the period, so that its row is there, with a sum of nothing."""
    rows = months("2026-01", "2026-01", lambda n: 40.0)
    empty = {"n_obs": 0, "obs_value": None, "numerator": None}
    warehouse.add(kpi(without_rows="zero"), {**rows, "2026-02": [row | empty for row in cells(1, SE=1)]})
    warehouse.add(
        kpi("lost", without_rows="zero"), {**rows, "2026-02": [row | {"obs_value": None} for row in cells(1)]}
    )
    verdicts = warehouse.judge("2026-01-31", "2026-02-28")
    assert verdicts["revenue", "2026-02"].verdict == "publish"
    assert "missing_results" in failing(verdicts["lost", "2026-02"])


def test_nothing_to_divide_by_is_published_as_no_value_and_flags_nothing_beside_it(warehouse: Warehouse) -> None:
    share = total(obs_value=0.5, numerator=2.0, denominator=4.0, n_obs=4)
    of_nobody = total(denominator=0.0, n_obs=3)
    warehouse.add(kpi("opening", **RATIO), {"2026-01": share, "2026-02": of_nobody})
    warehouse.add(kpi("no_rows", **RATIO), {"2026-01": share})
    warehouse.add(
        kpi("beside", covers=("opening", "no_rows"), segments=()), months("2026-01", "2026-02", lambda n: 1.0)
    )
    verdicts = warehouse.judge("2026-01-31", "2026-02-28")
    assert {
        verdict.kpi_id: verdict.verdict for verdict in verdicts.values() if verdict.time_period == "2026-02"
    } == dict.fromkeys(("opening", "no_rows", "beside"), "publish")
    warehouse.release("2026-01-31", "2026-02-28")
    query = (
        "select kpi_id, obs_value, obs_status from kpi.vintages where time_period = '2026-02' and kpi_id <> 'beside'"
    )
    assert warehouse.published(query) == [("no_rows", None, "O"), ("opening", None, "O")]


def test_what_could_be_there_and_is_not_is_held(warehouse: Warehouse) -> None:
    share = total(obs_value=0.5, numerator=2.0, denominator=4.0, n_obs=4)
    rows = months("2026-01", "2026-01", lambda n: 1.0)
    warehouse.feed("late", watermark=date(2026, 2, 27))
    warehouse.add(kpi("not_covered", without_rows="zero", feeds=("orders", "late")), rows)
    warehouse.add(kpi("stock", kind="stock", without_rows=None), rows)
    warehouse.add(kpi("empty", without_rows="zero"))
    warehouse.add(kpi("two_builds", without_rows="zero"), {**rows, "2025-12": [cells(1)[0] | {"batch_id": "older"}]})
    warehouse.add(kpi("divides", **RATIO), {"2026-01": share, "2026-02": total(numerator=1.0, denominator=4.0)})
    of_one = {**RATIO, "metric_type": "simple"}  # 1 - a / b
    warehouse.add(kpi("of_one", **of_one), {"2026-01": share, "2026-02": total(n_obs=4)})
    verdicts = warehouse.judge("2026-02-28", "2026-02-28")
    assert {
        verdict.kpi_id: [check.check for check in verdict.failing if check.outcome == "fail"]
        for verdict in verdicts.values()
    } == {
        "not_covered": ["complete"],
        "stock": ["built"],
        "empty": ["built"],
        "two_builds": ["built"],
        "divides": ["missing_results"],
        "of_one": ["missing_results"],
    }
    assert {verdict.verdict for verdict in verdicts.values()} == {"hold"}


def test_a_stock_has_no_value_before_its_first_row_and_that_is_published(warehouse: Warehouse) -> None:
    """No run asks anybody about it again."""
    stock = kpi("stock", kind="stock", freqs=("M",), observable_from=date(2025, 11, 1))
    warehouse.add(stock, months("2026-01", "2026-02", lambda n: 10.0))
    verdicts = warehouse.judge("2025-11-01", "2026-02-28")
    assert {verdict.time_period: verdict.verdict for verdict in verdicts.values()} == dict.fromkeys(
        ("2025-11", "2025-12", "2026-01", "2026-02"), "publish"
    )
    warehouse.release("2025-11-01", "2026-02-28")
    query = "select time_period, obs_value, obs_status from kpi.observations where segment = '_T' order by 1"
    assert warehouse.published(query) == [
        ("2025-11", None, "O"),
        ("2025-12", None, "O"),
        ("2026-01", 10.0, "A"),
        ("2026-02", 10.0, "P"),
    ]
    assert unsettled(warehouse.catalog) == {("stock", "M", "2026-02")}  # it is open


def test_a_stock_without_any_value_is_held(warehouse: Warehouse) -> None:
    stock = kpi("stock", kind="stock", freqs=("M",), observable_from=date(2025, 11, 1))
    warehouse.add(stock, {"2026-01": total(n_obs=0), "2026-02": total(n_obs=0)})
    verdicts = warehouse.judge("2025-11-01", "2026-02-28")
    assert {verdict.verdict for verdict in verdicts.values()} == {"hold"}


def test_only_what_adds_up_from_nothing_is_0() -> None:
    catalog = Catalog.read(Company.load(PROJECT / "sample_company"))
    without_rows = {kpi.kpi_id: kpi.without_rows for kpi in catalog.kpis}
    assert {without_rows[name] for name in ("net_revenue", "web_sessions", "new_customers")} == {"zero"}
    assert {without_rows[name] for name in ("cac", "mttr", "turnover_rate", "incident_resolution_time_p50")} == {
        "no value"
    }
    # A stock that nobody counted, and what is compared with another year's rows.
    assert {without_rows[name] for name in ("headcount", "revenue_growth_yoy")} == {None}
