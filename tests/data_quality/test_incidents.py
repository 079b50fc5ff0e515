"""Incidents: what fails for one reason is one, what fails for several is several."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from data_quality.gate import incidents
from data_quality.gate.checks.registry import NAMES
from data_quality.gate.incidents import Failure, Incident
from data_quality.gate.verdict import CheckResult
from metrics.core.periods import Period, parse
from metrics.definitions.calendar import Calendar
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.objectives import Objective
from tests.warehouse_factory import kpi

REVENUE = kpi("revenue", freqs=("W", "M", "Q", "A"))
GROWTH = kpi("growth", covers=("revenue",), feeds=("orders", "rates"))
TICKETS = kpi("tickets", feeds=("tickets", "customers"))
MARGIN = kpi("margin", feeds=("orders", "costs", "customers"))
PAY = kpi("pay", protected=True, domain="people")
CATALOG = Catalog(
    company="Test",
    reporting_currency="SEK",
    calendar=Calendar(time_zone="Europe/Stockholm", country="SE", closes_after={"default": 7}),
    objectives={"growth": Objective(name="Growth", perspective="financial")},
    kpis=(GROWTH, MARGIN, PAY, REVENUE, TICKETS),
)


def failing(
    of: CatalogKpi, code: str, check: str = "expected_range", feed: str | None = None, *, held: bool = True
) -> Failure:
    severity = "critical" if held else "warning"
    return Failure(of, parse(code), (CheckResult(check, severity, "fail", 9.0, 5.0, "told", feed),), held)


def keys_of_incidents(*failures: Failure) -> list[list[str]]:
    """The keys of each incident."""
    found_incidents = incidents.find(failures, CATALOG)
    return [
        sorted(f"{failure.kpi.kpi_id} {failure.period.code}" for failure in incident.failures)
        for incident in found_incidents
    ]


def test_weeks_month_and_quarter_of_a_fault_are_one_incident() -> None:
    codes = ("2026-W27", "2026-W28", "2026-07", "2026-08", "2026-Q3")
    (only_incident,) = incidents.find([failing(REVENUE, code) for code in codes], CATALOG)
    assert (only_incident.incident_id, only_incident.since, only_incident.until) == (
        "revenue-2026-W27",
        date(2026, 6, 29),
        date(2026, 9, 30),
    )
    assert only_incident.title == "Revenue: the value is far outside the range expected from its past"


def test_a_level_that_begins_in_a_month_goes_on_in_the_weeks_after_it() -> None:
    """AdventureWorks widened its range: judged in August, July was held, and the first week of August."""
    assert len(keys_of_incidents(failing(REVENUE, "2026-W32"), failing(REVENUE, "2026-07"))) == 2  # a week lies between
    after = failing(REVENUE, "2027-W01")  # begins on 4 January, the year before ends on 3 January with its last week
    assert len(keys_of_incidents(failing(REVENUE, "2026-W53"), after)) == 1
    month, week = failing(REVENUE, "2026-05"), failing(REVENUE, "2026-W23")  # ends on 31 May, begins on 1 June
    assert len(keys_of_incidents(month, week)) == 1
    rows = failing(REVENUE, "2026-W23", "too_few_rows", "orders")
    assert len(keys_of_incidents(month, rows)) == 2


def test_an_event_may_reach_one_kpi_of_an_incident_later_than_another() -> None:
    """AdventureWorks sold more lines from July on, and smaller orders from August on."""
    (only_incident,) = incidents.find([failing(REVENUE, "2016-07"), failing(GROWTH, "2016-W31")], CATALOG)
    assert only_incident.since_of("growth") == date(2016, 8, 1)
    assert only_incident.since_of("revenue") == date(2016, 7, 1)


def test_a_new_message_of_all_advertising_is_one_incident() -> None:
    """Four KPIs of the same feeds warn for three weeks and their month: one thing to look at, and to acknowledge."""
    platforms = ("campaigns", "google_ads", "meta_ads", "rates")
    ads = [kpi(name, feeds=platforms, freqs=("W", "M")) for name in ("cpc", "ctr", "conversions", "cost")]
    codes = ("2026-W28", "2026-W29", "2026-W30", "2026-07")
    warnings = [failing(of, code, "segment_share", held=False) for of in ads for code in codes]
    catalog = CATALOG.model_copy(update={"kpis": tuple(ads)})
    (only_incident,) = incidents.find(warnings, catalog)
    assert len(only_incident.failures) == len(ads) * len(codes)


def test_a_quarter_joins_one_incident_and_never_two() -> None:
    keys = [failing(REVENUE, code) for code in ("2026-W27", "2026-W36", "2026-Q3")]
    assert keys_of_incidents(*keys) == [["revenue 2026-Q3", "revenue 2026-W27"], ["revenue 2026-W36"]]


def test_kpis_of_one_feed_and_those_computed_from_each_other_fail_for_one_reason() -> None:
    (only_incident,) = incidents.find([failing(GROWTH, "2026-07"), failing(REVENUE, "2026-07")], CATALOG)
    assert only_incident.lead.kpi is REVENUE  # from which the other one is computed
    feed = failing(MARGIN, "2026-07", "too_few_rows", "orders")
    (only_incident,) = incidents.find([feed, failing(REVENUE, "2026-07")], CATALOG)
    assert only_incident.title == "Feed orders: rows are missing"
    # They share customers alone.
    assert len(keys_of_incidents(failing(MARGIN, "2026-07"), failing(TICKETS, "2026-07"))) == 2
    shared = failing(MARGIN, "2026-07", "missing_values", "customers")
    assert len(keys_of_incidents(shared, failing(TICKETS, "2026-07"))) == 1


def test_what_is_protected_or_still_to_come_is_an_incident_of_its_own() -> None:
    assert len(keys_of_incidents(failing(PAY, "2026-07"), failing(REVENUE, "2026-07"))) == 2
    assert len(keys_of_incidents(failing(REVENUE, "2026-W30", "complete"), failing(REVENUE, "2026-W29"))) == 2


def test_what_was_rejected_is_not_decided_on_again_with_others() -> None:
    rejected = Failure(REVENUE, parse("2026-06"), failing(REVENUE, "2026-06").checks, held=True, rejected=True)
    assert len(keys_of_incidents(rejected, failing(REVENUE, "2026-07"))) == 2


def test_warnings_join_no_two_held_periods() -> None:
    warnings = [failing(REVENUE, code, held=False) for code in ("2026-08", "2026-09")]
    held = [failing(REVENUE, "2026-07"), failing(REVENUE, "2026-10", "duplicate_rows", "orders")]
    assert keys_of_incidents(*held, *warnings) == [
        ["revenue 2026-10"],
        ["revenue 2026-07"],
        ["revenue 2026-08", "revenue 2026-09"],
    ]
    (earlier, later) = incidents.find(
        [failing(REVENUE, "2026-Q3"), failing(REVENUE, "2026-09", held=False), held[1]], CATALOG
    )
    assert {incident.since for incident in (earlier, later)} == {date(2026, 7, 1), date(2026, 10, 1)}


def test_a_fault_of_rows_is_not_what_is_wrong_with_the_period_before_it() -> None:
    faulty_rows = failing(REVENUE, "2026-08", "duplicate_rows", "orders")
    assert len(keys_of_incidents(failing(REVENUE, "2026-07"), faulty_rows)) == 2


def test_what_fails_as_another_is_held_joins_that_and_binds_no_two() -> None:
    beside = [failing(REVENUE, code, "beside_held", held=False) for code in ("2026-02",)]
    assert keys_of_incidents(failing(REVENUE, "2026-01"), failing(REVENUE, "2026-W08"), *beside) == [
        ["revenue 2026-02", "revenue 2026-W08"],
        ["revenue 2026-01"],
    ]


def test_what_fails_as_another_is_held_is_one_incident_where_that_one_is_no_longer_pending() -> None:
    weeks = [failing(REVENUE, f"2026-W0{number}", "base_restated") for number in (2, 3, 4)]
    assert keys_of_incidents(*weeks, failing(TICKETS, "2026-W03", "base_restated")) == [
        ["revenue 2026-W02", "revenue 2026-W03", "revenue 2026-W04"],
        ["tickets 2026-W03"],
    ]


def test_what_is_held_comes_before_what_is_flagged_and_any_key_names_an_incident() -> None:
    flagged = [failing(MARGIN, f"2026-0{month}", held=False) for month in range(1, 6)]
    open_ones = incidents.find([*flagged, failing(TICKETS, "2026-07")], CATALOG)
    assert [open_incident.is_held for open_incident in open_ones] == [True, False]
    assert incidents.by_id("margin-2026-03", open_ones) is open_ones[1]
    assert incidents.by_id("margin-2026-07", open_ones) is None and incidents.by_id("margin", open_ones) is None


@st.composite
def failures(draw: st.DrawFn) -> list[Failure]:
    keys = draw(st.sets(st.tuples(st.integers(0, 4), st.sampled_from("WMQA"), st.integers(0, 30)), max_size=30))
    start = {"W": date(2025, 12, 29), "M": date(2026, 1, 1), "Q": date(2026, 1, 1), "A": date(2026, 1, 1)}
    return [
        Failure(
            CATALOG.kpis[of],
            Period(freq, start[freq]).shift(number),
            (CheckResult(draw(st.sampled_from(NAMES)), "critical", "fail", None, None, ""),),
            draw(st.booleans()),
        )
        for of, freq, number in sorted(keys)
    ]


@given(failures())
def test_every_failure_is_in_one_incident_that_its_key_names(given_failures: list[Failure]) -> None:
    open_ones: list[Incident] = incidents.find(given_failures, CATALOG)
    assert sorted(failure.key for incident in open_ones for failure in incident.failures) == sorted(
        failure.key for failure in given_failures
    )
    for incident in open_ones:
        assert incidents.by_id(incident.incident_id, open_ones) is incident
        assert len({failure.kpi.protected for failure in incident.failures}) == 1
        assert incident.lead.held == incident.is_held
