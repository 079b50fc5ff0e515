"""The sources of customers and of software, from the club to the tracker: one company, in which causes have effects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest

from sample_company.simulator.files import SourceFolder
from sample_company.simulator.run import simulate
from sample_company.simulator.sales.customer_survey import write_survey
from sample_company.simulator.sales.customers import Customers
from sample_company.simulator.technology.quality import defect_pressure
from sample_company.simulator.timeline import Span


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Two months of all sources, as tables."""
    folder = tmp_path_factory.mktemp("sources")
    simulate(folder, Span(date(2024, 10, 1), date(2024, 11, 30), seed=3, scale=0.5))
    with duckdb.connect() as connection:
        for name, files in {
            "customers": "shop/customers.parquet",
            "members": "club/memberships.jsonl",
            "answers": "survey/*.csv",
            "events": "app/*.parquet",
            "probes": "monitoring/*.csv.gz",
            "incidents": "ops/*.csv",
            "deployments": "ci/*.jsonl",
            "defects": "tracker/defects_*.csv",
            "board": "tracker/board_*.csv.gz",
        }.items():
            connection.execute(f"create table {name} as from '{folder}/{files}'")
        yield connection


@pytest.mark.parametrize(
    ("rows", "customer_id"), [("members", "customer_id"), ("answers", "customer"), ("events", "customer_id")]
)
def test_whoever_is_named_is_a_customer_of_that_country(
    sources: duckdb.DuckDBPyConnection, rows: str, customer_id: str
) -> None:
    country = "market" if rows == "answers" else "country"
    known, unknown = sources.execute(
        f"""select count(c.customer_id), count(*) - count(c.customer_id) from {rows} r
        left join customers c on c.customer_id = r.{customer_id}::varchar and c.country = r.{country}"""
    ).fetchall()[0]
    assert known > 100 and unknown == 0


def test_spells_of_a_membership_follow_each_other(sources: duckdb.DuckDBPyConnection) -> None:
    spells, gaps, plans = sources.execute(
        """select count(*), count(*) filter (next_from <> valid_to::date + 1 or valid_to is null),
            count(*) filter (next_plan = plan)
        from (select *, lead(valid_from::date) over each_one as next_from, lead(plan) over each_one as next_plan
              from members window each_one as (partition by membership_id order by valid_from))
        where next_from is not null"""
    ).fetchall()[0]
    assert spells > 10 and gaps == plans == 0


def test_probes_fail_while_a_service_has_a_grave_incident(sources: duckdb.DuckDBPyConnection) -> None:
    ((during, otherwise),) = sources.execute(
        """with grave as (
            select service, strptime(opened_at, '%d/%m/%Y %H:%M') as opened,
                strptime(resolved_at, '%d/%m/%Y %H:%M') as resolved
            from incidents where priority = 'P1'),
        hours as (select failed - in_maintenance as failed, probes - in_maintenance as probes, exists (
            from grave g where g.service = p.service
                and hour_utc >= g.opened and hour_utc + interval 1 hour <= g.resolved) as hit
            from probes p)
        select sum(failed) filter (hit) / sum(probes) filter (hit),
            sum(failed) filter (not hit) / sum(probes) filter (not hit)
        from hours"""
    ).fetchall()
    assert during > 0.2 and otherwise < 0.02


def test_a_reopened_defect_has_no_time_of_closing(sources: duckdb.DuckDBPyConnection) -> None:
    rows = sources.execute("select status, count(*), count(resolved) from defects group by status").fetchall()
    closings = {status: (size, closed) for status, size, closed in rows}
    assert closings["Closed"][0] == closings["Closed"][1] > 50
    assert all(closed == 0 for status, (_, closed) in closings.items() if status != "Closed")


def test_the_board_has_every_day_of_a_sprint_and_its_work_falls(sources: duckdb.DuckDBPyConnection) -> None:
    sprints = sources.execute(
        """with days as (select sprint, snapshot_day, sum(points) filter (status <> 'Done') as open
            from board group by all)
        select count(*), max(open) filter (snapshot_day = first_day),
            coalesce(max(open) filter (snapshot_day = last_day), 0)
        from (select *, min(snapshot_day) over (partition by sprint) as first_day,
              max(snapshot_day) over (partition by sprint) as last_day from days)
        group by sprint having max(snapshot_day) < date '2024-11-25'"""
    ).fetchall()
    assert len(sprints) >= 6
    assert all(days == 14 and left < committed / 2 for days, committed, left in sprints)


def test_recommendations_fall_after_a_month_with_many_defects(tmp_path: Path) -> None:
    span = Span(date(2023, 1, 1), date(2025, 12, 31), seed=1, scale=0.5)
    customers = Customers(span)
    for month in span.months():
        write_survey(SourceFolder(tmp_path), span, customers, len(customers), month)
    scores = duckdb.sql(
        f"""select avg(case when score_0_to_10 >= 9 then 100 when score_0_to_10 <= 6 then -100 else 0 end)
        from '{tmp_path}/survey/*.csv' where score_0_to_10 is not null
        group by date_trunc('month', submitted_utc) order by date_trunc('month', submitted_utc)"""
    ).fetchall()
    pressure = [defect_pressure(span, month) for month in span.months()]
    after_a_month, at_once = (
        np.corrcoef([score for (score,) in scores][lag:], pressure[: len(pressure) - lag])[0, 1] for lag in (1, 0)
    )
    assert after_a_month < -0.6
    assert after_a_month < at_once
