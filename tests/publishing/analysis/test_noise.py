"""How much published totals change by themselves, on months written by hand."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import pairwise
from math import inf
from pathlib import Path

import pytest

from publishing import reader
from publishing.analysis.noise import Usual, noise, with_usual
from tests import warehouse_factory
from tests.warehouse_factory import cells, kpi

VALUES = [100, 104, 99, 103, 98, 107, 101, 100, 108, 102, 97, 105, 110, 300, 112]


def two_deviations(changes: Sequence[float]) -> float:
    middle = statistics.median(changes)
    return 2 * 1.4826 * statistics.median(abs(change - middle) for change in changes)


def test_a_change_shows_when_it_is_unlike_most_and_a_single_event_does_not_widen_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = warehouse_factory.make(tmp_path, monkeypatch)
    months = [f"{2025 + place // 12}-{place % 12 + 1:02}" for place in range(len(VALUES))]
    warehouse.now("2026-05-12T06:00:00")
    warehouse.add(kpi(), {code: cells(value, SE=value) for code, value in zip(months, VALUES, strict=True)})
    warehouse.add(
        kpi("young"), {code: cells(value, SE=value) for code, value in zip(months[:12], VALUES, strict=False)}
    )
    warehouse.judge("2025-01-01", "2026-03-31")
    warehouse.publish("2025-01-01", "2026-03-31")
    published = warehouse.published(
        "select obs_value from kpi.observations where kpi_id = 'revenue' and segment = '_T'"
    )
    assert sorted(value for (value,) in published) == sorted(VALUES)
    noises = {row.kpi_id: row for row in noise()}
    changes = [after - before for before, after in pairwise(VALUES)]
    assert noises["revenue"].freq == "M" and noises["revenue"].level == statistics.median(VALUES)
    assert noises["revenue"].seen_on_before == pytest.approx(two_deviations(changes))
    assert noises["revenue"].seen_on_before < 25  # though one month was three times as much
    assert noises["revenue"].seen_on_year_ago is None  # three changes are too few
    assert noises["young"].seen_on_before is None  # eleven


def test_a_missing_month_makes_no_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each month repeats that of a year before, and one is missing: later ones are compared with their own month."""
    warehouse = warehouse_factory.make(tmp_path, monkeypatch)
    codes = [f"{2024 + place // 12}-{place % 12 + 1:02}" for place in range(27)]
    months = {code: VALUES[int(code[5:])] for code in codes if code != "2024-06"}
    warehouse.now("2026-05-12T06:00:00")
    warehouse.add(kpi(), {code: cells(value, SE=value) for code, value in months.items()})
    warehouse.judge("2024-01-01", "2026-03-31")
    warehouse.publish("2024-01-01", "2026-03-31")
    warehouse.published("select 1")
    (measured,) = noise()
    assert measured.seen_on_year_ago == 0


def test_a_change_is_usual_as_far_from_the_median_as_nineteen_of_twenty_are() -> None:
    usual = Usual(on_before=1.0, seen_on_before=2.0, on_year_ago=None, seen_on_year_ago=None)
    assert (usual.times_before(3.0), usual.times_before(-1.0), usual.times_before(6.0)) == (1.0, 1.0, 2.5)
    assert usual.are_usual(10.0, 7.0, 5.0) == (True, None)  # a change of 3, and what is usual on a year ago isn't known
    assert usual.are_usual(10.0, 6.5, None) == (False, None)
    assert usual.are_usual(None, 7.0, 5.0) == (None, None)


def test_of_changes_that_are_all_the_same_only_the_same_is_usual() -> None:
    usual = Usual(on_before=0.3, seen_on_before=0.0, on_year_ago=None, seen_on_year_ago=None)
    assert usual.times_before(0.1 + 0.2) == 0 and usual.times_before(0.31) == inf


def test_rows_say_whether_their_changes_are_usual_and_members_say_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = warehouse_factory.make(tmp_path, monkeypatch)
    months = [f"{2025 + place // 12}-{place % 12 + 1:02}" for place in range(len(VALUES))]
    warehouse.now("2026-05-12T06:00:00")
    warehouse.add(kpi(), {code: cells(value, SE=value) for code, value in zip(months, VALUES, strict=True)})
    warehouse.judge("2025-01-01", "2026-03-31")
    warehouse.publish("2025-01-01", "2026-03-31")
    warehouse.published("select 1")
    totals = with_usual(reader.series("revenue", "M", "_T", 4))
    # 97 to 105 and 105 to 110 are usual, 110 to 300 and back to 112 are not.
    assert [row["change_previous_is_usual"] for row in totals] == [True, True, False, False]
    assert {row["change_year_ago_is_usual"] for row in totals} == {None}
    in_sql = reader.query("from totals_monthly where kpi_id = 'revenue' order by period_start")
    assert [row["change_previous_is_usual"] for row in in_sql[-4:]] == [True, True, False, False]
    assert in_sql[0]["change_previous_is_usual"] is None  # it has no month before it
    assert {row["change_year_ago_is_usual"] for row in in_sql} == {None}
    (score,) = reader.scorecard()
    assert (score["change_previous_is_usual"], score["change_year_ago_is_usual"]) == (False, None)
    members = with_usual(reader.series("revenue", "M", "country", 4))
    assert {row["change_previous_is_usual"] for row in members} == {None}
