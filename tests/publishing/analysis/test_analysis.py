"""The statistics of the published history on series made here: they find what was put in, and in noise nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import duckdb
import numpy as np
import numpy.typing as npt
import pytest

from metrics.core.periods import parse
from publishing.analysis.change_points import Search, earlier_steps
from publishing.analysis.corrections import holm
from publishing.analysis.cross_correlation import LAGS, Drivers, LeadSearch
from publishing.analysis.history import History, place_in_year
from publishing.analysis.regression import Floats, lagged, least_bic, line, season_and_line
from publishing.analysis.suggested_target import met_in, suggestions
from publishing.analysis.watch import KpiShift, explanations, watched
from publishing.analysis.words import shift_sentence
from publishing.language import language

MONTHS = 36
PLACES = np.arange(MONTHS) % 12


def noise(seed: int, size: int = MONTHS, memory: float = 0.5) -> Floats:
    """Noise that remembers, with a season and a trend: nothing else."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=size + 50)
    for place in range(1, len(values)):
        values[place] += memory * values[place - 1]
    return values[50:] + 3 * rng.normal(size=12)[np.arange(size) % 12] + 0.1 * np.arange(size)


def leading(
    outcome: Floats, drivers: Mapping[str, Floats], places: npt.NDArray[np.int64], lags: Sequence[int] = LAGS
) -> LeadSearch:
    return Drivers(drivers, places, lags).leading(outcome)


def of_kpi(kpi_id: str, values: Floats, *, is_relative: bool = False) -> History:
    first = parse("2023-11")
    periods = tuple(first.shift(number) for number in range(len(values)))
    return History(kpi_id, "M", periods, values, is_relative, breaks=(), gaps={})


def test_a_value_of_so_many_periods_before() -> None:
    values = np.array([1.0, 2.0, 3.0])
    assert lagged(values, 1).tolist()[1:] == [1.0, 2.0] and np.isnan(lagged(values, 1)[0])
    assert np.isnan(lagged(values, 3)).tolist() == np.isnan(lagged(values, 5)).tolist() == [True] * 3


def test_p_values_are_corrected_by_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0] and holm([]) == []


def test_the_model_that_explains_best_for_its_cost() -> None:
    wave = np.tile(np.arange(12.0), 3)
    assert least_bic(wave, [line(MONTHS), season_and_line(PLACES)]) == 1
    assert (
        least_bic(np.arange(36.0) + np.random.default_rng(0).normal(size=36), [line(36), season_and_line(PLACES)]) == 0
    )


def test_a_driver_is_found_at_its_lag_and_with_its_sign() -> None:
    driver = noise(1)
    outcome = noise(2) - 3 * np.nan_to_num(lagged(driver, 2))
    others = {str(seed): noise(seed) for seed in range(10, 20)}
    found = leading(outcome, {"driver": driver, **others}, PLACES)
    assert [(lead.driver, lead.lag) for lead in found.leads] == [("driver", 2)]
    assert found.leads[0].correlation < -found.smallest_seen < 0  # type: ignore[operator]
    assert found.tried == 66 and found.periods == MONTHS and found.too_short == ()


def test_a_shuffled_driver_does_not_lead() -> None:
    driver = noise(1)
    outcome = noise(2) - 3 * np.nan_to_num(lagged(driver, 2))
    shuffled = {str(seed): np.random.default_rng(seed).permutation(driver) for seed in range(10)}
    assert leading(outcome, shuffled, PLACES).leads == ()


def test_of_a_gap_nothing_is_made_up_and_of_too_few_periods_nothing_is_said() -> None:
    driver = noise(1)
    outcome = noise(2) - 3 * np.nan_to_num(lagged(driver, 2))
    outcome[[8, 20]] = np.nan
    (lead,) = leading(outcome, {"driver": driver}, PLACES, lags=[2]).leads
    assert lead.periods <= MONTHS - 2 - 2 * 2  # neither these months nor those after them, which look back on them
    short = leading(outcome[:6], {"driver": driver[:6]}, PLACES[:6])
    assert (short.leads, short.smallest_seen, short.too_short) == ((), None, ("driver",))


def test_what_is_the_rest_of_a_share_does_not_lead_it() -> None:
    share = noise(1)
    assert leading(share, {"rest": 1 - share}, PLACES).leads == ()


@pytest.mark.parametrize("kind", ["level", "trend"])
def test_a_change_of_late_is_found_with_its_month_and_size(kind: str) -> None:
    since = np.maximum(np.arange(MONTHS) - 28 + 1, 0.0)
    change = 8.0 * (since > 0) if kind == "level" else 2.0 * since
    shift = Search(noise(3, memory=0) + change, PLACES, "M").shift()
    assert (shift.kind, shift.place) == (kind, 28) and shift.p_value < 0.001
    assert shift.size == pytest.approx(8.0 if kind == "level" else 2.0, rel=0.25)


def test_a_change_of_long_ago_is_none_of_late_and_two_periods_are_no_change() -> None:
    for places in (slice(18, None), slice(34, None)):
        values = noise(3, memory=0)
        values[places] += 4
        assert Search(values, PLACES, "M").shift().p_value > 0.01


def test_in_a_catalogue_of_noise_nothing_shifted_and_in_one_with_a_change_only_that() -> None:
    histories = [of_kpi(str(seed), noise(seed)) for seed in range(100, 112)]
    assert watched(histories).shifts == () and watched(histories).kpis == 12
    changed = noise(200)
    changed[29:] += 15
    (shift,) = watched([*histories, of_kpi("changed", changed)]).shifts
    assert (shift.kpi_id, shift.kind, shift.since.code, shift.beside) == ("changed", "level", "2026-04", None)


def test_a_relation_breaks_where_neither_kpi_does() -> None:
    """Both move a lot, and together; then one is a little higher than the other leads to expect."""
    rng = np.random.default_rng(5)
    shared = 10 * rng.normal(size=MONTHS)
    first, second = shared + 0.1 * rng.normal(size=MONTHS), shared + 0.1 * rng.normal(size=MONTHS)
    first[28:] += 2
    found = watched([of_kpi("first", first), of_kpi("second", second)])
    assert [(shift.kpi_id, shift.beside, shift.since.code) for shift in found.shifts] == [
        ("first", "second", "2026-03")
    ]
    assert found.pairs == 1 and found.shifts[0].size == pytest.approx(2, rel=0.2)


def test_a_series_is_too_short_for_a_shift_before_two_years() -> None:
    assert watched([of_kpi("young", noise(1, size=23))]).too_short == ("young",)


SHIFT = KpiShift("sales", "M", "trend", parse("2026-04"), 1200.0, -0.05, is_relative=True, p_value=0.01)


def test_what_is_known_of_the_time_of_a_shift() -> None:
    """From the month before it to the one after its first: a decision on a new level, an incident, a break."""
    with duckdb.connect() as connection:
        connection.execute("""
            create schema kpi;
            create table kpi.decisions as select * from (values
                ('sales', date '2026-04-01', 'a shop opened', 'sales-2026-04'),
                ('sales', null, 'seen', 'sales-2026-04'),
                ('sales', '2025-01-01', 'long ago', 'sales-2025-01'),
                ('cost', '2026-04-01', 'another KPI', 'cost-2026-04')
            ) d(kpi_id, new_level_from, reason, incident_id);
            create table kpi.incidents as select * from (values
                ('orders, sales', date '2026-05-01', date '2026-05-31', 'far outside', 'orders-2026-05'),
                ('sales', '2026-07-01', '2026-07-31', 'later', 'sales-2026-07'),
                ('sales_tax', '2026-04-01', '2026-04-30', 'another KPI', 'sales_tax-2026-04')
            ) i(kpis, since, until, title, incident_id)
        """)
        known = explanations(connection, SHIFT, [parse("2024-01"), parse("2026-03")])
    assert [(one["kind"], one["since"], one["text"]) for one in known] == [
        ("decision", date(2026, 4, 1), "a shop opened"),
        ("incident", date(2026, 5, 1), "far outside"),
        ("break", date(2026, 3, 1), None),
    ]


def test_a_shift_in_a_sentence() -> None:
    entry = {"name": "Sales", "unit": "currency", "currency": "SEK"}
    english, swedish = (shift_sentence(SHIFT, entry, "", language(code)) for code in ("en", "sv"))
    assert english.replace("\N{NO-BREAK SPACE}", " ") == (
        "The trend of Sales changed in April 2026: it rises by 5.0 % a month less than before."
    )
    assert swedish.startswith("Trenden för Sales ändrades i april 2026")
    share = {"name": "Share", "unit": "fraction", "currency": "SEK"}
    beside = KpiShift("share", "M", "level", parse("2026-04"), 0.2, 0.013, False, 0.01, beside="sales")
    assert shift_sentence(beside, share, "Sales", language("en")).replace("\N{NO-BREAK SPACE}", " ") == (
        "Share and Sales no longer move together as before: since April 2026 Share is 1.3 pp higher than Sales leads to"
        " expect."
    )


def test_how_often_a_target_was_met() -> None:
    values = np.array([1.0, np.nan, 3.0, 2.0])
    assert met_in(values, 2.0, "up") == (3, 2) and met_in(values, 1.5, "down") == (3, 1)


def test_targets_from_a_history_go_on_with_its_trend_and_are_ordered_by_the_direction() -> None:
    rng = np.random.default_rng(7)
    rising = of_kpi("rising", 100 + np.arange(36.0) + rng.normal(size=36))
    for direction, order in (("up", 1), ("down", -1)):
        made = suggestions(rising, direction)
        assert made is not None
        cautious, likely, ambitious = (one.value for one in made[0])
        assert cautious * order < likely * order < ambitious * order
        assert likely == pytest.approx(100 + 35 + 6.5, abs=2)  # the middle of the coming year
    assert [one.met[12][1] for one in suggestions(rising, "up")[0]] == [0, 0, 0]  # type: ignore[index]
    assert suggestions(of_kpi("young", rising.values[:23]), "up") is None


def test_a_share_gets_no_target_above_one() -> None:
    share = of_kpi(
        "share", np.clip(0.95 + 0.002 * np.arange(36.0) + 0.01 * np.random.default_rng(1).normal(size=36), 0, 1)
    )
    assert max(one.value for one in suggestions(share, "up")[0]) <= 1  # type: ignore[index]


def test_week_53_shares_the_place_of_week_52() -> None:
    assert [place_in_year(parse(code)) for code in ("2026-W53", "2026-W52", "2026-W01", "2026-Q4", "2026-02")] == [
        51, 51, 0, 3, 1,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "outcome",
    [
        np.zeros(MONTHS),
        np.full(MONTHS, 5.0),
        np.r_[np.full(MONTHS - 1, 5.0), np.nan],
        np.arange(MONTHS) / 10,
        PLACES / 3,
    ],
)
def test_of_an_outcome_that_season_and_line_explain_nothing_leads(outcome: Floats) -> None:
    found = leading(outcome, {"driver": noise(1), "still": np.full(MONTHS, 5.0)}, PLACES)
    assert (found.outcome_varies, found.leads, found.unvarying) == (False, (), ("still",))


def test_a_series_that_rarely_changes_or_is_tiny_or_huge_is_searched_like_others() -> None:
    driver = noise(1)
    outcome = noise(2) - 3 * np.nan_to_num(lagged(driver, 2))
    for size in (1e-300, 1e300):
        found = leading(outcome * size, {"driver": driver * size, "still": np.zeros(MONTHS)}, PLACES)
        assert [(lead.driver, lead.lag) for lead in found.leads] == [("driver", 2)] and found.unvarying == ("still",)
    once = np.where(np.arange(MONTHS) == 10, 7.0, 0.0)
    first = np.r_[1.0, np.nan, np.zeros(MONTHS - 2)]  # what changed isn't in the periods that have a period before
    for rare in (once, first):
        assert leading(rare, {"driver": driver}, PLACES).leads == ()
    assert leading(outcome, {"once": once}, PLACES).leads == ()


def test_a_target_of_zeros_and_of_a_last_value_that_differs() -> None:
    for values in (np.zeros(MONTHS), np.r_[np.zeros(MONTHS - 1), 1.0]):
        made = suggestions(of_kpi("zeros", values), "up")
        assert made is not None and np.isfinite([one.value for one in made[0]]).all()
    huge, plain = (
        suggestions(of_kpi("k", size * (5 + noise(1))), "up")[0][1].value  # type: ignore[index]
        for size in (2.0**990, 1.0)
    )
    assert huge == pytest.approx(plain * 2.0**990, rel=1e-2)


def test_a_band_from_history_holds_as_many_of_the_coming_periods_as_its_name_says() -> None:
    made = suggestions(of_kpi("k", noise(1, memory=0.0) - 0.1 * np.arange(MONTHS)), "band")
    assert made is not None
    widths = [one.value_to - one.value for one in made[0] if one.value_to is not None]
    assert len(widths) == 3 and widths == sorted(widths, reverse=True)
    cautious = made[0][0]
    assert cautious.value_to is not None
    within = (made[1].paths >= cautious.value) & (made[1].paths <= cautious.value_to)
    assert within.mean() == pytest.approx(0.75, abs=0.02)
    assert met_in(np.array([1.0, 2.0, 3.0, np.nan]), 1.5, "band", 2.5) == (3, 1)


def test_a_step_of_an_earlier_year_does_not_hide_a_later_one() -> None:
    """As AdventureWorks' average order value: two falls, between which it hardly changes, look like a line."""
    values = np.random.default_rng(1).normal(scale=0.05, size=30) - 0.5 * (np.arange(30) >= 6) - (np.arange(30) >= 19)
    search = Search(values, np.arange(30) % 12, "M")
    shift = search.shift()
    assert (shift.kind, shift.place, shift.earlier_steps) == ("level", 19, (6,))
    assert shift.size == pytest.approx(-1, abs=0.1) and shift.p_value < 0.001
    assert earlier_steps(values[:15] * 0 + values[8], line(15), 12) == []
    found = watched([of_kpi("falls", values)]).shifts
    sentence = shift_sentence(found[0], {"name": "Falls", "unit": "count", "currency": ""}, "", language("sv"))
    assert sentence.endswith("Hänsyn är tagen till tidigare nivåskiften: maj 2024.")
