"""The fault harness on a small sample company: it measures what a fault moved, and the gate holds what it must."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from benchmarks.faults import measure, report, run, world
from benchmarks.faults.kinds import KINDS
from benchmarks.faults.trial import faults_of, packed, tried
from metrics.periods import parse

pytestmark = pytest.mark.xdist_group("faults")

MONTH = parse("2024-12")
SMALL = world.Setting(scale=0.1, seed=3, start=date(2024, 9, 1))
CHOSEN = {
    ("vat_included", "order_lines", "whole month"),
    ("dropped_column", "sessions", "a measure"),
    ("missing_feed", "readings", "last 10 days"),
    ("segment_renamed", "tickets", "a large one"),
    ("late_after_close", "leads", "50 %"),
    ("truncated_export", "employees", "60 %"),
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The result of each chosen fault, by kind; they are tried in as few worlds as may be."""
    base = world.base(tmp_path_factory.mktemp("faults"), MONTH, SMALL)
    faults = [one for one in faults_of(KINDS.values(), [MONTH]) if (one.kind.name, one.feed, one.size) in CHOSEN]
    with world.deployment(base.before, base.now, base.sources):
        kpis_of = world.Project.load().kpis_of
    return {row["kind"]: row for trial in packed(faults, {MONTH: base}, kpis_of) for row in tried(trial)}


def _monthly(row: dict[str, Any], kpi: str, period: str = MONTH.code) -> dict[str, Any]:
    return next(one for one in row["totals"] if (one["kpi_id"], one["period"]) == (kpi, period))


def test_every_fault_was_tried(rows: dict[str, dict[str, Any]]) -> None:
    assert set(rows) == {kind for kind, *_ in CHOSEN}
    assert not [row for row in rows.values() if "error" in row]


def test_a_move_is_measured_against_the_world_without_the_fault(rows: dict[str, dict[str, Any]]) -> None:
    assert _monthly(rows["vat_included"], "net_revenue")["moved_pct"] == pytest.approx(25, abs=1e-3)
    assert _monthly(rows["vat_included"], "average_order_value")["moved_pct"] == pytest.approx(25, abs=1e-3)
    # Ten of 31 days; days differ by the weather and by weekends.
    assert _monthly(rows["missing_feed"], "energy_use")["moved_pct"] == pytest.approx(100 * 10 / 31, abs=6)
    # A renamed member is another one, and what is left of the old one are answers to older tickets; the total stays.
    assert rows["segment_renamed"]["totals"] == []
    assert rows["segment_renamed"]["cell"]["moved_pct"] >= 99


def test_a_kpi_moves_by_its_own_fault_only(rows: dict[str, dict[str, Any]]) -> None:
    assert {one["kpi_id"] for one in rows["missing_feed"]["totals"]} == {"energy_use"}
    assert {one["kpi_id"] for one in rows["late_after_close"]["totals"]} == {"cpl", "lead_to_customer_rate"}


def test_what_cannot_be_complete_is_held(rows: dict[str, dict[str, Any]]) -> None:
    for kind, kpi in (("missing_feed", "energy_use"), ("dropped_column", "web_sessions")):
        found = _monthly(rows[kind], kpi)
        assert (found["outcome"], "complete" in found["checks"]) == ("held", True)


def test_a_closed_period_is_held(rows: dict[str, dict[str, Any]]) -> None:
    found = _monthly(rows["late_after_close"], "cpl", MONTH.shift(-2).code)
    assert found["moved_pct"] == pytest.approx(100 / 3, abs=3)  # half as many leads again for the same cost
    assert (found["outcome"], found["checks"][-1]) == ("held", "closed_period")


def test_the_report_counts_every_total_that_moved(rows: dict[str, dict[str, Any]]) -> None:
    found = report.results(list(rows.values()), None, 1)
    moved = [one for row in rows.values() for one in row["totals"] if one["moved_pct"] >= report.MATERIAL]
    assert found["totals"]["moved_5"] == len(moved)
    assert found["totals"]["moved_5_caught"] == len(moved) - len(found["got_through"])
    assert {one["kind"] for one in found["cases"]} == set(rows)
    assert all(one["kind"] in report.markdown(found) for one in found["got_through"])


def test_every_size_of_every_kind_is_tried_in_several_months() -> None:
    months = [parse(code) for code in run.MONTHS]
    faults = faults_of(KINDS.values(), months)
    assert len(KINDS) >= 30
    for kind in KINDS.values():
        of_kind = [fault for fault in faults if fault.kind is kind]
        assert {fault.size for fault in of_kind} == set(kind.sizes)
        assert {fault.month for fault in of_kind} == set(months)


def test_a_flag_that_stands_without_the_fault_catches_nothing() -> None:
    flagged, more = measure.Outcome("flagged", ("few",)), measure.Outcome("flagged", ("few", "odd"))
    key, other = ("k", "M", "2024-12"), ("k", "M", "2024-11")
    found = measure.beyond({key: flagged, other: more}, {key: flagged, other: flagged})
    assert (found[key].answer, found[other].answer) == ("published", "flagged")
