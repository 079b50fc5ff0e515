"""Which periods a run judges, what is held after it, and that everything which lists what is held says the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import publishing
from data_quality import pages as check_pages
from data_quality.gate import judge
from data_quality.gate.keys import history
from data_quality.release import release
from data_quality.release.pending import pending_values
from data_quality.release.result import Release
from data_quality.release.unsettled import unsettled
from publishing import reader
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, cells, kpi

NOVEMBER, DECEMBER, JANUARY, FEBRUARY = ("2025-11", "2025-12", "2026-01", "2026-02")
GOOD = {
    NOVEMBER: cells(90, SE=70, NO=20),
    DECEMBER: cells(95, SE=72, NO=23),
    JANUARY: cells(100, SE=75, NO=25),
    FEBRUARY: cells(110, SE=80, NO=30),
}
NEGATIVE = {**GOOD, DECEMBER: cells(-95, SE=-72, NO=-23)}
REVENUE = kpi(observable_from=date(2025, 11, 1))


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Four months, on 5 March; December is out of bounds and held, the others are published. All but one are closed."""
    with pytest.MonkeyPatch.context() as patch:
        new_warehouse = warehouse_factory.make(tmp_path_factory.mktemp("released"), patch)
        new_warehouse.add(REVENUE, NEGATIVE)
        run(new_warehouse)
        yield new_warehouse


@pytest.fixture
def warehouse(released: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    copied = warehouse_factory.copy(released, tmp_path, monkeypatch)
    copied.now("2026-03-06T06:00:00")
    return copied


def run(warehouse: Warehouse) -> tuple[list[str], Release]:
    """What a plain run does: it judges the open month, February, and publishes. The periods judged, and the release."""
    company, catalog = warehouse.company, warehouse.catalog
    judged = judge.judge(company, catalog, date(2026, 2, 1), date(2026, 2, 28), also=unsettled(catalog))
    new_release = release.publish(company, catalog, *history(catalog))
    publishing.publish()
    return [verdict.time_period for verdict in judged], new_release


def built(warehouse: Warehouse, values: dict[str, list[dict[str, Any]]], **kpi_fields: Any) -> None:
    """A newer build of everything."""
    warehouse.batch = f"after {warehouse.batch}"
    warehouse.add(kpi(observable_from=date(2025, 11, 1), **kpi_fields), values)


def values(warehouse: Warehouse, kpi_id: str = "revenue") -> dict[str, float]:
    """The published totals by period."""
    query = f"select time_period, obs_value from kpi.observations where segment = '_T' and kpi_id = '{kpi_id}'"
    return dict(warehouse.published(query))


def held(warehouse: Warehouse) -> set[tuple[str, str]]:
    """What is held (KPI, period), as `kpi held`, during a run too, `kpi scorecard` and `kpi.verdicts` each say it."""
    decidable = {
        (pending.kpi_id, pending.time_period) for pending in pending_values(warehouse.company, warehouse.catalog)
    }
    assert {(row["kpi_id"], row["time_period"]) for row in reader.held()} == decidable
    assert set(warehouse.published("select kpi_id, time_period from kpi.verdicts where held")) == decidable
    during = reader.pending_values(warehouse.company, warehouse.catalog)
    assert {(pending.kpi_id, pending.time_period) for pending in during} == decidable
    return decidable


def pages(warehouse: Warehouse) -> set[tuple[str, str]]:
    """What is held, as `kpi docs` says it."""
    folder = check_pages.write(warehouse.company, warehouse.catalog).parent
    return {
        (page.stem, period)
        for page in folder.glob("*.html")
        for period in re.findall(r'class="held">(\d{4}[^<]*)</td><td>', page.read_text())
    }


def test_until_something_is_published_the_history_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = warehouse_factory.make(tmp_path, monkeypatch)
    warehouse.add(REVENUE, {})
    warehouse.built("revenue", ok=False, reason="fct_orders: syntax error")
    judged, new_release = run(warehouse)
    assert judged == list(GOOD) and new_release.published == 0 and len(new_release.held) == 4
    built(warehouse, GOOD)
    judged, new_release = run(warehouse)
    assert judged == list(GOOD) and not new_release.held
    assert values(warehouse) == {NOVEMBER: 90, DECEMBER: 95, JANUARY: 100, FEBRUARY: 110}


def test_a_feed_that_was_not_whole_holds_the_history_until_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = warehouse_factory.make(tmp_path, monkeypatch)
    warehouse.feed("orders", outstanding="orders/x.csv: no column amount")
    warehouse.add(REVENUE, GOOD)
    assert len(run(warehouse)[1].held) == 4
    warehouse.feed("orders")
    built(warehouse, GOOD)  # with the same values
    assert not run(warehouse)[1].held and len(values(warehouse)) == 4


def test_the_history_of_a_newly_adopted_kpi_is_judged_by_the_next_run(warehouse: Warehouse) -> None:
    warehouse.add(kpi("visits", observable_from=date(2025, 12, 1)), GOOD)
    judged, new_release = run(warehouse)
    assert judged == [FEBRUARY, DECEMBER, JANUARY, FEBRUARY]  # of revenue the open month
    assert values(warehouse, "visits") == {DECEMBER: 95, JANUARY: 100, FEBRUARY: 110}
    assert [(verdict.kpi_id, verdict.time_period) for verdict in new_release.held] == [("revenue", DECEMBER)]


@pytest.mark.parametrize(
    "kpi_fields", [{"definition_version": 2, "definition_hash": "def2"}, {"segments": ("country", "channel")}]
)
def test_a_kpi_defined_or_cut_otherwise_is_judged_in_its_history_and_what_is_held_of_others_is_not(
    warehouse: Warehouse, kpi_fields: dict[str, Any]
) -> None:
    warehouse.add(kpi("visits", observable_from=date(2025, 12, 1)), GOOD)
    run(warehouse)
    built(warehouse, NEGATIVE)
    assert run(warehouse)[0] == [FEBRUARY, FEBRUARY]
    channels = (
        [{"segment": "channel", "member": "web", "obs_value": 1.0, "n_obs": 1}] if "segments" in kpi_fields else []
    )
    warehouse.add(
        kpi("visits", observable_from=date(2025, 12, 1), **kpi_fields), {code: GOOD[code] + channels for code in GOOD}
    )
    assert run(warehouse)[0] == [FEBRUARY, DECEMBER, JANUARY, FEBRUARY]  # of revenue the open month
    assert ("revenue", DECEMBER) in held(warehouse)


def test_what_is_held_stays_decidable_and_listed_while_its_candidate_is_the_same(warehouse: Warehouse) -> None:
    built(warehouse, NEGATIVE)
    (before,) = pending_values(warehouse.company, warehouse.catalog)  # built, and not judged again
    assert (before.time_period, before.state) == (DECEMBER, "decide")
    assert [verdict.time_period for verdict in run(warehouse)[1].held] == [DECEMBER]
    assert held(warehouse) == {("revenue", DECEMBER)}
    warehouse.batch = "third"
    warehouse.add(REVENUE, NEGATIVE)
    reason_and_name = {"reason": "credits", "by": "cfo@example.com"}
    assert warehouse.decide("release", "revenue", DECEMBER, **reason_and_name).published
    warehouse.render()
    assert values(warehouse)[DECEMBER] == -95 and not held(warehouse) and not pages(warehouse)
    assert not run(warehouse)[1].held and run(warehouse)[0] == [FEBRUARY]


def test_a_run_judges_nothing_that_it_let_through_as_it_is(warehouse: Warehouse) -> None:
    built(warehouse, {**GOOD, JANUARY: list(reversed(GOOD[JANUARY]))})
    assert run(warehouse)[0] == [DECEMBER, FEBRUARY]
    assert run(warehouse)[1].release_id is None


def test_a_closed_period_that_was_recomputed_otherwise_is_judged_and_held(warehouse: Warehouse) -> None:
    built(warehouse, {**NEGATIVE, NOVEMBER: cells(91, SE=71, NO=20)})
    assert held(warehouse) == {("revenue", DECEMBER)}  # no verdict says otherwise yet
    judged, new_release = run(warehouse)
    assert judged == [NOVEMBER, FEBRUARY]
    assert [verdict.checks for verdict in new_release.held] == [("closed_period",), ("bounds",)]
    assert values(warehouse)[NOVEMBER] == 90
    assert held(warehouse) == pages(warehouse) == {("revenue", NOVEMBER), ("revenue", DECEMBER)}
    built(warehouse, {**NEGATIVE, NOVEMBER: cells(91, SE=71, NO=20)})
    assert [pending.state for pending in pending_values(warehouse.company, warehouse.catalog)] == ["decide", "decide"]


def test_what_was_judged_and_not_released_as_the_run_was_interrupted_is_judged_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = warehouse_factory.make(tmp_path, monkeypatch)
    warehouse.add(REVENUE, GOOD)
    warehouse.judge("2025-11-01", "2026-02-28")
    built(warehouse, GOOD)
    assert run(warehouse)[0] == list(GOOD) and len(values(warehouse)) == 4


def test_a_kpi_that_cannot_be_built_keeps_what_is_published_and_only_open_periods_are_held(
    warehouse: Warehouse,
) -> None:
    warehouse.batch = "broken"
    warehouse.built("revenue", ok=False, reason="syntax error")
    assert run(warehouse)[0] == [DECEMBER, FEBRUARY]
    assert held(warehouse) == {("revenue", DECEMBER), ("revenue", FEBRUARY)}
    built(warehouse, NEGATIVE)
    run(warehouse)
    assert held(warehouse) == {("revenue", DECEMBER)} and len(values(warehouse)) == 3


def test_rejected_values_are_held_and_periods_before_the_data_are_not(warehouse: Warehouse) -> None:
    reason_and_name = {"reason": "a mistake", "by": "cfo@example.com"}
    warehouse.decide("reject", "revenue", DECEMBER, **reason_and_name)
    built(warehouse, NEGATIVE, lower_bound=None)  # its checks pass
    run(warehouse)
    assert held(warehouse) == {("revenue", DECEMBER)}
    assert reader.held()[0]["reason"] == "was rejected: a mistake" and pages(warehouse) == held(warehouse)
    # The feeds turn out to begin later: what was held of earlier periods waits for nothing.
    warehouse.add(kpi(observable_from=date(2026, 1, 1)), NEGATIVE)
    assert run(warehouse)[0] == [FEBRUARY] and held(warehouse) == set()
    assert warehouse.published("select observable_from from kpi.catalog") == [(date(2026, 1, 1),)]
    assert len(values(warehouse)) == 3  # what was published stands
    warehouse.add(kpi(freqs=("Q",), observable_from=date(2025, 11, 1)), NEGATIVE)  # of a frequency that was given up
    run(warehouse)
    assert held(warehouse) == set()
