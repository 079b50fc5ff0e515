"""What counts as usual in a series."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from data_quality.gate.checks.series import Periods, chance_of_mean, robust_scale, score


@pytest.mark.parametrize(("weeks", "scale"), [((40, 41, 42), 0), ((10, 60), 0), ((10, 60, 100), 0.2)])
def test_what_came_three_times_may_come_again_and_one_event_excuses_nothing(
    weeks: tuple[int, ...], scale: float
) -> None:
    deviations = np.zeros(130)
    deviations[list(weeks)] = 1.0
    assert robust_scale(deviations, width=8) == pytest.approx(scale)


def test_a_mean_of_fewer_observations_may_differ_more_and_one_of_as_many_no_more() -> None:
    values = 100 + np.array([0, 2, 1, 3, 0, 2, 3, 1, 2, 0, 3, 9], dtype=float)
    many = np.full(12, 400.0)
    assert chance_of_mean(values, many) == 0
    few = np.append(many[:-1], 4)
    assert chance_of_mean(values, few) > 10
    assert chance_of_mean(values, np.append(few[:-2], [4, 400])) > 10  # so may one from one of fewer


@pytest.mark.parametrize(("last", "is_surprise"), [(100, False), (40, False), (250, True)])
def test_what_was_for_one_week_only_is_over_in_the_next(last: float, is_surprise: bool) -> None:
    starts = [date(2026, 1, 5) + timedelta(weeks=week) for week in range(20)]
    weeks = Periods.of("W", [f"{day:%G-W%V}" for day in starts], starts)
    values = 100 + np.array([week % 3 for week in range(20)], dtype=float)
    values[-2:] = 40, last
    deviation = score(weeks, values, 0, np.zeros(20, dtype=bool))
    assert deviation is not None
    assert bool(deviation.figure > 5) is is_surprise


def test_after_weeks_that_a_person_let_through_the_level_of_before_is_no_surprise() -> None:
    starts = [date(2024, 1, 1) + timedelta(weeks=week) for week in range(113)]
    weeks = Periods.of("W", [f"{day:%G-W%V}" for day in starts], starts)
    values = 100 + np.array([week * 7 % 5 for week in range(113)], dtype=float)
    values[-5:-1] *= 1.6
    nobody, let_through = np.zeros(113, dtype=bool), np.zeros(113, dtype=bool)
    let_through[-5:-1] = True
    without_release, after_release = score(weeks, values, 0, nobody), score(weeks, values, 0, let_through)
    assert without_release is not None and after_release is not None
    assert after_release.figure < 3.5 < without_release.figure
