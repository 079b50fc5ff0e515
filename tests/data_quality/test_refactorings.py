"""Another hash of the same version must give equal values on the same rows; a new version keeps the old series."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from data_quality.ledger.store import Ledger
from data_quality.release.comparison import refactorings
from data_quality.release.result import Release
from data_quality.warehouse import connect
from metrics.core import deployment
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, cells, kpi

SPAN = ("2026-01-01", "2026-02-28")
GOOD = {"2026-01": cells(100, SE=75, NO=25), "2026-02": cells(110, SE=80, NO=30)}


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse with two months published on 5 March: January is closed, February is open until 10 March."""
    with pytest.MonkeyPatch.context() as patch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("released"), patch)
        warehouse.add(kpi(), GOOD)
        built_at(warehouse, "2026-03-05T06:00:00")
        warehouse.judge(*SPAN)
        warehouse.publish(*SPAN)
        yield warehouse


@pytest.fixture
def warehouse(released: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    return warehouse_factory.copy(released, tmp_path, monkeypatch)


def built_at(warehouse: Warehouse, moment: str) -> None:
    """Set the time of the newest batch (ISO; UTC)."""
    warehouse.sql(
        "update kpi._builds set built_at = ?::timestamptz where batch_id = ?", f"{moment}+00", warehouse.batch
    )


def build(warehouse: Warehouse, values: dict[str, Any], moment: str, **fields: Any) -> None:
    """Build the KPI with these values as a run does; its definition hash is def2 unless `fields` has another."""
    warehouse.now(moment)
    warehouse.batch = f"batch of {moment}"
    entry = kpi(**{"definition_hash": "def2", **fields})
    catalog = warehouse.catalog.model_copy(update={"kpis": (entry,)})
    with connect() as connection:
        refactorings.keep_reference(connection, catalog, Ledger.find(deployment.ledger_path()))
    warehouse.add(entry, {**GOOD, **values})
    built_at(warehouse, moment)
    with connect() as connection:
        refactorings.compare(connection, catalog, Ledger.find(deployment.ledger_path()), ["revenue"])


def again(warehouse: Warehouse, values: dict[str, Any], moment: str = "2026-03-06T06:00:00", **fields: Any) -> Release:
    """Build, judge and publish."""
    build(warehouse, values, moment, **fields)
    warehouse.judge(*SPAN)
    return warehouse.release(*SPAN)


def bring_in(warehouse: Warehouse, moment: str) -> None:
    """Add a file of the feed orders, ingested at that moment (ISO; UTC)."""
    warehouse.sql("create table if not exists raw._files (feed varchar, loaded_at timestamptz, shape varchar)")
    warehouse.sql("insert into raw._files values ('orders', ?::timestamptz, null)", f"{moment}+00")


def checks(outcome: Release) -> dict[str, tuple[str, ...]]:
    return {held.time_period: held.checks for held in outcome.held}


FEBRUARY = {"2026-02": cells(111, SE=81, NO=30)}
LATER = {"2026-02": cells(120, SE=90, NO=30)}
RAISED = {"2026-01": cells(103, SE=77, NO=26), "2026-02": cells(123, SE=92, NO=31)}
VALUES = "select time_period, obs_value from kpi.observations where segment = '_T' order by 1"
UNPROVED = {"2026-01": ("refactoring",), "2026-02": ("refactoring",)}


def test_equal_values_prove_a_refactoring_and_newer_rows_are_published(warehouse: Warehouse) -> None:
    outcome = again(warehouse, {"2026-02": cells(110 * (1 + 1e-12), SE=80, NO=30)})
    assert (outcome.held, outcome.appended_observations, outcome.published) == ((), 0, 2)
    bring_in(warehouse, "2026-03-07T06:00:00")
    assert not again(warehouse, LATER, "2026-03-07T06:01:00").held
    assert warehouse.published(VALUES) == [("2026-01", 100.0), ("2026-02", 120.0)]
    warehouse.sql("drop table kpi._refactorings")  # what the ledger knows needs no warehouse
    warehouse.sql("drop table kpi._reference")
    assert not again(warehouse, LATER, "2026-03-08T06:00:00").held


def test_a_difference_in_any_period_holds_the_whole_kpi_whatever_rows_come(warehouse: Warehouse) -> None:
    """The new definition gives 3 % higher amounts. On the same day newer rows arrive, with a new period."""
    build(warehouse, {"2026-01": RAISED["2026-01"]}, "2026-03-06T06:00:00")  # from the rows of the build before
    bring_in(warehouse, "2026-03-06T06:00:01")
    warehouse.feed("orders", newest_delivery=datetime.fromisoformat("2026-03-06T05:00:00+00:00"))
    outcome = again(warehouse, LATER, "2026-03-06T06:00:02")
    assert checks(outcome) == UNPROVED
    assert outcome.held[0].reason == (
        "refactoring: definition def2 has the version of the one before it; computed from the same rows, "
        "1 of 2 periods differ (2026-01: 100 → 103). Restore the definition before it, or raise definition_version"
    )
    assert warehouse.published(VALUES) == [("2026-01", 100.0), ("2026-02", 110.0)]
    bring_in(warehouse, "2026-03-07T06:00:00")
    assert checks(again(warehouse, LATER, "2026-03-07T06:00:01")) == UNPROVED  # and the next day

    # What differs from it is no reference for the next one, though it gives the same.
    assert checks(again(warehouse, LATER, "2026-03-07T06:00:02", definition_hash="def3")) == UNPROVED
    # The one before it is, as soon as it has been built.
    assert not again(warehouse, LATER, "2026-03-07T06:00:03", definition_hash="def1").held
    assert not again(warehouse, LATER, "2026-03-07T06:00:04", definition_hash="def3").held
    assert warehouse.published(VALUES) == [("2026-01", 100.0), ("2026-02", 120.0)]


def test_a_decision_releases_one_candidate_and_proves_nothing(warehouse: Warehouse) -> None:
    outcome = again(warehouse, FEBRUARY)
    assert {key: set(names) for key, names in checks(outcome).items()} == {
        "2026-01": {"refactoring"},
        "2026-02": {"refactoring", "unexplained_change"},
    }
    assert warehouse.published("select distinct verdict from kpi.verdicts") == [("hold",)]
    assert warehouse.release(*SPAN).release_id is None  # held again, and nothing new to say
    held = next(key for key in outcome.held if key.time_period == "2026-02")
    fields = {"freq": "M", "time_period": "2026-02", "candidate_hash": held.candidate_hash, "checks": held.checks}
    Ledger.open(deployment.ledger_path()).decide("revenue", "release", reason="rounding", decided_by="cfo", **fields)
    assert checks(warehouse.release(*SPAN)) == {"2026-01": ("refactoring",)}
    assert warehouse.published(VALUES) == [("2026-01", 100.0), ("2026-02", 111.0)]
    bring_in(warehouse, "2026-03-07T06:00:00")
    assert checks(again(warehouse, LATER, "2026-03-07T06:00:01")) == UNPROVED


@pytest.mark.parametrize(
    ("february", "difference"),
    [
        (cells(110, SE=81, NO=29), "1 of 2 periods differ (2026-02 country "),
        (cells(110, SE=80, NO=20, DK=10), "1 of 2 periods differ (2026-02 country "),
        (cells(110, SE=110), "1 of 2 periods differ (2026-02 country "),
        ([{**row, "n_obs": 11} for row in GOOD["2026-02"]], "1 of 2 periods differ (2026-02: 110 → 110)"),
    ],
)
def test_members_and_counts_must_be_equal_too(
    warehouse: Warehouse, february: list[dict[str, Any]], difference: str
) -> None:
    outcome = again(warehouse, {"2026-02": february})
    assert set(checks(outcome)) == {"2026-01", "2026-02"} and difference in outcome.held[0].reason


@pytest.mark.parametrize("lost", ["newer rows", "a warehouse built anew", "a build of a part", "a forged record"])
def test_a_refactoring_that_could_not_be_compared_on_the_same_rows_is_held(warehouse: Warehouse, lost: str) -> None:
    if lost == "newer rows":
        bring_in(warehouse, "2026-03-06T05:00:00")
    elif lost == "a warehouse built anew":
        warehouse.sql("drop table kpi.kpi_revenue")
        warehouse.sql("delete from kpi._builds")
    warehouse.now("2026-03-06T06:00:00")
    if lost in ("a build of a part", "a forged record"):
        warehouse.add(kpi(definition_hash="def2"), GOOD)
        catalog = warehouse.catalog
        with connect() as connection:
            refactorings.keep_reference(connection, catalog, Ledger.find(deployment.ledger_path()))
            assert not refactorings.compare(connection, catalog, Ledger.find(deployment.ledger_path()), [])
            row = "insert into kpi._refactorings values ('revenue', 'def1', 'def2', null, now(), 'x')"
            connection.execute(row if lost == "a forged record" else "select 1")
        warehouse.judge(*SPAN)
        outcome = warehouse.release(*SPAN)
    else:
        outcome = again(warehouse, {})
    assert checks(outcome) == UNPROVED
    assert "could not be compared with the one before it on the same rows. Run once with" in outcome.held[0].reason


def test_a_kpi_without_published_values_needs_no_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    young = warehouse_factory.make(tmp_path, monkeypatch)
    young.add(kpi(), GOOD)
    built_at(young, "2026-03-05T06:00:00")
    assert not again(young, FEBRUARY).held
    assert not again(young, FEBRUARY, "2026-03-06T07:00:00", definition_hash="def3").held  # a day old, and proved
    assert set(checks(again(young, LATER, "2026-03-06T08:00:00", definition_hash="def4"))) == {"2026-01", "2026-02"}


def test_periods_that_had_not_ended_are_not_compared(warehouse: Warehouse) -> None:
    march = {"2026-03": cells(5, SE=5)}
    assert not again(warehouse, march, definition_hash="def1").held
    assert not again(warehouse, {"2026-03": cells(6, SE=6)}, "2026-03-07T06:00:00").held


def test_no_figure_of_a_protected_kpi_is_shown(warehouse: Warehouse) -> None:
    people = {"kpi_id": "staff", "protected": True, "unit": "persons", "kind": "stock", "domain": "people"}
    reference, refactored = kpi(**people), kpi(**people, definition_hash="def2")

    def counted(n: int) -> dict[str, Any]:
        rows = cells(n, SE=n - 44, NO=44)
        return {"2026-01": [{**row, "n_persons_numerator": int(row["obs_value"])} for row in rows]}

    warehouse.add(reference, counted(77))
    built_at(warehouse, "2026-03-05T06:00:00")
    warehouse.judge(*SPAN)
    warehouse.release(*SPAN)
    catalog = warehouse.catalog.model_copy(update={"kpis": (refactored,)})
    with connect() as connection:
        refactorings.keep_reference(connection, catalog, Ledger.find(deployment.ledger_path()))
    warehouse.add(refactored, counted(79))
    with connect() as connection:
        (comparison,) = refactorings.compare(connection, catalog, Ledger.find(deployment.ledger_path()), ["staff"])
    assert comparison.difference == "1 of 1 periods differ"


@pytest.mark.parametrize("explained", ["a delivery", "a load", None])
def test_a_changed_value_without_newer_rows_is_held(warehouse: Warehouse, explained: str | None) -> None:
    """For example when a row of the warehouse was edited: definition and deliveries are the same."""
    if explained == "a delivery":
        warehouse.feed("orders", newest_delivery=datetime.fromisoformat("2026-03-06T05:00:00+00:00"))
    if explained == "a load":  # a file that is older than the release, and came later
        bring_in(warehouse, "2026-03-06T05:00:00")
    outcome = again(warehouse, FEBRUARY, definition_hash="def1")
    if explained:
        assert not outcome.held
        query = "select revision_type from kpi.vintages where time_period = '2026-02' and obs_value = 111"
        assert warehouse.published(query) == [("R1",)]
        return
    assert checks(outcome) == {"2026-02": ("unexplained_change",)}
    assert outcome.held[0].reason == (
        "unexplained_change: its value changed (110 → 111), though neither its definition nor any row upstream is newer"
    )
    fields = {"freq": "M", "time_period": "2026-02", "candidate_hash": outcome.held[0].candidate_hash}
    ledger = Ledger.open(deployment.ledger_path())
    ledger.decide("revenue", "release", reason="r", decided_by="cfo", checks=["unexplained_change"], **fields)
    assert not warehouse.release(*SPAN).held


def test_a_newly_adopted_segment_is_not_a_change(warehouse: Warehouse) -> None:
    """Hash and version don't change, and the history gets rows of the segment, closed periods included."""
    channel = {"segment": "channel", "member": "web", "n_obs": 5}
    values = {code: [*rows, {**channel, "obs_value": rows[0]["obs_value"]}] for code, rows in GOOD.items()}
    outcome = again(warehouse, values, definition_hash="def1", segments=("country", "channel"))
    assert (outcome.held, outcome.appended_observations) == ((), 2)
    query = "select time_period, obs_status from kpi.observations where segment = 'channel' order by 1"
    assert warehouse.published(query) == [("2026-01", "A"), ("2026-02", "P")]
    values["2026-01"] = [*values["2026-01"], {**channel, "member": "shop", "obs_value": 0.0}]
    outcome = again(warehouse, values, "2026-03-07T06:00:00", definition_hash="def1", segments=("country", "channel"))
    assert checks(outcome) == {"2026-01": ("closed_period",)}


def test_owner_and_target_change_no_value(warehouse: Warehouse) -> None:
    outcome = again(warehouse, {}, definition_hash="def1", owner="ceo@example.com", target=7.0)
    assert (outcome.held, outcome.appended_observations) == (
        (),
        0,
    ) and outcome.release_id  # the catalogue is news
    assert warehouse.published("select distinct owner from kpi.catalog") == [("ceo@example.com",)]


def test_a_higher_version_recomputes_the_history_and_both_series_stay_readable(warehouse: Warehouse) -> None:
    outcome = again(warehouse, {"2026-01": cells(50, SE=50), "2026-02": GOOD["2026-02"]}, definition_version=2)
    assert not outcome.held
    series = (
        "select definition_version, time_period, obs_value, revision_type from kpi.vintages"
        " where segment = '_T' and definition_version = {} order by time_period"
    )
    assert warehouse.published(series.format(1)) == [(1, "2026-01", 100.0, None), (1, "2026-02", 110.0, None)]
    assert warehouse.published(series.format(2)) == [(2, "2026-01", 50.0, "R3"), (2, "2026-02", 110.0, None)]
    as_of = "select obs_value from kpi.as_of('{}') where segment = '_T' order by time_period"
    assert warehouse.published(as_of.format("2026-03-05")) == [(100.0,), (110.0,)]
    assert warehouse.published(as_of.format("2026-03-06")) == [(50.0,), (110.0,)]
