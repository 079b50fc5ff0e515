"""The gate's check of segment members: vanished, new, renamed and shifted ones, against the segment's own history."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_quality.gate.verdict import Verdict
from tests import warehouse_factory
from tests.warehouse_factory import OPEN_FOR_YEARS, Warehouse, cells, kpi, levels, months

Shares = dict[str, float]
USUAL = {"SE": 0.6, "NO": 0.3, "DK": 0.08, "IS": 0.02}
FLAGGED = {"segment_share": "flag"}


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    new_warehouse = warehouse_factory.make(tmp_path, monkeypatch)
    new_warehouse.calendar = OPEN_FOR_YEARS
    return new_warehouse


def divided(shares: Callable[[int], Shares], last: str = "2026-02") -> dict[str, list[dict[str, Any]]]:
    """Months from January 2024 on, whose total is divided among members by a function of the month's number."""
    rows = {}
    for n, code in enumerate(months("2024-01", last, float)):
        wobble = 0.01 * math.sin(n * 7.3)
        members = {name: 1000 * share for name, share in shares(n).items()}
        if "NO" in members:
            members["SE"] += 1000 * wobble
            members["NO"] -= 1000 * wobble
        rows[code] = [
            {**cell, "n_obs": round(100 * cell["obs_value"])} for cell in cells(sum(members.values()), **members)
        ]
    return rows


def failing_members(verdicts: dict[tuple[str, str], Verdict]) -> dict[str, dict[str, str]]:
    """What failed in February 2026, by KPI."""
    return {name: levels(verdict) for (name, _), verdict in verdicts.items()}


def in_february(**shares: float) -> Callable[[int], Shares]:
    changed = {name: share for name, share in {**USUAL, **shares}.items() if share}
    return lambda n: changed if n == 25 else USUAL


def test_members_that_vanish_come_up_or_shift(warehouse: Warehouse) -> None:
    cases: dict[str, tuple[Callable[[int], Shares], dict[str, str]]] = {
        "usual": (in_february(), {}),
        "vanished": (in_february(NO=0.0, SE=0.9), FLAGGED),
        "renamed": (in_february(DK=0.0, Denmark=0.08), FLAGGED),
        "new": (in_february(FI=0.1, SE=0.5), FLAGGED),
        "shifted": (in_february(SE=0.4, NO=0.5), FLAGGED),
        "slightly": (in_february(SE=0.56, NO=0.34), FLAGGED),
        "small_vanished": (in_february(IS=0.0, SE=0.62), {}),
    }
    for name, (shares, _) in cases.items():
        warehouse.add(kpi(name), divided(shares))
        warehouse.add(kpi(f"{name}_ratio", additive_segments=False), divided(shares))
    verdicts = warehouse.judge("2026-02-28", "2026-02-28")
    assert failing_members(verdicts) == {
        kpi_id: failing for name, (_, failing) in cases.items() for kpi_id in (name, f"{name}_ratio")
    }
    (result,) = verdicts["renamed", "2026-02"].failing
    gone, new = "country DK has 0.0% where 8.0% is usual", "country of a new member has 8.0% where 0.0% is usual"
    assert result.detail in (gone, new)


def test_a_season_is_no_shift(warehouse: Warehouse) -> None:
    def winter(n: int) -> Shares:
        return {**USUAL, "SE": 0.4, "NO": 0.5} if n % 12 in (10, 11, 0) else USUAL

    warehouse.add(kpi(), divided(winter, "2026-01"))
    assert failing_members(warehouse.judge("2026-01-31", "2026-01-31"))["revenue"] == {}


def test_few_observations_shift_by_chance(warehouse: Warehouse) -> None:
    rows = divided(in_february(SE=0.4, NO=0.5))
    for cell in rows["2026-02"]:
        cell["n_obs"] = 2
    warehouse.add(kpi(), rows)
    assert "segment_share" not in failing_members(warehouse.judge("2026-02-28", "2026-02-28"))["revenue"]


def test_a_segment_without_rows_has_lost_all_its_members(warehouse: Warehouse) -> None:
    rows = divided(in_february())
    rows["2026-02"] = rows["2026-02"][:1]
    warehouse.add(kpi(additive_segments=False), rows)
    assert failing_members(warehouse.judge("2026-02-28", "2026-02-28"))["revenue"] == FLAGGED


def test_a_new_division_is_flagged_until_it_is_the_usual_one(warehouse: Warehouse) -> None:
    divisions = {name: share / 1.3 for name, share in {**USUAL, "FI": 0.3}.items()}
    warehouse.add(kpi(), divided(lambda n: divisions if n >= 20 else USUAL))
    verdicts = warehouse.judge("2024-01-01", "2026-02-28")
    flagged = {period: levels(verdict) for (_, period), verdict in verdicts.items() if verdict.failing}
    assert flagged == dict.fromkeys(["2025-09", "2025-10", "2025-11", "2025-12"], FLAGGED)
