"""Runs of the real dbt on top of each other: what they leave in the warehouse is what a rebuild of everything gives."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import Deployment
from dagster import AssetKey, DagsterInstance

from data_quality.ledger.store import Ledger
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration.dbt import project


def test_redelivered_late_and_lost_rows_lead_to_what_a_rebuild_gives(copied: Deployment) -> None:
    before = _kpi_rows(copied.company, copied.data)
    ads = copied.data / "sources" / "ads" / "google" / "google_ads_2023-12-13.csv"
    header, *rows = ads.read_text(encoding="utf-8").splitlines(keepends=True)
    ads.write_text(header + "".join(rows[: len(rows) // 2]), encoding="utf-8")
    copied.run()
    halved = _kpi_rows(copied.company, copied.data)
    assert _periods(before, halved, "ctr") == {
        "2023",
        "2023-Q4",
        "2023-12",
        "2024-01",
        "2024-02",
        "2023-W50",
        "2024-Q1",
    }
    assert not _periods(before, halved, "energy_use")

    ads.unlink()
    tickets = sorted((copied.data / "sources" / "support").glob("*.jsonl"))[-1]
    delivered = tickets.read_text(encoding="utf-8")
    late = "".join(delivered.splitlines(keepends=True)[:40])
    tickets.write_text(delivered + late.replace('"ticket_id":"', '"ticket_id":"late'), encoding="utf-8")
    copied.run()
    incremental = _kpi_rows(copied.company, copied.data)
    project.build(copied.company, ["run", "--full-refresh", "--select", "path:compiled"], lambda _: None)
    assert incremental == _kpi_rows(copied.company, copied.data)
    assert _periods(halved, incremental, "csat")


def test_a_data_test_that_fails_holds_the_kpis_behind_it_and_no_others(copied: Deployment) -> None:
    tickets = copied.data / "sources" / "support" / "tickets_2024-02.jsonl"
    lines = tickets.read_text(encoding="utf-8").splitlines(keepends=True)
    tickets.write_text("".join([*lines, *lines[:3]]), encoding="utf-8")
    before = _materializations(copied)
    result = copied.run()
    assert set(result.build_failures) == {"csat"}
    assert "csat" in {held.kpi_id for held in result.release.held}
    assert "net_revenue" not in {held.kpi_id for held in result.release.held if held.time_period == "2024-02"}
    after = _materializations(copied)
    # Of csat nothing was made, of net_revenue nothing had to be: its feeds brought nothing.
    assert {kpi_id: after[kpi_id] - before[kpi_id] for kpi_id in after} == {"csat": 0, "net_revenue": 0}


def test_a_warehouse_made_anew_by_another_number_of_threads_appends_nothing(
    copied: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole job, with all files dated anew."""
    before = _committed(copied.data)
    chance = random.Random(7)
    for path in sorted((copied.data / "sources").rglob("*.*")):
        moment = path.stat().st_mtime - chance.randrange(10**5)
        os.utime(path, (moment, moment))
    connect = duckdb.connect

    def connect_with(*arguments: Any, **options: Any) -> duckdb.DuckDBPyConnection:
        connection = connect(*arguments, **options)
        if "config" not in options:  # those that read the published file are locked
            connection.execute("set threads = 4")
        return connection

    monkeypatch.setattr(duckdb, "connect", connect_with)
    (copied.data / "warehouse.duckdb").unlink()
    copied.run()
    assert [row for row in _committed(copied.data) if row not in before] == []


def _materializations(deployment: Deployment) -> dict[str, int]:
    """How often Dagster saw two KPIs' models built; the shared deployment may have had any number of runs."""
    os.environ["DAGSTER_HOME"] = str(deployment.data / "dagster")
    with DagsterInstance.get() as instance:
        return {
            kpi_id: len(instance.fetch_materializations(AssetKey(["kpi", f"kpi_{kpi_id}"]), limit=100).records)
            for kpi_id in ("csat", "net_revenue")
        }


def _kpi_rows(company: Company, data: Path) -> dict[str, set[tuple[Any, ...]]]:
    """The rows of every KPI, with numbers to the digits that a sum of floating-point numbers keeps."""
    rows = {}
    with duckdb.connect(str(data / "warehouse.duckdb"), read_only=True) as connection:
        for kpi in Catalog.read(company).kpis:
            result = connection.execute(
                f"""select freq, time_period, segment, member, printf('%.9e', obs_value), n_obs,
                printf('%.9e', year_to_date), printf('%.9e', rolling_12_months) from kpi.{kpi.model}"""
            )
            rows[kpi.kpi_id] = set(result.fetchall())
    return rows


def _periods(before: dict[str, set[tuple[Any, ...]]], after: dict[str, set[tuple[Any, ...]]], kpi_id: str) -> set[str]:
    """The periods of a KPI that changed."""
    return {row[1] for row in before[kpi_id] ^ after[kpi_id]}


def _committed(data: Path) -> list[str]:
    """What the ledger holds, in an order of its own: the ledger's tables have none."""
    rows = Ledger.open(str(data / "ledger"), make=False).observations.to_pylist()
    return sorted(str(row) for row in rows)


def test_what_was_edited_in_the_warehouse_is_not_published_though_newer_rows_come(copied: Deployment) -> None:
    """February is edited in a table that dbt builds on, in the KPI's own and in raw, and an order of today comes."""
    value = "select obs_value from kpi.observations where kpi_id = 'net_revenue' and time_period = '2024-02'"
    before = _answer(copied.data / "published" / "published.duckdb", f"{value} and segment = '_T'")
    lines = max((copied.data / "sources").rglob("*order_lines*"))
    delivered = lines.read_text(encoding="utf-8")
    lines.write_text(f"{delivered}9{delivered.splitlines()[-1]}\n", encoding="utf-8")  # another order_line_id
    _edit(copied.data, "update rollups.rollup_order_lines set net_revenue = 2 * net_revenue")
    _edit(copied.data, "update kpi.kpi_net_revenue set obs_value = 2 * obs_value")
    assert copied.run().build_failures == {}
    candidate = "select obs_value from kpi.kpi_net_revenue where time_period = '2024-02' and segment = '_T'"
    assert _answer(copied.data / "warehouse.duckdb", candidate) == pytest.approx(before, rel=0.01)

    _edit(copied.data, "update raw.order_lines set quantity = 2 * quantity")
    result = copied.run()
    assert "drop that table" in result.build_failures["net_revenue"]
    assert "web_sessions" not in result.build_failures
    published = _answer(copied.data / "published" / "published.duckdb", f"{value} and segment = '_T'")
    assert published == pytest.approx(before, rel=0.01)
    assert {"net_revenue"} <= {held.kpi_id for held in result.release.held if held.time_period == "2024-02"}

    _edit(copied.data, "drop table raw.order_lines")
    assert copied.run().build_failures == {}


def _edit(data: Path, statement: str) -> None:
    with duckdb.connect(str(data / "warehouse.duckdb")) as connection:
        connection.execute(statement)


def _answer(path: Path, query: str) -> tuple[Any, ...]:
    with duckdb.connect(str(path), read_only=True) as connection:
        (row,) = connection.execute(query).fetchall()
    return row
