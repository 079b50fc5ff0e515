"""No deviation is more certain than the number of observations allows: random rows, and few of them, hold nothing."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from data_quality.gate.checks.chance import rows_by_chance
from data_quality.gate.checks.feed_shares import USUAL_ROWS
from data_quality.gate.checks.result.segment_share import _scores
from data_quality.gate.checks.series import Periods, chance_of_sum
from tests import few_rows, warehouse_factory


@pytest.mark.parametrize(
    ("seed", "rows_a_week", "with_id"), [(0, 2, True), (1, 5, True), (0, 5, False), (1, 15, False)]
)
def test_hardly_any_value_of_random_rows_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, rows_a_week: int, with_id: bool
) -> None:
    """A year of weeks and months of four KPIs: less than one in two hundred."""
    warehouse = warehouse_factory.make(tmp_path, monkeypatch)
    few_rows.fill(warehouse, seed, rows_a_week, with_id=with_id)
    verdicts = warehouse.judge("2025-03-01", "2026-02-28")
    held = {
        key: [check.check for check in verdict.holding]
        for key, verdict in verdicts.items()
        if verdict.verdict == "hold"
    }
    assert len(held) <= 0.005 * len(verdicts), held


def test_chance_makes_as_many_rows_of_any_number_once_in_hundreds_of_times() -> None:
    """The exact binomial tail: less than one in 250, for any share of 1 to 10 rows, and of more."""
    with duckdb.connect() as connection:
        for n in (*range(1, 11), 30, 100, 300):
            for share in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5):
                (by_chance,) = connection.execute(f"select {rows_by_chance(f'{n * share}::double')}").fetchall()[0]
                more = range(math.floor(by_chance) + 1, n + 1)
                tail = sum(math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in more)
                assert tail < 1 / 250, (n, share)


@pytest.mark.parametrize(
    ("n_rows", "n_before", "n_faulty_before", "n_faulty", "is_chance"),
    [(21, 251, 1, 2, True), (21, 251, 0, 2, False), (21, 251, 1, 3, False), (500, 6000, 0, 3, False)],
)
def test_a_year_of_few_rows_tells_little_of_how_rare_a_fault_is(
    n_rows: int, n_before: int, n_faulty_before: int, n_faulty: int, is_chance: bool
) -> None:
    """RavenStack, 2024-08: of 21 new accounts two are of the day, country and industry of another one."""
    query = (
        f"select {rows_by_chance(USUAL_ROWS)}"
        f" from (select {n_rows} as n_rows, {n_before} as n_rows_before, {n_faulty_before} as n_faulty_before)"
    )
    with duckdb.connect() as connection:
        (by_chance,) = connection.execute(query).fetchall()[0]
    assert (n_faulty <= by_chance) is is_chance


def test_many_rows_of_few_are_no_chance() -> None:
    with duckdb.connect() as connection:
        (by_chance,) = connection.execute(f"select {rows_by_chance('0.02')}").fetchall()[0]
    assert 1 < by_chance < 2  # of twenty rows where one in a thousand is usual, two are news


def test_a_member_that_comes_up_in_one_row_of_ten_is_no_news_and_in_eight_it_is() -> None:
    periods = Periods.of("M", *zip(*((f"2024-{m:02d}", few_rows.FIRST) for m in range(1, 13)), strict=True))
    earlier = np.tile([1.0, 0.0], (11, 1))
    none = np.zeros(11, dtype=bool)
    shares = {n: np.array([1 - n / 10, n / 10]) for n in (1, 8)}
    scores = {n: _scores(periods, earlier, now, np.full(12, 10.0), none)[0].max() for n, now in shares.items()}
    assert scores[1] < 3.5 < 5 < scores[8]


def test_a_member_that_buys_in_large_lots_is_no_news_when_it_buys_again() -> None:
    """A wholesaler abroad has a tenth of the sales of a week now and then, though nothing at all in most weeks."""
    starts = [few_rows.FIRST + timedelta(weeks=week) for week in range(41)]
    periods = Periods.of("W", [f"{2024 + week // 52}-W{week % 52 + 1:02d}" for week in range(41)], starts)
    n_obs, none = np.full(41, 8000.0), np.zeros(40, dtype=bool)
    for every, is_news in ((5, False), (100, True)):
        bought = np.array([0.1 if week % every == 3 else 0.0 for week in range(40)])
        shares = np.column_stack([1 - bought, bought])
        scores, _ = _scores(periods, shares, np.array([0.88, 0.12]), n_obs, none)
        assert bool(scores.max() > 3.5) is is_news


@pytest.mark.parametrize("length", [0, 1, 3, 5, 8, 12, 60])
def test_an_event_of_the_past_does_not_hide_the_same_one_now(length: int) -> None:
    """Weeks of a member's share of 0.4; 20 weeks ago it was 0.55 for some weeks (60: it has stayed there)."""
    starts = [few_rows.FIRST + timedelta(weeks=week) for week in range(61)]
    periods = Periods.of("W", [f"{2024 + week // 52}-W{week % 52 + 1:02d}" for week in range(61)], starts)
    share = 0.4 + np.random.default_rng(1).normal(0, 0.006, 60)
    share[40 - length if length < 60 else 40 :][:length] += 0.15
    n_obs, none = np.full(61, 8000.0), np.zeros(60, dtype=bool)
    changed = np.median(share[-8:]) + 0.15
    scores, _ = _scores(periods, np.column_stack([share, 1 - share]), np.array([changed, 1 - changed]), n_obs, none)
    assert scores.max() > 2 * 3.5


def test_a_sum_is_as_uncertain_as_its_number_of_observations() -> None:
    of_four = chance_of_sum(np.array([400.0, 400.0]), np.array([4.0, 4.0]))
    assert of_four == pytest.approx(400 * math.sqrt(2 / 4))
    assert chance_of_sum(np.array([400.0, 400.0]), np.array([np.nan, np.nan])) == 0
