"""Another hash of the same version must give what was published; a higher version recomputes, both stay readable."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from data_quality.ledger import Ledger
from data_quality.release import Release
from metrics import company
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, cells, kpi

SPAN = ("2026-01-01", "2026-02-28")
GOOD = {"2026-01": cells(100, SE=75, NO=25), "2026-02": cells(110, SE=80, NO=30)}


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Two months, published on 5 March: January has closed, February is open until the tenth."""
    with pytest.MonkeyPatch.context() as patch:
        found = warehouse_factory.make(tmp_path_factory.mktemp("released"), patch)
        found.add(kpi(), GOOD)
        found.judge(*SPAN)
        found.publish(*SPAN)
        yield found


@pytest.fixture
def warehouse(released: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    return warehouse_factory.copy(released, tmp_path, monkeypatch)


def again(warehouse: Warehouse, values: dict[str, Any], moment: str = "2026-03-06T06:00:00", **facts: Any) -> Release:
    """Publish once more with other values, by a definition of hash def2 unless the facts say otherwise."""
    warehouse.now(moment)
    warehouse.batch = f"batch of {moment}"
    warehouse.add(kpi(**{"definition_hash": "def2", **facts}), {**GOOD, **values})
    warehouse.judge(*SPAN)
    return warehouse.publish(*SPAN)


def checks(done: Release) -> dict[str, tuple[str, ...]]:
    return {one.time_period: one.checks for one in done.held}


FEBRUARY = {"2026-02": cells(111, SE=81, NO=30)}


def test_equal_values_go_through_and_append_nothing(warehouse: Warehouse) -> None:
    done = again(warehouse, {"2026-02": cells(110 * (1 + 1e-12), SE=80, NO=30)})
    assert (done.held, done.appended_observations, done.published) == ((), 0, 2)


def test_another_value_is_held_and_names_the_refactoring(warehouse: Warehouse) -> None:
    done = again(warehouse, FEBRUARY)
    assert checks(done) == {"2026-02": ("refactoring",)}
    (held,) = done.held
    assert held.reason == (
        "refactoring: definition def2 was recorded as a refactoring of def1; its value changed (110 → 111), "
        "and no newer rows were delivered"
    )
    latest = "select obs_value from kpi.observations where time_period = '2026-02' and segment = '_T'"
    assert warehouse.published(latest) == [(110.0,)]
    told = "select verdict, reason from kpi.verdicts where time_period = '2026-02'"
    assert warehouse.published(told) == [("hold", held.reason)]
    assert warehouse.publish(*SPAN).release_id is None  # held again, and nothing new to say

    facts = {"freq": "M", "time_period": "2026-02", "candidate_hash": held.candidate_hash, "checks": ["refactoring"]}
    ledger = Ledger.open(company.ledger_path())
    ledger.decide("revenue", "release", reason="rounding", decided_by="cfo", **facts)
    assert not warehouse.publish(*SPAN).held and warehouse.published(latest) == [(111.0,)]
    # From now on that is the definition that published it: what changes later is no matter of the refactoring.
    assert not again(warehouse, {"2026-02": cells(112, SE=82, NO=30)}, "2026-03-07T06:00:00").held


@pytest.mark.parametrize(
    ("february", "told"),
    [
        (cells(110, SE=81, NO=29), "(country NO: 30 → 29)"),
        (cells(110, SE=80, NO=20, DK=10), "(country DK: none → 10)"),
        (cells(110, SE=110), "(country NO: 30 → none)"),
        ([{**row, "n_obs": 11} for row in GOOD["2026-02"]], "the rows behind its value changed"),
    ],
)
def test_members_and_counts_must_be_equal_too(warehouse: Warehouse, february: list[dict[str, Any]], told: str) -> None:
    done = again(warehouse, {"2026-02": february})
    assert checks(done) == {"2026-02": ("refactoring",)} and told in done.held[0].reason


def test_newer_rows_may_explain_another_value_of_an_open_period(warehouse: Warehouse) -> None:
    warehouse.feed("orders", newest_delivery=datetime.fromisoformat("2026-03-06T05:00:00+00:00"))
    done = again(warehouse, {**FEBRUARY, "2026-01": cells(101, SE=76, NO=25)})
    assert checks(done) == {"2026-01": ("closed_period",)}
    query = "select obs_value, revision_type from kpi.vintages where time_period = '2026-02' and segment = '_T'"
    assert warehouse.published(query)[-1] == (111.0, "R1")


def test_a_closed_period_needs_a_decision_on_both(warehouse: Warehouse) -> None:
    done = again(warehouse, {"2026-01": cells(101, SE=76, NO=25)})
    assert checks(done) == {"2026-01": ("refactoring", "closed_period")}
    facts = {"freq": "M", "time_period": "2026-01", "candidate_hash": done.held[0].candidate_hash}
    ledger = Ledger.open(company.ledger_path())
    ledger.decide("revenue", "release", reason="r", decided_by="cfo", checks=["closed_period"], **facts)
    assert checks(warehouse.publish(*SPAN)) == {"2026-01": ("refactoring", "closed_period")}
    ledger.decide("revenue", "release", reason="r", decided_by="cfo", checks=["refactoring", "closed_period"], **facts)
    assert not warehouse.publish(*SPAN).held


def test_a_segment_that_is_newly_adopted_is_no_change(warehouse: Warehouse) -> None:
    """No hash and no version changes, and the history gets its rows, also where it has closed."""
    channel = {"segment": "channel", "member": "web", "n_obs": 5}
    values = {code: [*rows, {**channel, "obs_value": rows[0]["obs_value"]}] for code, rows in GOOD.items()}
    done = again(warehouse, values, definition_hash="def1", segments=("country", "channel"))
    assert (done.held, done.appended_observations) == ((), 2)
    found = "select time_period, obs_status from kpi.observations where segment = 'channel' order by 1"
    assert warehouse.published(found) == [("2026-01", "A"), ("2026-02", "P")]
    values["2026-01"] = [*values["2026-01"], {**channel, "member": "shop", "obs_value": 0.0}]
    done = again(warehouse, values, "2026-03-07T06:00:00", definition_hash="def1", segments=("country", "channel"))
    assert checks(done) == {"2026-01": ("closed_period",)}


def test_owner_and_target_change_no_value(warehouse: Warehouse) -> None:
    done = again(warehouse, {}, definition_hash="def1", owner="ceo@example.com", target=7.0)
    assert (done.held, done.appended_observations) == ((), 0) and done.release_id  # the catalogue is news
    assert warehouse.published("select distinct owner from kpi.catalog") == [("ceo@example.com",)]


def test_a_higher_version_recomputes_the_history_and_both_series_stay_readable(warehouse: Warehouse) -> None:
    done = again(warehouse, {"2026-01": cells(50, SE=50), "2026-02": GOOD["2026-02"]}, definition_version=2)
    assert not done.held
    series = (
        "select definition_version, time_period, obs_value, revision_type from kpi.vintages"
        " where segment = '_T' and definition_version = {} order by time_period"
    )
    assert warehouse.published(series.format(1)) == [(1, "2026-01", 100.0, None), (1, "2026-02", 110.0, None)]
    assert warehouse.published(series.format(2)) == [(2, "2026-01", 50.0, "R3"), (2, "2026-02", 110.0, None)]
    as_of = "select obs_value from kpi.as_of('{}') where segment = '_T' order by time_period"
    assert warehouse.published(as_of.format("2026-03-05")) == [(100.0,), (110.0,)]
    assert warehouse.published(as_of.format("2026-03-06")) == [(50.0,), (110.0,)]
