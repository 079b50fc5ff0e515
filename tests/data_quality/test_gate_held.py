"""What is held flags what else is computed of the same rows."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from data_quality.gate.verdict import Verdict
from tests import warehouse_factory
from tests.warehouse_factory import OPEN_FOR_YEARS, Warehouse, cells, failing, kpi, months


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    new_warehouse = warehouse_factory.make(tmp_path, monkeypatch)
    new_warehouse.feed("orders", history_from=date(2025, 1, 1), watermark=date(2026, 12, 31))
    new_warehouse.now("2027-01-05T07:00:00")
    new_warehouse.calendar = OPEN_FOR_YEARS
    return new_warehouse


def rows(wrong: str) -> dict[str, list[dict[str, Any]]]:
    """Two years of months, weeks, quarters and years; one month is wrong by half, and so is the sum of its members."""
    rows_by_period = months("2025-01", "2026-12", lambda n: 1000.0 + n % 3)
    rows_by_period[wrong] = cells(1500, SE=1400)
    rows_by_period |= {f"2026-W{number:02}": cells(230, SE=230) for number in range(1, 15)}
    return rows_by_period | {
        "2026-Q1": cells(3500, SE=3500),
        "2026-Q2": cells(3000, SE=3000),
        "2026": cells(12500, SE=12500),
    }


def of_all_freqs(warehouse: Warehouse) -> None:
    warehouse.add(kpi(kind="ratio", freqs=("W", "M", "Q", "A")), rows("2026-01"))


def flagged(verdicts: dict[tuple[str, str], Verdict], check: str = "beside_held") -> set[str]:
    """The periods, or KPIs and periods where there are several KPIs, that share days with what is held."""
    several = len({kpi_id for kpi_id, _ in verdicts}) > 1
    return {
        f"{kpi_id} {period}" if several else period
        for (kpi_id, period), verdict in verdicts.items()
        if check in {result.check for result in verdict.failing}
    }


def decide(warehouse: Warehouse, decision: Any, period: str) -> None:
    warehouse.decide(decision, "revenue", period, reason="a big order", by="controller")


SHARING_DAYS_WITH_JANUARY = {"2026-W01", "2026-W02", "2026-W03", "2026-W04", "2026-W05", "2026-Q1", "2026"}
PARTS_OF_JANUARY = {"2026-W02", "2026-W03", "2026-W04"}


def test_parts_of_a_held_period_are_held_and_what_else_has_its_days_is_flagged(warehouse: Warehouse) -> None:
    of_all_freqs(warehouse)
    verdicts = warehouse.judge("2026-01-01", "2026-12-31")
    assert "expected_range" in {result.check for result in verdicts["revenue", "2026-01"].failing}
    assert flagged(verdicts) == SHARING_DAYS_WITH_JANUARY
    assert flagged(verdicts, "part_of_held") == PARTS_OF_JANUARY
    answers = {period: verdicts["revenue", period].verdict for period in SHARING_DAYS_WITH_JANUARY}
    assert answers == dict.fromkeys(SHARING_DAYS_WITH_JANUARY, "publish_flagged") | dict.fromkeys(
        PARTS_OF_JANUARY, "hold"
    )
    beside, part = verdicts["revenue", "2026-W03"].failing
    assert beside.detail == "these values of the same days are held: revenue 2026-01"
    assert part.detail == "it is a part of 2026-01, which is held"
    assert part.figure == pytest.approx(7 / 31, abs=1e-6)


def test_a_month_that_is_mostly_held_weeks_is_held(warehouse: Warehouse) -> None:
    """A company of eight months: weeks have a past, months none yet."""
    weeks = [f"2025-W{number:02}" for number in range(18, 53)]
    figures = {week: cells(230 + n % 3, SE=230 + n % 3) for n, week in enumerate(weeks)}
    figures |= months("2025-05", "2025-12", lambda n: 1000.0 + n % 3)
    wrong = {week: cells(460, SE=460) for week in ("2025-W45", "2025-W46", "2025-W47")}
    warehouse.add(kpi(freqs=("W", "M"), observable_from=date(2025, 5, 1)), {**figures, **wrong})
    verdicts = warehouse.judge("2025-05-01", "2025-12-31")
    assert flagged(verdicts, "part_of_held") == {"2025-11"}
    (result,) = verdicts["revenue", "2025-11"].holding
    assert result.detail == "most of it is held: 2025-W45, 2025-W46, 2025-W47"
    two = {week: wrong[week] for week in ("2025-W45", "2025-W46")}
    warehouse.add(kpi(freqs=("W", "M"), observable_from=date(2025, 5, 1)), {**figures, **two})
    assert not flagged(warehouse.judge("2025-05-01", "2025-12-31"), "part_of_held")


def test_what_is_held_as_a_part_holds_no_third_one(warehouse: Warehouse) -> None:
    """February is held for the first quarter, and not its weeks for it, in this run or in a later one."""
    warehouse.feed("orders", history_from=date(2023, 1, 1), watermark=date(2026, 12, 31))
    rows_by_period = rows("2025-12") | {"2026-Q1": cells(6000, SE=6000)}
    for year in (2023, 2024, 2025):
        rows_by_period |= {f"{year}-Q{number}": cells(3000, SE=3000) for number in range(1, 5)}
    warehouse.add(kpi(kind="ratio", freqs=("W", "M", "Q")), rows_by_period)
    verdicts = warehouse.judge("2026-01-01", "2026-03-31")
    assert "expected_range" in failing(verdicts["revenue", "2026-Q1"])
    assert failing(verdicts["revenue", "2026-02"]) == {"part_of_held"}
    assert not failing(verdicts["revenue", "2026-W07"])
    warehouse.release("2026-01-01", "2026-03-31")
    later = warehouse.judge("2026-02-01", "2026-02-15")
    assert not failing(later["revenue", "2026-W07"])


def test_a_month_that_was_published_and_has_not_changed_is_not_held_for_its_quarter(warehouse: Warehouse) -> None:
    warehouse.feed("orders", history_from=date(2023, 1, 1), watermark=date(2026, 12, 31))
    values = rows("2025-12")
    for year in (2023, 2024, 2025):
        values |= {f"{year}-Q{number}": cells(3000, SE=3000) for number in range(1, 5)}
    warehouse.add(kpi(kind="ratio", freqs=("M", "Q")), values)
    warehouse.judge("2026-01-01", "2026-02-28")
    warehouse.release("2026-01-01", "2026-02-28")
    warehouse.batch = "later"
    warehouse.add(kpi(kind="ratio", freqs=("M", "Q")), values | {"2026-Q1": cells(6000, SE=6000)})
    verdicts = warehouse.judge("2026-01-01", "2026-03-31")
    assert "expected_range" in failing(verdicts["revenue", "2026-Q1"])
    assert flagged(verdicts, "part_of_held") == {"2026-03"}


def test_what_is_held_for_another_reason_holds_none_of_its_parts(warehouse: Warehouse) -> None:
    """Nothing is known yet of what is usual in March; but it is out of bounds."""
    rows_by_period = {f"2025-W{number:02}": cells(230, SE=230) for number in range(1, 20)}
    rows_by_period |= months("2025-01", "2026-12", lambda n: 1000.0 + n % 3) | {"2025-03": cells(1500, SE=1500)}
    warehouse.add(kpi(kind="ratio", freqs=("W", "M"), upper_bound=1200.0), rows_by_period)
    verdicts = warehouse.judge("2025-01-01", "2025-04-30")
    assert failing(verdicts["revenue", "2025-03"]) == {"bounds"}
    assert failing(verdicts["revenue", "2025-W11"]) == {"beside_held"}


def test_of_a_stock_the_periods_that_end_on_the_same_day_are_one(warehouse: Warehouse) -> None:
    """The first quarter is held: of a stock that is its last day, and March's too, and not February's; or March is."""
    warehouse.feed("orders", history_from=date(2023, 1, 1), watermark=date(2026, 12, 31))
    rows_by_period = months("2025-01", "2026-12", lambda n: 1000.0 + n % 3) | {"2026-Q1": cells(6000, SE=6000)}
    for year in (2023, 2024, 2025):
        rows_by_period |= {f"{year}-Q{number}": cells(3000, SE=3000) for number in range(1, 5)}
    warehouse.add(kpi(kind="stock", freqs=("M", "Q")), rows_by_period)
    assert flagged(warehouse.judge("2026-01-01", "2026-03-31"), "part_of_held") == {"2026-03"}
    rows_by_period |= {"2026-Q1": cells(3000, SE=3000), "2026-03": cells(1500, SE=1500)}
    warehouse.add(kpi(kind="stock", freqs=("M", "Q")), rows_by_period)
    assert flagged(warehouse.judge("2026-01-01", "2026-03-31"), "part_of_held") == {"2026-Q1"}


def test_what_an_earlier_run_held_counts_until_it_is_released(warehouse: Warehouse) -> None:
    of_all_freqs(warehouse)
    warehouse.now("2026-04-03T07:00:00")
    warehouse.judge("2025-01-01", "2026-01-31")
    warehouse.release("2025-01-01", "2026-01-31")
    assert "2026-Q1" in flagged(warehouse.judge("2026-03-01", "2026-03-31"))
    assert flagged(warehouse.judge("2026-01-10", "2026-01-20"), "part_of_held") == {"2026-W02", "2026-W03"}
    decide(warehouse, "release", "2026-01")
    assert not flagged(warehouse.judge("2026-01-10", "2026-01-20"), "part_of_held")
    assert not flagged(warehouse.judge("2026-03-01", "2026-03-31"))
    assert not flagged(warehouse.judge("2026-01-01", "2026-01-31"))


def test_what_was_rejected_counts_though_it_passes_every_check(warehouse: Warehouse) -> None:
    warehouse.add(kpi(kind="ratio", freqs=("M", "Q")), rows("2025-12"))
    warehouse.judge("2025-06-01", "2026-01-31")
    warehouse.release("2025-06-01", "2026-01-31")
    warehouse.judge("2026-02-28", "2026-02-28")
    decide(warehouse, "reject", "2026-02")
    assert flagged(warehouse.judge("2026-02-01", "2026-06-30")) == {"2026-Q1"}


def test_what_is_held_only_as_it_is_unlike_the_past_flags_no_other(warehouse: Warehouse) -> None:
    surprising = rows("2026-01") | {"2026-01": cells(1500, SE=1500)}
    warehouse.add(kpi(kind="ratio", freqs=("W", "M", "Q", "A")), surprising)
    verdicts = warehouse.judge("2026-01-01", "2026-12-31")
    assert verdicts["revenue", "2026-01"].verdict == "hold"
    assert not flagged(verdicts)


def test_a_period_that_is_not_complete_doubts_no_other(warehouse: Warehouse) -> None:
    warehouse.feed("orders", history_from=date(2025, 1, 1), watermark=date(2026, 4, 10))
    warehouse.add(kpi(kind="ratio", freqs=("W", "M", "Q", "A")), rows("2025-12"))
    verdicts = warehouse.judge("2026-04-01", "2026-04-30")
    assert verdicts["revenue", "2026-04"].verdict == "hold"
    assert not flagged(verdicts)


def test_a_month_that_is_not_complete_holds_none_of_its_weeks(warehouse: Warehouse) -> None:
    warehouse.feed("orders", history_from=date(2025, 1, 1), watermark=date(2026, 4, 20))
    surprising = rows("2025-12") | {"2026-04": cells(1500, SE=1500), "2026-W15": cells(230, SE=230)}
    warehouse.add(kpi(kind="ratio", freqs=("W", "M")), surprising)
    verdicts = warehouse.judge("2026-04-01", "2026-04-30")
    assert {"complete", "expected_range"} <= failing(verdicts["revenue", "2026-04"])
    assert not failing(verdicts["revenue", "2026-W15"])


def test_a_held_week_flags_a_longer_period_only_within_it(warehouse: Warehouse) -> None:
    """The last days of W14 are April's; W13 lies within March, and within the quarter."""
    calm = rows("2025-12") | {"2025-12": cells(1000, SE=1000)}
    rows_by_period = calm | {"2026-W14": cells(230, SE=130)}
    warehouse.add(kpi(kind="ratio", freqs=("W", "M", "Q")), rows_by_period)
    assert not flagged(warehouse.judge("2026-03-01", "2026-04-30"))
    warehouse.add(kpi(kind="ratio", freqs=("W", "M", "Q")), rows_by_period | {"2026-W13": cells(230, SE=130)})
    assert flagged(warehouse.judge("2026-03-01", "2026-04-30")) == {"2026-03", "2026-Q1"}


def test_kpis_that_cover_a_held_one_are_flagged_cohorts_until_their_window_closes(warehouse: Warehouse) -> None:
    calm = months("2025-01", "2026-12", lambda n: 1000.0 + n % 3)
    warehouse.add(kpi("revenue"), calm | {"2026-03": cells(1500, SE=1400)})
    warehouse.add(kpi("order_value", covers=("revenue",)), calm)
    warehouse.add(kpi("lead_value", covers=("revenue",), matures_after="25 days"), calm)
    warehouse.add(kpi("orders"), calm)
    assert flagged(warehouse.judge("2026-01-01", "2026-04-30")) == {
        "order_value 2026-03",
        "lead_value 2026-02",
        "lead_value 2026-03",
    }
