"""The fault harness on a small sample company: it measures what a fault moved, and the gate holds what it must.

Of the real companies' kinds only the injection is tried, on their files as they are.
"""

from __future__ import annotations

import shutil
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import company_with

from benchmarks.faults import measure, report, run, world
from benchmarks.faults.files import Files
from benchmarks.faults.kinds import KINDS, Fault
from benchmarks.faults.kinds.kind import SAMPLE, new_keys
from benchmarks.faults.trial import faults_of, packed, tried
from benchmarks.reality import files
from benchmarks.reality.companies import COMPANIES, REAL_FILES, Lived
from metrics.core.periods import parse
from metrics.definitions.company import Company

pytestmark = pytest.mark.xdist_group("faults")

MONTH = parse("2024-12")
KPIS = {
    *("net_revenue", "average_order_value", "web_sessions", "energy_use", "energy_intensity", "csat", "cpl"),
    *("lead_to_customer_rate", "headcount"),
}
"""What the faults of CHOSEN move."""
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
    folder = tmp_path_factory.mktemp("faults")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NYCKELTAL_DATA_DIR", str(folder / "compiling"))
        company = company_with(KPIS, folder)
    deliver = partial(files.simulated, start=date(2024, 9, 1), seed=3, scale=0.1)
    base = world.base(folder, Lived("small", company.path, deliver, first_run="2024-11", last="2024-12"), MONTH)
    faults = faults_of(KINDS.values(), SAMPLE, [MONTH])
    faults = [fault for fault in faults if (fault.kind.name, fault.feed, fault.size) in CHOSEN]
    with world.deployment(base.before, base.now, base.sources):
        kpis_of = world.Project.load(base.company_folder).kpis_of
    return {row["kind"]: row for trial in packed(faults, {MONTH: base}, kpis_of) for row in tried(trial)}


def _monthly(row: dict[str, Any], kpi: str, period: str = MONTH.code) -> dict[str, Any]:
    return next(total for total in row["totals"] if (total["kpi_id"], total["period"]) == (kpi, period))


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
    assert {total["kpi_id"] for total in rows["missing_feed"]["totals"]} == {"energy_use", "energy_intensity"}
    assert {total["kpi_id"] for total in rows["late_after_close"]["totals"]} == {"cpl", "lead_to_customer_rate"}


def test_what_cannot_be_complete_is_held(rows: dict[str, dict[str, Any]]) -> None:
    for kind, kpi in (("missing_feed", "energy_use"), ("dropped_column", "web_sessions")):
        total = _monthly(rows[kind], kpi)
        assert (total["outcome"], "complete" in total["checks"]) == ("held", True)


def test_a_closed_period_is_held(rows: dict[str, dict[str, Any]]) -> None:
    total = _monthly(rows["late_after_close"], "cpl", MONTH.shift(-2).code)
    assert total["moved_pct"] == pytest.approx(100 / 3, abs=3)  # half as many leads again for the same cost
    assert (total["outcome"], total["checks"][-1]) == ("held", "closed_period")


def test_the_report_counts_every_total_that_moved(rows: dict[str, dict[str, Any]]) -> None:
    results = report.results(list(rows.values()), {}, 1)
    moved = [total for row in rows.values() for total in row["totals"] if total["moved_pct"] >= report.MATERIAL]
    totals = results["totals"][SAMPLE]
    assert totals == results["totals"]["all"]
    assert totals["moved_5"] == len(moved)
    assert totals["moved_5_held"] + totals["moved_5_flagged"] == len(moved) - len(results["got_through"])
    assert {row["kind"] for row in results["cases"]} == set(rows)
    assert all(row["kind"] in report.markdown(results) for row in results["got_through"])


def test_a_check_is_told_what_it_alone_did() -> None:
    def moved(outcome: str, checks: list[str], holding: list[str]) -> dict[str, Any]:
        keys = {"kpi_id": "k", "period": "2024-12", "moved_pct": 9.0}
        return {**keys, "outcome": outcome, "checks": checks, "holding": holding}

    totals = [
        moved("held", ["bounds", "expected_range"], ["bounds"]),
        moved("held", ["bounds", "expected_range"], ["bounds", "expected_range"]),
        moved("flagged", ["expected_range"], []),
    ]
    fault = {"company": SAMPLE, "kind": "k", "size": "s", "feed": "f", "month": "2024-12"}
    row = {**fault, "totals": totals, "cell": None, "held_unmoved": 0, "failure": None, "gate_seconds": 1.0}
    clean = {"ravenstack": {f"{how}_by": {"bounds": 2} for how in ("held", "held_alone", "flagged", "flagged_alone")}}
    by_check = {row["check"]: row for row in report.results([row], clean, 1)["checks"]}
    bounds, expected = by_check["bounds"], by_check["expected_range"]
    assert (bounds["held"], bounds["held_alone"], bounds["caught_alone"]) == (2, 1, 0)
    assert (expected["held"], expected["held_alone"], expected["caught_alone"]) == (1, 0, 1)
    assert (expected["flagged"], expected["flagged_alone"]) == (1, 1)
    assert bounds["clean_held_alone"] == {"ravenstack": 2}
    assert expected["clean_held_alone"] == {"ravenstack": 0}


def test_every_size_of_every_kind_is_tried_in_several_months() -> None:
    assert len(KINDS) >= 30
    for company, codes in run.MONTHS.items():
        months = [parse(code) for code in codes]
        faults = faults_of(KINDS.values(), company, months)
        for kind in (kind for kind in KINDS.values() if kind.targets_of(company)):
            of_kind = [fault for fault in faults if fault.kind is kind]
            assert {fault.size for fault in of_kind} == set(kind.sizes)
            assert {fault.month for fault in of_kind} == set(months)


def test_a_sample_has_so_many_of_each_kind_and_is_the_same_again() -> None:
    def sampled() -> list[tuple[str, str, str]]:
        faults = faults_of(KINDS.values(), "ravenstack", [MONTH], sample=2)
        return [(fault.kind.name, fault.feed, fault.size) for fault in faults]

    assert sampled() == sampled()
    assert pd.Series([name for name, *_ in sampled()]).value_counts().eq(2).all()


def test_other_keys_have_the_form_of_keys() -> None:
    assert new_keys(pd.Series(["SO1234", "T-0ab", "5001"])).tolist() == ["SO91234", "T-90ab", "95001"]


@pytest.mark.skipif(not REAL_FILES.is_dir(), reason="the real files aren't there")
@pytest.mark.parametrize("company", ["adventureworks", "ravenstack"])
def test_every_fault_of_a_real_company_alters_its_files(company: str, tmp_path: Path) -> None:
    lived = next(lived_company for lived_company in COMPANIES if lived_company.name == company)
    month = parse(run.MONTHS[company][0])
    world.deliver(lived, tmp_path / "as_it_is", month)
    for kind in KINDS.values():
        for feed in kind.targets_of(company):
            here = tmp_path / "faulted"
            world.link_sources(tmp_path / "as_it_is", here, world.judged_at(month))
            before = _contents(here)
            Fault(kind, company, feed, list(kind.sizes)[-1], month).inject(
                Files(here, Company.load(lived.folder), month, world.judged_at(month))
            )
            assert _contents(here) != before, (kind.name, feed)
            assert _contents(tmp_path / "as_it_is") == before
            shutil.rmtree(here)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_flag_that_stands_without_the_fault_catches_nothing() -> None:
    flagged, more = measure.Outcome("flagged", ("few",)), measure.Outcome("flagged", ("few", "odd"))
    key, other_key = ("k", "M", "2024-12"), ("k", "M", "2024-11")
    outcomes = measure.beyond({key: flagged, other_key: more}, {key: flagged, other_key: flagged})
    assert (outcomes[key].answer, outcomes[other_key].answer) == ("published", "flagged")
