"""The calendar: working days, closing days, the open periods that a run judges, and mistakes in a calendar file."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from data_quality.gate import judge
from data_quality.release.unsettled import unsettled
from metrics.core.deployment import PROJECT
from metrics.core.errors import NyckeltalError
from metrics.core.periods import FREQS, later, parse, period_of
from metrics.definitions.calendar import Calendar
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, cells, kpi


def sweden(days: int, **fields: Any) -> Calendar:
    return Calendar(time_zone="Europe/Stockholm", country="SE", closes_after={"default": days, "finance": 5}, **fields)


@pytest.mark.parametrize(
    ("period", "days", "closes"),
    [
        ("2026-11", 1, date(2026, 12, 1)),  # a Monday to a Tuesday
        ("2026-10", 1, date(2026, 11, 2)),  # a Saturday: Monday
        ("2025-12", 1, date(2026, 1, 2)),  # New Year's Day is none
        ("2025-12", 3, date(2026, 1, 7)),  # 2 and 5 January; the 6th is Epiphany
        ("2026-W24", 4, date(2026, 6, 18)),  # the Thursday before Midsummer's Eve
        ("2026-W24", 5, date(2026, 6, 22)),  # Friday the 19th is Midsummer's Eve, which the law treats as a Sunday
        ("2026-W51", 4, date(2026, 12, 28)),  # 21 to 23 December; Christmas Eve and Day; a weekend
        ("2026-W51", 7, date(2027, 1, 4)),  # 28 to 30; New Year's Eve and Day; a weekend
        ("2026-03", 2, date(2026, 4, 2)),
        ("2026-03", 3, date(2026, 4, 7)),  # Good Friday to Easter Monday
        ("2026-Q2", 1, date(2026, 7, 1)),
        ("2026-10", 0, date(2026, 10, 31)),  # on its last day, whatever day that is
    ],
)
def test_closing_days_that_a_swedish_almanac_gives(period: str, days: int, closes: date) -> None:
    assert sweden(days).closes_on(parse(period).end, "people") == closes


def test_groups_subdivisions_and_own_days_off() -> None:
    assert sweden(1).closes_on(parse("2026-11").end, "finance") == date(2026, 12, 7)
    assert sweden(1, days_off=(date(2026, 12, 1),)).closes_on(parse("2026-11").end, "people") == date(2026, 12, 2)
    british = {"time_zone": "Europe/London", "country": "GB", "closes_after": {"default": 1}}
    # The second of January is a holiday in Scotland alone, and of 2024 a Tuesday.
    assert Calendar(**british, subdivision="ENG").closes_on(parse("2024-W01").shift(-1).end, "x") == date(2024, 1, 2)
    assert Calendar(**british, subdivision="SCT").closes_on(parse("2024-W01").shift(-1).end, "x") == date(2024, 1, 3)
    # A weekend is the country's: in Egypt Friday and Saturday.
    egypt = Calendar(time_zone="Africa/Cairo", country="EG", closes_after={"default": 1})
    assert not egypt.is_working_day(date(2026, 11, 27)) and egypt.is_working_day(date(2026, 11, 29))


days = st.dates(date(2000, 1, 1), date(2060, 12, 31))


@given(st.sampled_from(FREQS), days, st.integers(0, 30))
def test_a_period_closes_after_that_many_working_days(freq: str, day: date, count: int) -> None:
    calendar = sweden(count)
    period = period_of(freq, day)
    closes = calendar.closes_on(period.end, "people")
    waited = [period.end + timedelta(days=n) for n in range(1, (closes - period.end).days + 1)]
    assert sum(map(calendar.is_working_day, waited)) == count
    assert closes == period.end if count == 0 else calendar.is_working_day(closes)
    assert closes <= calendar.closes_on(period.next().end, "people")
    assert closes < sweden(count + 1).closes_on(period.end, "people")


def test_a_cohort_closes_so_many_working_days_after_its_window() -> None:
    cohort = kpi("cohort", matures_after="90 days")
    catalog = Catalog(
        company="Test", reporting_currency="SEK", calendar=warehouse_factory.CALENDAR, objectives={}, kpis=(cohort,)
    )
    january = parse("2026-01")
    assert catalog.closes_on(kpi(), january) == date(2026, 2, 10)
    # 31 January and 90 days is 1 May, and seven working days after that is the 12th.
    assert catalog.closes_on(cohort, january) == date(2026, 5, 12)
    assert catalog.closes_on(kpi(matures_after="3 days"), january) == date(2026, 2, 12)
    assert later(date(2026, 11, 30), "3 months") == date(2027, 2, 28)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("country: SE", "country: SWE", "country: is no country whose holidays are known"),
        ("country: SE", "country: SE\nsubdivision: AB", "subdivision: is no subdivision of the country"),
        ("finance: 5", "finanse: 5", r":7: closes_after: there is no group of KPIs 'finanse' \(did you mean 'finance'"),
        ("finance: 5", "finance: -1", "closes_after: a period can't close before its end: finance is negative"),
        ("default: 7", "people: 7", "default"),
        ("finance: 5", "finance: 2.5", "closes_after.finance: input should be a valid integer"),
        ("2026-05-15", "2026-05-32", "not valid YAML: day is out of range for month"),
        ("Europe/Stockholm", "Europe/Nordvik", "time_zone: is no time zone"),
        ("week_start: monday", "closes_after_days: 10", "closes_after_days: unknown key"),
    ],
)
def test_a_mistake_in_a_calendar_is_reported(tmp_path: Path, old: str, new: str, message: str) -> None:
    for file in ("company.yml", "objectives.yml"):
        content = (PROJECT / "sample_company" / file).read_text()
        (tmp_path / file).write_text(content.split("\ninitiatives:")[0])  # they name KPIs, which this copy lacks
    text = (PROJECT / "sample_company/calendar.yml").read_text()
    assert old in text
    text = text.replace(old, new).replace("  people: 10\n", "" if "people" in new else "  people: 10\n")
    (tmp_path / "calendar.yml").write_text(text)
    with pytest.raises(NyckeltalError) as raised:
        Company.load(tmp_path)
    assert raised.match(r"calendar\.yml(:\d+)?: ") and raised.match(message)


def test_a_definition_s_breaks_are_periods() -> None:
    from metrics.definitions.kpis.kpi import Definition, standard_definitions

    fields = standard_definitions()["web_sessions"][0].model_dump(exclude_none=True)
    definition = Definition.model_validate({**fields, "breaks": ["2026-02", 2025]})
    assert definition.breaks == ("2026-02", "2025")
    with pytest.raises(ValidationError, match="'2026-13' is no period"):
        Definition.model_validate({**fields, "breaks": ["2026-13"]})
    entry = kpi(breaks=("2026-02",))
    # The first of February lies in these; the quarter has both methods in it.
    broken = {code for code in ("2026-01", "2026-02", "2026-W05", "2026-W06", "2026-Q1", "2026-Q2", "2026")
              if entry.breaks_in(parse(code))}  # fmt: skip
    assert broken == {"2026-02", "2026-W05", "2026-Q1", "2026"}


def test_low_reliability_by_kind() -> None:
    from metrics.definitions.kpis.kpi import standard_definitions

    definitions = {kpi_id: definition for kpi_id, (definition, _) in standard_definitions().items()}
    assert definitions["csat"].reliable_n_obs == definitions["incident_resolution_time_p50"].reliable_n_obs == 30
    assert definitions["net_revenue"].reliable_n_obs == definitions["headcount"].reliable_n_obs == 0
    assert definitions["csat"].model_copy(update={"min_n_obs": 100}).reliable_n_obs == 100


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    return warehouse_factory.make(tmp_path, monkeypatch)


def test_a_run_judges_each_period_until_it_was_judged_after_it_had_closed(warehouse: Warehouse) -> None:
    values = {"2026-01": cells(100, SE=75, NO=25), "2026-02": cells(110, SE=80, NO=30)}
    warehouse.add(kpi(observable_from=date(2026, 1, 1)), values)

    def judged(day: str) -> list[str]:
        warehouse.now(f"{day}T06:00:00")
        also = unsettled(warehouse.catalog)
        today = date.fromisoformat(day)
        verdicts = judge.judge(warehouse.company, warehouse.catalog, today, today, also=also)
        warehouse.publish("2026-01-01", "2026-02-28")
        return [verdict.time_period for verdict in verdicts]

    assert judged("2026-02-10") == ["2026-01"]  # it closes today
    assert judged("2026-02-11") == ["2026-01"]  # it did yesterday: once more, to be final
    assert judged("2026-02-12") == []
    assert judged("2026-03-05") == ["2026-02"]
    assert judged("2026-05-05")[0] == "2026-02"  # no run came since; it is still published as provisional
    assert warehouse.published("select distinct provisional from kpi.observations") == [(False,)]
    assert "2026-02" not in judged("2026-05-06")


def test_the_release_calendar_goes_from_the_first_published_period_to_a_year_on(warehouse: Warehouse) -> None:
    warehouse.add(kpi(), {"2026-01": cells(100, SE=75, NO=25), "2026-02": cells(110, SE=80, NO=30)})
    warehouse.add(kpi("other", domain="people", observable_from=date(2026, 2, 1)), {"2026-02": cells(5, SE=5)})
    warehouse.add(kpi("cohort", matures_after="90 days"), {})
    warehouse.judge("2026-01-01", "2026-02-28")
    warehouse.release("2026-01-01", "2026-02-28")
    rows = warehouse.published("select domain, kpi_id, time_period, closes_on, state from kpi.calendar")
    finance = [row[2:] for row in rows if row[:2] == ("finance", "revenue")]
    assert finance[:3] == [
        ("2026-01", date(2026, 2, 10), "closed"),
        ("2026-02", date(2026, 3, 10), "open"),
        ("2026-03", date(2026, 4, 13), "open"),
    ]
    assert finance[-1][0] == "2027-02" and len(finance) == 14
    assert next(row[2] for row in rows if row[1] == "other") == "2026-02"
    cohort = [row[2:] for row in rows if row[1] == "cohort"]
    assert cohort[:2] == [("2025-11", date(2026, 3, 10), "open"), ("2025-12", date(2026, 4, 13), "open")]
    states = {(row[2], row[4]) for row in rows if row[0] == "people"}
    assert states == {(period, "open") for period, _ in states}
