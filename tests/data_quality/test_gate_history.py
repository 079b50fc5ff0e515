"""Which periods the gate holds a value against: what was published, and what passed in the order of time."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_quality.gate.checks import series
from data_quality.gate.checks.result import expected_range
from data_quality.gate.checks.series import Periods
from data_quality.gate.verdict import Verdict
from metrics.core.periods import parse
from tests import warehouse_factory
from tests.warehouse_factory import OPEN_FOR_YEARS, Warehouse, cells, kpi, months


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    new_warehouse = warehouse_factory.make(tmp_path, monkeypatch)
    new_warehouse.calendar = OPEN_FOR_YEARS
    return new_warehouse


def calm(n: int) -> float:
    return 1000.0 + 10 * math.sin(n * 7.3)


def raised_from(first: int, factor: float = 1.5) -> Any:
    """Values that are all wrong by a factor from one month on, counted from January 2025."""
    return lambda n: calm(n) * (factor if n >= first else 1)


def growing(n: int) -> float:
    """A step of 4.5 % in January 2026, which is no surprise, and another in February, which isn't after that one."""
    return 1000.0 * 1.045 ** max(n - 11, 0)


def surprise_at_the_end(values: list[float], *, counted: bool) -> float:
    """The surprise of the last of some months' values."""
    months_of_values = [parse("2025-01").shift(n) for n in range(len(values))]
    periods = Periods.of("M", [month.code for month in months_of_values], [month.start for month in months_of_values])
    y = np.array(values)
    score = series.score(periods, y, series.chance(y, None) if counted else 0.0, np.zeros(len(y), dtype=bool))
    assert score is not None
    assert values[-1] == 0 or (score.low <= values[-1] <= score.high) == (score.figure <= 3.5)
    return score.figure


def held(warehouse: Warehouse, first: str, last: str) -> list[str]:
    """Judges and publishes month by month; the months that were held."""
    held_periods = []
    for code in months(first, last, calm):
        end = parse(code).end.isoformat()
        (verdict,) = warehouse.judge(end, end).values()
        warehouse.release(end, end)
        held_periods += [verdict.time_period] if verdict.verdict == "hold" else []
    return held_periods


def test_a_fault_that_lasts_is_held_as_long_as_nobody_releases_it(warehouse: Warehouse) -> None:
    """The faulty months aren't the history of the next ones, whether judged one by one or in one run."""
    warehouse.add(kpi(), months("2025-01", "2026-02", raised_from(11)))
    wrong = ["2025-12", "2026-01", "2026-02"]
    in_one_run = warehouse.judge("2025-01-01", "2026-02-28")
    assert [period for (_, period), verdict in in_one_run.items() if verdict.verdict == "hold"] == wrong
    warehouse.now("2026-03-05T07:00:00")
    warehouse.judge("2025-01-01", "2025-11-30")
    warehouse.release("2025-01-01", "2025-11-30")
    assert held(warehouse, "2025-12", "2026-02") == wrong


def test_what_a_person_released_may_come_again(warehouse: Warehouse) -> None:
    warehouse.feed("orders", history_from=date(2023, 1, 1))
    warehouse.add(kpi(), months("2023-01", "2026-02", lambda n: calm(n) * (1.5 if n >= 36 else 1)))
    warehouse.judge("2023-01-01", "2026-01-31")
    warehouse.release("2023-01-01", "2026-01-31")
    assert held(warehouse, "2026-02", "2026-02") == ["2026-02"]
    warehouse.decide("release", "revenue", "2026-01", reason="a big order", by="controller")
    assert held(warehouse, "2026-02", "2026-02") == []


def settled(warehouse: Warehouse, incident_id: str, *, as_new_level: bool = False) -> None:
    arguments: dict[str, Any] = {"reason": "it is so", "by": "controller", "as_new_level": as_new_level}
    warehouse.settle("release", incident_id, **arguments)


@pytest.mark.parametrize("years", [1, 3])
def test_a_level_that_was_released_as_one_holds_neither_later_nor_earlier_periods(
    warehouse: Warehouse, years: int
) -> None:
    """Of a young company and of one with a season: the range is widened in October, and sales triple."""
    first = f"{2026 - years}-01"
    at = 12 * years - 3
    warehouse.feed("orders", history_from=date(2023, 1, 1))
    tripled = months(first, "2026-02", lambda n: calm(n) * (1 if n < at else 3 + 0.02 * (n - at)))
    warehouse.add(kpi(), tripled)
    warehouse.judge(f"{first}-01", "2025-09-30")
    warehouse.release(f"{first}-01", "2025-09-30")
    assert held(warehouse, "2025-10", "2025-10") == ["2025-10"]
    settled(warehouse, "revenue-2025-10", as_new_level=True)
    assert warehouse.published("select incident_id, new_level_from from kpi.decisions") == [
        ("revenue-2025-10", date(2025, 10, 1))
    ]
    assert held(warehouse, "2025-11", "2026-02") == []
    again = warehouse.judge(f"{first}-01", "2025-09-30")
    assert {verdict.verdict for verdict in again.values()} <= {"publish", "publish_flagged"}
    fell = months(first, "2026-02", lambda n: calm(n) * (1 if n < at or n == at + 4 else 3 + 0.02 * (n - at)))
    warehouse.add(kpi(definition_hash="def1"), fell)
    assert held(warehouse, "2026-02", "2026-02") == ["2026-02"]


def test_an_event_that_reaches_a_kpi_later_is_its_level_from_then_on(warehouse: Warehouse) -> None:
    """More orders from October on, and smaller ones from November on, judged and released together."""
    warehouse.feed("orders", history_from=date(2023, 1, 1))
    warehouse.add(kpi("orders_placed"), months("2025-01", "2025-11", lambda n: calm(n) * (1 if n < 9 else 3)))
    warehouse.add(kpi("order_size"), months("2025-01", "2025-11", lambda n: calm(n) / (1 if n < 10 else 3)))
    for first, last in (("2025-01-01", "2025-09-30"), ("2025-10-01", "2025-11-30")):
        warehouse.judge(first, last)
        warehouse.release(first, last)
    settled(warehouse, "orders_placed-2025-10", as_new_level=True)
    assert warehouse.published("select distinct kpi_id, new_level_from from kpi.decisions order by all") == [
        ("order_size", date(2025, 11, 1)),
        ("orders_placed", date(2025, 10, 1)),
    ]


def test_after_a_single_event_that_was_released_a_usual_month_is_usual(warehouse: Warehouse) -> None:
    warehouse.add(kpi(), months("2025-01", "2026-02", lambda n: calm(n) * (2 if n == 12 else 1)))
    warehouse.judge("2025-01-01", "2025-12-31")
    warehouse.release("2025-01-01", "2025-12-31")
    assert held(warehouse, "2026-01", "2026-01") == ["2026-01"]
    settled(warehouse, "revenue-2026-01")
    assert held(warehouse, "2026-02", "2026-02") == []


def test_what_was_rejected_is_no_history(warehouse: Warehouse) -> None:
    """Though it passed every check, as the one after it would then."""
    warehouse.add(kpi(), months("2025-01", "2026-02", growing))
    warehouse.judge("2025-01-01", "2025-12-31")
    assert not warehouse.release("2025-01-01", "2025-12-31").held
    warehouse.judge("2026-01-31", "2026-01-31")
    warehouse.decide("reject", "revenue", "2026-01", reason="no", by="controller")
    verdicts = warehouse.judge("2026-02-28", "2026-02-28")
    (result,) = (result for result in verdicts["revenue", "2026-02"].checks if result.check == "expected_range")
    assert result.figure and result.figure > 5


def test_a_level_that_lasts_half_a_year_in_one_run_is_a_new_one(warehouse: Warehouse) -> None:
    """Nobody has decided on anything in the first run over a history, in which such levels are."""
    warehouse.add(kpi(), months("2024-01", "2026-02", raised_from(14)))
    verdicts = warehouse.judge("2024-01-01", "2026-02-28")
    wrong = [period for (_, period), verdict in verdicts.items() if verdict.verdict == "hold"]
    assert wrong == ["2025-03", "2025-04", "2025-05", "2025-06", "2025-07", "2025-08"]


def test_the_published_value_counts_and_not_what_the_candidate_became(warehouse: Warehouse) -> None:
    warehouse.add(kpi(), months("2025-01", "2026-01", calm))
    warehouse.judge("2025-01-01", "2026-01-31")
    warehouse.release("2025-01-01", "2026-01-31")
    warehouse.add(kpi(), months("2025-01", "2026-02", raised_from(0, 100.0)))
    assert held(warehouse, "2026-02", "2026-02") == ["2026-02"]


def test_a_month_that_another_check_holds_is_no_history_of_the_next(warehouse: Warehouse) -> None:
    rows = months("2025-01", "2026-02", growing)
    rows["2026-01"][1]["obs_value"] = 5.0  # the members don't add up
    warehouse.add(kpi(), rows)
    verdicts = warehouse.judge("2025-01-01", "2026-02-28")
    assert [period for (_, period), verdict in verdicts.items() if verdict.verdict == "hold"] == ["2026-01", "2026-02"]


def test_what_a_ratio_hides_shows_in_its_numerator_and_denominator(warehouse: Warehouse) -> None:
    ratio = kpi(unit="fraction", kind="ratio", metric_type="ratio", additive_segments=False, segments=())
    totals = months("2025-01", "2026-02", lambda n: calm(n) * (0.7 if n == 13 else 1))
    rows = {
        code: [{**cells(0.5)[0], "numerator": total["obs_value"] / 2, "denominator": total["obs_value"], "n_obs": None}]
        for code, (total, *_) in totals.items()
    }
    warehouse.add(ratio, rows)
    verdict = warehouse.judge("2026-02-28", "2026-02-28")["revenue", "2026-02"]
    assert verdict.verdict == "hold"
    detail = verdict.failing[0].detail
    assert detail.startswith("its numerator: ") and "expected; it is -29.3 %" in detail


def test_a_cohort_is_held_against_earlier_ones_once_its_window_has_closed(warehouse: Warehouse) -> None:
    """Until then it can't have come up to them; how many it is a rate of can, and the feeds must reach its end."""
    cohort = kpi(unit="fraction", kind="ratio", metric_type="ratio", segments=(), matures_after="60 days")

    def judged_at(now: str, watermark: date, **behind: float) -> Verdict:
        rows = months("2025-01", "2026-02", calm)
        for code in rows:
            rows[code] = [{**cells(0.1)[0], "numerator": 200, "denominator": 2000, "n_obs": 2000}]
        rows["2026-02"][0].update(obs_value=0.05, numerator=100, **behind)
        warehouse.add(cohort, rows)
        warehouse.feed("orders", history_from=date(2025, 1, 1), watermark=watermark)
        warehouse.now(now)
        return warehouse.judge("2025-01-01", "2026-02-28")["revenue", "2026-02"]

    verdict = judged_at("2026-03-05T07:00:00", date(2026, 3, 4))
    assert verdict.verdict == "publish"
    verdict = judged_at("2026-03-05T07:00:00", date(2026, 3, 4), denominator=3000, n_obs=3000)
    assert verdict.verdict == "hold" and verdict.failing[0].detail.startswith("its denominator: ")
    assert "expected; it is +50" in verdict.failing[0].detail
    verdict = judged_at("2026-05-05T07:00:00", date(2026, 5, 4))
    assert "expected_range" in {result.check for result in verdict.failing}
    verdict = judged_at("2026-05-05T07:00:00", date(2026, 4, 28))
    assert verdict.failing[0].check == "complete"
    assert verdict.failing[0].detail.endswith("reaches 2026-04-28, the period needs data until 2026-04-29")


def test_a_series_that_cannot_be_judged_holds_its_own_kpi_alone(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = expected_range._judged

    def broken(rows: Any) -> Any:
        if rows[0][0] == "broken":
            raise ValueError("no number")
        return judged(rows)

    monkeypatch.setattr(expected_range, "_judged", broken)
    for name in ("good", "broken"):
        warehouse.add(kpi(name), months("2025-01", "2026-02", calm))
    verdicts = warehouse.judge("2026-02-28", "2026-02-28")
    assert {name: verdict.verdict for (name, _), verdict in verdicts.items()} == {"good": "publish", "broken": "hold"}
    assert {result.detail for result in verdicts["broken", "2026-02"].failing} == {"could not be evaluated"}


def test_nought_after_values_that_never_were_is_a_surprise_unless_chance_may_bring_it() -> None:
    uneven = [1000 + 350 * math.sin(n * 7.3) for n in range(14)]
    assert surprise_at_the_end([*uneven, 700], counted=False) < 3.5
    assert surprise_at_the_end([*uneven, 0], counted=False) > 5
    few = [3.0, 4, 2, 3, 5, 2, 3, 4, 3, 2, 4, 3, 3]
    assert surprise_at_the_end([*few, 0], counted=True) < 3.5


@pytest.mark.parametrize(
    ("kind", "last", "verdict"),
    [("stock", 245, "publish"), ("stock", 200, "hold"), ("flow", 200, "publish"), ("flow", 120, "hold")],
)
def test_few_of_a_stock_come_and_go_where_a_flow_is_counted_anew(
    warehouse: Warehouse, kind: str, last: int, verdict: str
) -> None:
    """Of 250, half fewer is no chance of either, a fifth fewer is one of a flow, and a few fewer of a stock too."""
    counts = {code: cells(float(250 + n % 2)) for n, code in enumerate(months("2025-01", "2026-01", calm))}
    entry = kpi(kind=kind, unit="count", segments=(), additive_segments=False)
    warehouse.add(entry, {**counts, "2026-02": cells(float(last))})
    february = warehouse.judge("2026-02-28", "2026-02-28")["revenue", "2026-02"]
    assert february.verdict == verdict
    assert {result.check for result in february.failing} <= {"expected_range"}
