"""Open periods are revised without a decision, closed ones by decision; revision types and series breaks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from data_quality.ledger.store import Ledger
from data_quality.release import release
from data_quality.release.pending import open_incidents, pending_values
from metrics.core import deployment
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, cells, kpi

SPAN = ("2026-01-01", "2026-02-28")
GOOD = {"2026-01": cells(100, SE=75, NO=25), "2026-02": cells(110, SE=80, NO=30)}
AFTER_CLOSE = "2026-03-11T06:00:00"  # February closed on the tenth


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse with two judged months."""
    with pytest.MonkeyPatch.context() as patch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("judged"), patch)
        warehouse.add(kpi(), GOOD)
        warehouse.judge(*SPAN)
        yield warehouse


@pytest.fixture
def warehouse(judged: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    return warehouse_factory.copy(judged, tmp_path, monkeypatch)


def ledger() -> Ledger:
    return Ledger.open(deployment.ledger_path())


def reasons(outcome: release.Release) -> set[str]:
    return {held.reason for held in outcome.held}


def again(warehouse: Warehouse, moment: str, february: list[dict[str, Any]], **kpi_fields: Any) -> release.Release:
    """Publish again at a moment with these rows for February; `kpi_fields` are fields of the KPI."""
    warehouse.now(moment)
    warehouse.batch = f"batch of {moment}"
    warehouse.add(kpi(**kpi_fields), {**GOOD, "2026-02": february})
    warehouse.judge(*SPAN)
    return warehouse.release(*SPAN)


def release_final(warehouse: Warehouse) -> None:
    """Publish on the day on which February is provisional, and on the first day on which it isn't."""
    warehouse.release(*SPAN)
    warehouse.now("2026-03-10T23:01:00")
    warehouse.release(*SPAN)


def newest(warehouse: Warehouse, columns: str = "obs_value, obs_status, revision_type") -> Any:
    """February's published total."""
    query = f"select {columns} from kpi.vintages where time_period = '2026-02' and segment = '_T' order by sequence"
    return warehouse.published(query)[-1]


def release_february(warehouse: Warehouse, *checks: str, hashed: str | None = None) -> None:
    """Record a decision that releases February's candidate, or the one with this hash."""
    (candidate_hash,) = warehouse.sql("select candidate_hash from kpi.verdicts where time_period = '2026-02'")[0]
    fields = {"freq": "M", "time_period": "2026-02", "candidate_hash": hashed or candidate_hash, "checks": checks}
    ledger().decide("revenue", "release", reason="booked late", decided_by="cfo", **fields)


def test_late_rows_of_an_open_period_revise_by_themselves(warehouse: Warehouse) -> None:
    warehouse.release(*SPAN)
    warehouse.feed("orders", newest_delivery=datetime.fromisoformat("2026-03-10T05:00:00+00:00"))
    outcome = again(warehouse, "2026-03-10T22:59:00", cells(120, SE=90, NO=30))  # the closing day's last minute
    assert not outcome.held and newest(warehouse) == (120.0, "P", "R1")
    outcome = again(warehouse, "2026-03-10T23:01:00", cells(120, SE=90, NO=30))
    assert not outcome.held and newest(warehouse) == (120.0, "A", None)


@pytest.mark.parametrize("breaks", [(), ("2026-02",)])  # with a break, B hides P
def test_a_value_is_provisional_until_the_first_release_after_its_closing_day(
    warehouse: Warehouse, breaks: tuple[str, ...]
) -> None:
    """Who runs once a month publishes a cohort's last value weeks after it closed."""
    again(warehouse, "2026-03-06T06:00:00", GOOD["2026-02"], breaks=breaks)
    warehouse.feed("orders", newest_delivery=datetime.fromisoformat("2026-03-11T05:00:00+00:00"))
    outcome = again(warehouse, "2026-03-20T06:00:00", cells(120, SE=90, NO=30), breaks=breaks)
    assert not outcome.held and newest(warehouse) == (120.0, "B" if breaks else "A", "R1")
    warehouse.feed("orders", newest_delivery=datetime.fromisoformat("2026-03-21T05:00:00+00:00"))
    outcome = again(warehouse, "2026-03-21T06:00:00", cells(130, SE=100, NO=30), breaks=breaks)
    assert [held.checks for held in outcome.held] == [("closed_period",)]


def test_a_value_of_an_open_period_does_not_change_without_newer_rows(warehouse: Warehouse) -> None:
    warehouse.release(*SPAN)
    assert reasons(again(warehouse, AFTER_CLOSE, cells(120, SE=90, NO=30))) == {
        "unexplained_change: its value changed (110 → 120), though neither its definition nor any row upstream is newer"
    }


def test_a_value_that_was_held_in_that_release_needs_a_decision_from_then_on(warehouse: Warehouse) -> None:
    warehouse.release(*SPAN)
    assert [held.checks for held in again(warehouse, AFTER_CLOSE, cells(-5, SE=-5)).held] == [
        ("bounds", "unexplained_change")
    ]
    assert newest(warehouse, "obs_status") == ("P",)
    assert warehouse.published("select provisional from kpi.observations where time_period = '2026-02' limit 1") == [
        (True,)
    ]
    warehouse.feed("orders", newest_delivery=datetime.fromisoformat("2026-08-11T05:00:00+00:00"))
    outcome = again(warehouse, "2026-08-11T06:00:00", cells(120, SE=90, NO=30))
    assert [held.checks for held in outcome.held] == [("closed_period",)]


def test_a_closed_period_keeps_its_value_until_someone_decides(warehouse: Warehouse) -> None:
    release_final(warehouse)
    outcome = again(warehouse, AFTER_CLOSE, cells(120, SE=90, NO=30))
    reason = "closed_period: the period closed on 2026-03-10; its value changed (110 → 120)"
    assert [(held.time_period, held.reason, held.checks) for held in outcome.held] == [
        ("2026-02", reason, ("closed_period",))
    ]
    assert outcome.published == 1 and newest(warehouse) == (110.0, "A", None)
    query = "select verdict, reason from kpi.verdicts where time_period = '2026-02'"
    assert warehouse.published(query) == [("hold", reason)]
    assert warehouse.release(*SPAN).release_id is None  # held again, and nothing new to say

    release_february(warehouse, "bounds")
    release_february(warehouse, "closed_period", hashed="another")
    assert reasons(warehouse.release(*SPAN)) == {reason}
    warehouse.now("2026-03-12T06:00:00")
    release_february(warehouse, "closed_period")
    outcome = warehouse.release(*SPAN)
    assert not outcome.held and outcome.appended_observations == 2
    columns = "obs_value, obs_status, revision_type, revision_reason, decision_id is not null"
    assert newest(warehouse, columns) == (120.0, "A", "C", "booked late", True)
    assert warehouse.published(query) == [("publish", "")]
    assert warehouse.release(*SPAN).release_id is None
    # The decision was on that candidate: the next change needs another.
    outcome = again(warehouse, "2026-03-13T06:00:00", cells(130, SE=100, NO=30))
    assert reasons(outcome) == {"closed_period: the period closed on 2026-03-10; its value changed (120 → 130)"}


def test_a_restated_month_and_its_quarter_are_held_and_one_decision_releases_both(warehouse: Warehouse) -> None:
    release_final(warehouse)
    warehouse.now("2026-04-03T06:00:00")
    warehouse.batch = "batch2"
    months = {**GOOD, "2026-02": cells(120, SE=90, NO=30), "2026-03": cells(130, SE=100, NO=30)}
    entry = kpi(freqs=("M", "Q"), observable_from=date(2026, 1, 1))
    warehouse.add(entry, {**months, "2026-Q1": cells(350, SE=265, NO=85)})
    warehouse.judge("2026-01-01", "2026-03-31")
    warehouse.release("2026-01-01", "2026-03-31")
    reasons = {
        "2026-02": "closed_period: the period closed on 2026-03-10; its value changed (110 → 120)",
        "2026-Q1": "reconciliation: its published parts would not add up to it: 2026-02 would stay as published",
    }
    held = "select time_period, reason from kpi.verdicts where held"
    assert dict(warehouse.published(held)) == reasons
    assert {
        pending.time_period: pending.reason for pending in pending_values(warehouse.company, warehouse.catalog)
    } == reasons
    (incident,) = open_incidents(warehouse.company, warehouse.catalog)
    assert {pending.period.code for pending in incident.held} == set(reasons)

    reason_and_name = {"reason": "booked late", "by": "cfo@example.com"}
    decided = warehouse.decide("release", "revenue", "2026-Q1", **reason_and_name)
    assert not decided.published and dict(warehouse.published(held)) == reasons
    assert warehouse.decide("release", "revenue", "2026-02", **reason_and_name).published
    assert warehouse.published(held) == []
    totals = "select time_period, obs_value from kpi.observations where segment = '_T' and period_start >= '2026-01-01'"
    assert dict(warehouse.published(totals)) == {"2026-01": 100, "2026-02": 120, "2026-03": 130, "2026-Q1": 350}


def test_a_decision_names_the_failing_checks_and_the_closed_period(warehouse: Warehouse) -> None:
    release_final(warehouse)
    outcome = again(warehouse, AFTER_CLOSE, cells(-5, SE=-5))
    both = [("bounds", "closed_period")]
    assert [held.checks for held in outcome.held] == both
    for check_name in ("bounds", "closed_period"):
        release_february(warehouse, check_name)
        assert [held.checks for held in warehouse.release(*SPAN).held] == both
    warehouse.now("2026-03-12T06:00:00")
    release_february(warehouse, "bounds", "closed_period")
    assert not warehouse.release(*SPAN).held
    assert newest(warehouse) == (-5.0, "A", "C")


@pytest.mark.parametrize(
    ("february", "change"),
    [
        (cells(110, SE=80, NO=20, DK=10), "its value changed (country DK: none → 10)"),
        (cells(110, SE=110), "its value changed (country NO: 30 → none)"),
        (cells(110, SE=81, NO=29), "its value changed (country NO: 30 → 29)"),
        ([{**row, "n_obs": 11} for row in GOOD["2026-02"]], "the rows behind its value changed"),
    ],
)
def test_members_and_counts_are_changes_too(warehouse: Warehouse, february: list[dict[str, Any]], change: str) -> None:
    release_final(warehouse)
    assert reasons(again(warehouse, AFTER_CLOSE, february)) == {
        f"closed_period: the period closed on 2026-03-10; {change}"
    }


def test_which_differences_do_not_change_a_closed_period(warehouse: Warehouse) -> None:
    warehouse.release("2026-01-01", "2026-01-31")
    assert not again(warehouse, AFTER_CLOSE, cells(120, SE=90, NO=30)).held  # February's first publication
    wobble = cells(120 * (1 + 1e-12), SE=90, NO=30)
    outcome = again(warehouse, "2026-03-12T06:00:00", wobble)
    assert (outcome.held, outcome.appended_observations) == ((), 0)
    outcome = again(warehouse, "2026-03-13T06:00:00", cells(60, SE=60), definition_version=2, definition_hash="def2")
    assert not outcome.held and newest(warehouse) == (60.0, "A", "R3")


def test_a_history_that_is_recomputed_has_no_break_and_one_that_is_not_has(warehouse: Warehouse) -> None:
    warehouse.release(*SPAN)
    warehouse.now(AFTER_CLOSE)
    second = kpi(definition_version=2, definition_hash="def2")
    warehouse.add(second, {"2026-01": cells(50, SE=50), "2026-02": cells(60, SE=60)})
    warehouse.judge(*SPAN)
    statuses = "select time_period, obs_value, obs_status from kpi.observations where segment = '_T' order by 1"
    warehouse.release("2026-02-01", "2026-02-28")
    assert warehouse.published(statuses) == [("2026-01", 100.0, "A"), ("2026-02", 60.0, "B")]
    warehouse.release(*SPAN)
    assert warehouse.published(statuses) == [("2026-01", 50.0, "A"), ("2026-02", 60.0, "A")]


def test_no_figure_of_a_protected_kpi_is_shown(warehouse: Warehouse) -> None:
    staff = kpi("staff", protected=True, unit="persons", kind="stock", domain="people")

    def people(se: int, no: int) -> list[dict[str, Any]]:
        return [{**row, "n_persons_numerator": int(row["obs_value"])} for row in cells(se + no, SE=se, NO=no)]

    warehouse.add(staff, {"2026-01": people(33, 44)})
    warehouse.judge(*SPAN)
    warehouse.release(*SPAN)
    warehouse.add(staff, {"2026-01": people(43, 44)})
    warehouse.judge(*SPAN)
    held = [key for key in warehouse.release(*SPAN).held if key.checks == ("closed_period",)]
    assert [key.reason for key in held] == ["closed_period: the period closed on 2026-02-10; its value changed"]
    (text,) = warehouse.published("select checks from kpi.verdicts where kpi_id = 'staff' and time_period = '2026-01'")[
        0
    ]
    assert "closed_period" in text and not any(figure in text for figure in ("33", "35", "77", "79"))


def test_a_restated_history_holds_the_new_period_too(warehouse: Warehouse) -> None:
    """An overwritten price list changes every month; a late row changes one."""
    past = {f"2025-{month:02}": cells(100.0 + month, SE=75.0 + month, NO=25) for month in range(1, 13)}
    warehouse.now("2026-03-11T06:00:00")
    warehouse.add(kpi(), {**past, **GOOD})
    warehouse.judge("2025-01-01", "2026-02-28")
    warehouse.release("2025-01-01", "2026-02-28")

    def march(changed: dict[str, Any]) -> set[str]:
        warehouse.now("2026-04-03T06:00:00")
        warehouse.batch = f"with {len(changed)} changed"
        warehouse.add(kpi(), {**past, **GOOD, **changed, "2026-03": cells(112, SE=82, NO=30)})
        verdict = warehouse.judge("2026-03-01", "2026-03-31")["revenue", "2026-03"]
        return {result.check for result in verdict.holding}

    lower = {code: cells(99.0 + int(code[-2:]), SE=74.0 + int(code[-2:]), NO=25) for code in past}
    moved = {code: cells(100.0 + int(code[-2:]), SE=70.0 + int(code[-2:]), NO=30) for code in past}
    assert march({}) == set()
    assert march({"2025-12": lower["2025-12"]}) == set()
    assert march(lower) == {"restated_history"}
    assert march(moved) == {"restated_history"}  # the totals are the same
