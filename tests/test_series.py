"""What counts as usual in a series."""

from __future__ import annotations

import numpy as np
import pytest

from data_quality.gate.checks.series import chance_of_mean, scales


@pytest.mark.parametrize(("weeks", "scale"), [((40, 41, 42), 0), ((10, 60), 0), ((10, 60, 100), 0.2)])
def test_what_came_three_times_may_come_again_and_one_event_excuses_nothing(
    weeks: tuple[int, ...], scale: float
) -> None:
    deviations = np.zeros(130)
    deviations[list(weeks)] = 1.0
    assert scales(deviations, width=8) == pytest.approx(scale)


def test_a_mean_of_fewer_observations_may_differ_more_and_one_of_as_many_no_more() -> None:
    values = 100 + np.array([0, 2, 1, 3, 0, 2, 3, 1, 2, 0, 3, 9], dtype=float)
    many = np.full(12, 400.0)
    assert chance_of_mean(values, many) == 0
    few = np.append(many[:-1], 4)
    assert chance_of_mean(values, few) > 10
    assert chance_of_mean(values, np.append(few[:-2], [4, 400])) > 10  # so may one from one of fewer
