"""A feed that ended, or is paused, isn't awaited any more."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from conftest import copied_company

from metrics.definitions.catalog import Join
from metrics.definitions.company import Company
from metrics.definitions.feeds import Feed
from metrics.definitions.observable import observable_to, pauses
from orchestration.dbt.planning import planned as planned_of
from tests import warehouse_factory
from tests.data_quality.test_gate_feeds import ROWS
from tests.ingest_company import IngestCompany
from tests.warehouse_factory import Warehouse, failing, kpi, months, orders_feed

OCTOBER = date(2026, 10, 31)


def feed(**fields: Any) -> Feed:
    stated = orders_feed(campaign="text").model_dump(exclude={"paused"})
    return Feed.model_validate({**stated, **fields})


def test_a_kpi_ends_when_the_last_feed_with_its_events_has() -> None:
    feeds = {
        "google": feed(ended=date(2026, 9, 30)),
        "meta": feed(ended=OCTOBER),
        "leads": feed(),
        "products": feed(time_column=None, watermark="delivery"),
    }
    assert observable_to(feeds, ["google", "leads"], ["google", "leads"], None) is None
    assert observable_to(feeds, ["google", "meta"], ["google", "meta"], None) == OCTOBER
    assert observable_to(feeds, ["google", "leads"], ["google"], None) == date(2026, 9, 30)  # looks up in leads
    # What comes whole and says no time goes on for ever; it brings no event.
    assert observable_to(feeds, ["meta", "products"], ["meta", "products"], None) == OCTOBER
    assert observable_to(feeds, ["products"], ["products"], None) is None
    # The conversions of a cohort may still come after its own events have ended.
    assert observable_to(feeds, ["google", "leads"], ["google"], "90 days") == date(2026, 9, 30)


def test_what_waits_for_a_paused_feed_is_not_observable() -> None:
    paused = {"from": date(2026, 9, 30), "why": "the platform is moved to a new account until December"}
    feeds = {"google": feed(paused=paused), "leads": feed(), "meta": feed(ended=date(2026, 3, 31))}
    assert observable_to(feeds, ["google", "leads"], ["leads"], None) == date(2026, 9, 29)
    assert observable_to(feeds, ["google", "leads"], ["leads"], "1 month") == date(2026, 8, 29)
    assert observable_to(feeds, ["google", "meta"], ["meta"], None) == date(2026, 3, 31)
    assert observable_to(feeds, ["leads"], ["leads"], None) is None
    reason = pauses(feeds, ["google", "leads"])
    assert reason is not None and reason.startswith("feed google is paused from 2026-09-30 on: the platform is moved")
    assert pauses(feeds, ["leads"]) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"ended": "2024-12-31"},
        {"paused": {"from": "2024-12-31", "why": "the platform is moved"}},
        {"paused": {"from": "2026-12-31", "why": "the platform is moved"}, "ended": "2026-12-31"},
        {"paused": {"from": "2026-12-31"}},
        {"paused": {"from": "2026-12-31", "why": "moved"}},
    ],
)
def test_what_does_not_fit_together_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"history_from|isn't paused|paused\.why"):
        feed(**fields)


def test_what_a_kpi_only_looks_up_in_brings_no_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path / "data"))
    company = Company.load(copied_company({"ctr", "new_customers"}, tmp_path))
    planned = planned_of(company)
    upstream = {defined_kpi.plan.kpi.id: defined_kpi.upstream for defined_kpi in planned.kpis}
    ads = ["google_ads", "linkedin_ads", "meta_ads"]
    with_days = [name for name in upstream["ctr"].event_feeds if company.feeds[name].time_column]
    assert with_days == ads  # the plan of campaigns is joined as it is, but its rows have no day
    assert set(upstream["ctr"].feeds) - {*ads, "campaigns"} == {"exchange_rates"}
    assert "exchange_rates" not in upstream["ctr"].event_feeds
    assert "customers" in upstream["new_customers"].event_feeds  # a dimension that it counts the rows of


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """Two shops of forty orders a day, of which `orders` ended in mid-January."""
    warehouse = warehouse_factory.make(tmp_path, monkeypatch)
    warehouse.calendar = warehouse_factory.OPEN_FOR_YEARS
    watermark = date(2026, 2, 28)
    warehouse.sql(ROWS)
    warehouse.sql("create table raw.web as from raw.orders")
    warehouse.sql("delete from raw.orders where ordered_at::date > '2026-01-14'")
    columns = {"order_id": "integer", "country": "text", "amount": "integer"}
    for name in ("orders", "web"):
        warehouse.feed(name, history_from=date(2025, 1, 1), watermark=watermark)
        warehouse.feeds[name] = orders_feed(**columns).model_copy(update={"name": name})
    joins = (Join("orders", "order_id", "web", "order_id"), Join("web", "order_id", "orders", "order_id"))
    warehouse.add(kpi(feeds=("orders", "web"), joins=joins), months("2025-01", "2026-02", lambda n: 1000.0 + n))
    return warehouse


def test_a_kpi_goes_on_without_a_feed_that_ended(warehouse: Warehouse) -> None:
    missing = warehouse.judge("2026-01-01", "2026-02-28")
    assert {verdict.verdict for verdict in missing.values()} == {"hold"}
    ended = warehouse.feeds["orders"].model_copy(update={"ended": date(2026, 1, 14)})
    warehouse.feeds["orders"] = ended
    verdicts = warehouse.judge("2025-06-01", "2026-02-28")
    assert {verdict.time_period: verdict.failing for verdict in verdicts.values() if verdict.failing} == {}
    # What its rows say of its last days is still looked at, and of those days only.
    warehouse.sql("delete from raw.orders where ordered_at::date > '2026-01-08'")
    verdicts = warehouse.judge("2026-01-01", "2026-02-28")
    failing_checks = {period: failing(verdict) for (_, period), verdict in verdicts.items()}
    assert failing_checks == {"2026-01": {"too_few_rows", "unmatched_keys"}, "2026-02": set()}


def test_no_period_after_the_last_observable_day_is_judged_or_listed(warehouse: Warehouse) -> None:
    warehouse.feed("web", history_from=date(2025, 1, 1), watermark=date(2026, 1, 14))
    warehouse.judge("2026-01-01", "2026-02-28")
    warehouse.release("2026-01-01", "2026-02-28")
    held = "select time_period from kpi.verdicts where held order by all"
    assert warehouse.published(held) == [("2026-01",), ("2026-02",)]
    entry = warehouse.kpis[0].model_copy(
        update={"observable_to": date(2026, 1, 14), "paused": "feed web is paused from 2026-01-15 on: it moves house"}
    )
    warehouse.kpis = [entry]
    assert warehouse.judge("2026-01-01", "2026-02-28") == {}
    assert set(warehouse.judge("2025-12-01", "2026-02-28")) == {("revenue", "2025-12")}
    warehouse.release("2025-12-01", "2026-02-28")
    assert warehouse.published(held) == []
    assert entry.observable_days == f"from 2023-01-01 until 2026-01-14 ({entry.paused})"


def test_a_feed_that_ended_is_complete_also_when_its_files_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NYCKELTAL_NOW", "2026-11-23T12:00:00+00:00")
    company = IngestCompany(tmp_path)
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(company.data))
    monkeypatch.setenv("NYCKELTAL_SOURCE_DIR", str(company.source))
    for name, ended in (("old", date(2026, 10, 1)), ("ending", date(2026, 11, 30)), ("never", date(2026, 10, 1))):
        company.feed(name, ended=ended)
    day = "order_id,ordered_at,amount\nA,2026-09-29,1\n"
    for name in ("old", "ending"):
        company.write(f"{name}/1.csv", day)
    first = company.run()
    assert {name: report.watermark for name, report in first.items()} == {
        "old": date(2026, 11, 23),
        "ending": date(2026, 9, 29),
        "never": None,
    }
    (company.source / "old" / "1.csv").unlink()
    again = company.run()
    assert (again["old"].watermark, again["old"].outstanding, again["old"].rows_total) == (date(2026, 11, 23), None, 1)
    assert again["never"].outstanding
