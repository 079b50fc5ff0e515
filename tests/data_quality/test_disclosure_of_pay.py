"""Disclosure control of persons' pay: no published figures together reveal the pay of a few persons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pay_attack import Figures, differenced, estimated
from test_disclosure import hidden, ledger, release
from warehouse_factory import kpi

from data_quality.disclosure import histories
from metrics.core.errors import NyckeltalError
from metrics.core.periods import parse, period_of
from metrics.definitions.catalog import Contributions
from tests.examples import examples

MONTHS = tuple(f"2026-{month:02}" for month in range(1, 5))
SQL = """select case sex when 'F' then 'women' else 'men' end as role, day, person, amount, country as country_member
from people"""
GAP = kpi(
    "gender_pay_gap",
    protected=True,
    kind="ratio",
    metric_type="ratio",
    only_ratio=True,
    freqs=("M", "Q", "A"),
    disclosure_threshold=10,
    person_counts=(),
    contributions=Contributions(sql=SQL, n=2, k=0.85),
).model_copy(update={"person_counts": kpi("headcount", protected=True, kind="stock").person_counts})


@dataclass(frozen=True)
class Group:
    """Persons of one sex with equal pay, and the months in which they are employed."""

    count: int
    months: Iterable[int] = range(4)
    sex: str = "F"
    country: str = "SE"
    pay: float = 100.0


STAFF = (Group(40), Group(40, sex="M"))


@dataclass
class Company:
    """Groups of persons: their rows in a mart, the KPI's rows, and the persons behind these."""

    groups: tuple[Group, ...]

    def __post_init__(self) -> None:
        self.connection = duckdb.connect()
        rng = np.random.default_rng(1)
        people = []
        for number, group in enumerate(self.groups):
            for person, spread in enumerate(rng.normal(1, 0.1, group.count)):
                for month in group.months:
                    day = parse(MONTHS[month]).end
                    people.append((group.sex, day, f"{number}-{person}", group.pay * spread, group.country))
        self.connection.execute(
            "create table people (sex varchar, day date, person varchar, amount double, country varchar)"
        )
        self.connection.executemany("insert into people values (?, ?, ?, ?, ?)", people)

    def rows(self, *codes: str) -> list[dict[str, Any]]:
        """The KPI's rows of some periods."""
        return [row for code in codes for row in self._rows_of(code)]

    def _rows_of(self, code: str) -> list[dict[str, Any]]:
        period = parse(code)
        cells = self.connection.execute(
            """select segment, member, 1 - avg(amount) filter (sex = 'F') / avg(amount) filter (sex = 'M'),
            count(*) filter (sex = 'F'), count(*) filter (sex = 'M')
            from (select *, unnest(['_T', 'country']) as segment, unnest(['_T', country]) as member from people)
            where day = ? group by all order by all""",
            [period.end],
        ).fetchall()
        return [
            {
                **dict.fromkeys(("numerator", "denominator", "year_to_date", "rolling_12_months")),
                "kpi_id": GAP.kpi_id,
                "freq": period.freq,
                "time_period": code,
                "period_start": period.start,
                "period_end": period.end,
                "segment": segment,
                "member": member,
                "obs_value": value,
                "n_obs": women + men,
                "n_persons_numerator": women,
                "n_persons_denominator": men,
            }
            for segment, member, value, women, men in cells
        ]

    @property
    def histories(self) -> dict[str, pa.Table]:
        """Who is behind the figures of all months."""
        self.connection.execute("create or replace temp table candidate_rows (kpi_id varchar, period_end date)")
        ends = [(GAP.kpi_id, parse(code).end) for code in MONTHS]
        self.connection.executemany("insert into candidate_rows values (?, ?)", ends)
        return {GAP.kpi_id: histories.read(self.connection, GAP)}

    def release(self, *codes: str, before: pa.Table | None = None) -> list[dict[str, Any]]:
        """What is released of some periods, beside a ledger."""
        return release(self.rows(*codes), GAP, before=before, histories=self.histories)

    def figures(self, released: list[dict[str, Any]]) -> Figures:
        """What the attacker has of what was released."""
        figures = Figures()
        for row in released:
            if row["obs_value"] is not None:
                place = row["segment"], row["member"]
                figures.gaps[place][row["period_end"]].add(row["obs_value"])
                where = "day = ?" + (" and country = ?" if place[0] == "country" else "")
                people = self.connection.execute(
                    f"select sex, person, amount from people where {where}",
                    [row["period_end"], *place[1:] * (place[0] == "country")],
                ).fetchall()
                figures.pays[place][row["period_end"]] = {(sex, person): pay for sex, person, pay in people}
        return figures


def of_total(released: list[dict[str, Any]]) -> list[str]:
    """The periods whose total was published."""
    return [row["time_period"] for row in released if row["segment"] == "_T" and row["obs_value"] is not None]


@pytest.mark.parametrize(("joined", "published"), [(1, 1), (9, 1), (10, 2)])
def test_two_months_are_published_when_enough_persons_came_or_went(joined: int, published: int) -> None:
    company = Company((*STAFF, Group(joined, months=(1,))))
    assert len(of_total(company.release("2026-01", "2026-02"))) == published


def test_the_attack_finds_the_pay_of_one_who_joined() -> None:
    company = Company((*STAFF, Group(1, months=(1,), pay=130)))
    figures = company.figures(company.rows("2026-01", "2026-02"))
    assert {difference.recovered for difference in differenced(figures)} == {True}
    assert min(estimated(figures).values()) < 0.15
    figures = company.figures(company.release("2026-01", "2026-02"))
    assert differenced(figures) == []
    assert min(estimated(figures).values()) > 0.9


def test_months_released_one_by_one_do_not_reveal_one_person() -> None:
    """Months are compared with all earlier ones, not only with the last."""
    company = Company((*STAFF, Group(12, months=(1,)), Group(1, months=(2, 3))))
    releases: list[list[dict[str, Any]]] = []
    for code in MONTHS:
        releases.append(company.release(code, before=ledger(*releases)))
    assert [of_total(released) for released in releases] == [["2026-01"], ["2026-02"], [], []]


def test_persons_who_came_and_went_together_do_not_reveal_another_one() -> None:
    """20 come for the summer, one of the staff with them. Any two months differ by ten or more. Yet the rise of the
    second and the fall of the fourth month differ by that one."""
    summer = (Group(20, months=(1, 2)), Group(1, months=(1, 2, 3)), Group(12, months=(2, 3)))
    company = Company((*STAFF, *summer))
    assert differenced(company.figures(company.rows(*MONTHS))) == []
    assert min(estimated(company.figures(company.rows(*MONTHS))).values()) < 0.5
    assert of_total(company.release(*MONTHS)) == ["2026-02", "2026-03", "2026-04"]


@pytest.mark.parametrize(("leavers", "published"), [(1, False), (9, False), (10, True)])
def test_the_total_less_the_members_does_not_reveal_a_few_persons(leavers: int, published: bool) -> None:
    """Eleven of SE and some of NO leave: the total minus SE would reveal those of NO."""
    rest = (Group(12, country="NO"), Group(12, country="NO", sex="M"))
    company = Company((*STAFF, *rest, Group(11, months=(0,)), Group(leavers, months=(0,), country="NO")))
    released = company.release("2026-01", "2026-02")
    assert of_total(released) == ["2026-01", "2026-02"]
    assert hidden(released) == (set() if published else {("2026-01", "NO"), ("2026-01", "SE")})


@pytest.mark.parametrize("joined", [1, 5])
def test_the_members_together_do_not_reveal_a_few_persons(joined: int) -> None:
    """Five move each way between SE and NO, and a few join: SE and NO together would reveal those who joined."""
    rest = (Group(20, country="NO"), Group(20, country="NO", sex="M"))
    moves = (Group(5, months=(0,)), Group(5, months=(1,), country="NO"), Group(5, months=(1,)))
    company = Company((*STAFF, *rest, *moves, Group(5, months=(0,), country="NO"), Group(joined, months=(1,))))
    company.connection.execute("update people set person = replace(person, '5-', '4-') where person like '5-%'")
    company.connection.execute("update people set person = replace(person, '7-', '6-') where person like '7-%'")
    assert len(hidden(company.release("2026-01", "2026-02"))) == 2


def test_the_total_and_a_member_do_not_reveal_one_man() -> None:
    """Nine women and one man leave SE: the total and SE are two equations in the women's sum and the man's pay."""
    rest = (Group(15, country="NO"), Group(15, country="NO", sex="M"))
    company = Company((*STAFF, *rest, Group(9, months=(0,)), Group(1, months=(0,), sex="M")))
    raw = company.figures(company.rows("2026-01", "2026-02"))
    assert differenced(raw) == []
    assert min(estimated(raw).values()) < 0.5
    released = company.release("2026-01", "2026-02")
    assert of_total(released) == ["2026-01", "2026-02"]
    assert min(estimated(company.figures(released)).values()) > 0.7


def test_every_month_and_place_of_an_unchanged_staff_is_published() -> None:
    """A general rise changes nobody's share, and the attacker knows it."""
    company = Company((*STAFF, Group(15, country="NO"), Group(15, country="NO", sex="M")))
    company.connection.execute("update people set amount = amount * 1.03 where day > '2026-02-28'")
    releases: list[list[dict[str, Any]]] = []
    for code in MONTHS:
        releases.append(company.release(code, before=ledger(*releases)))
        assert hidden(releases[-1]) == set()


def test_a_rise_of_one_persons_pay_is_not_published() -> None:
    company = Company(STAFF)
    company.connection.execute("update people set amount = amount * 1.1 where person = '0-0' and day > '2026-02-28'")
    assert min(estimated(company.figures(company.rows("2026-02", "2026-03"))).values()) < 0.2
    assert of_total(company.release("2026-02", "2026-03")) == ["2026-03"]


def test_persons_whose_amounts_are_revealed_already_do_not_stop_later_figures() -> None:
    """An earlier version revealed the pay of one who joined. A later month reveals no more of it."""
    company = Company((*STAFF, Group(1, months=(1, 2, 3)), Group(12, months=(2, 3)), Group(1, months=(3,))))
    totals = [row for row in company.rows("2026-01", "2026-02") if row["segment"] == "_T"]
    before = ledger([{**row, "conf_status": "F"} for row in totals])
    assert of_total(company.release("2026-03", "2026-04", before=before)) == ["2026-04"]


def test_members_leave_room_for_later_totals() -> None:
    """A woman with much of the pay: figures reveal nearly the allowed share. A total may be published, a member not."""
    norway = (Group(40, country="NO"), Group(40, country="NO", sex="M"))
    assert hidden(Company((*STAFF, *norway, Group(1, pay=680))).release("2026-01")) == {("2026-01", "SE")}
    of_one_country = Company((*STAFF, Group(1, pay=900))).release("2026-01")
    assert hidden(of_one_country) == set()  # the member's figure is the total's


def test_a_few_who_dominate_count_as_few() -> None:
    company = Company((*STAFF, Group(11, months=(1,)), Group(1, months=(1,), pay=2000)))
    assert of_total(company.release("2026-01", "2026-02")) == ["2026-01"]


def test_years_have_priority_over_quarters_and_quarters_over_months() -> None:
    company = Company((*STAFF, Group(6, months=(2, 3)), Group(6, months=(1, 2, 3)), Group(6, months=(3,))))
    assert of_total(company.release("2026-01", "2026-02", "2026-03", "2026-Q1")) == ["2026-01", "2026-03", "2026-Q1"]


def test_a_quarter_shows_the_same_figure_as_its_last_month() -> None:
    """One joins late in the books: the published month stays, and the quarter must not reveal that person."""
    first = Company(STAFF).release("2026-03")
    company = Company((*STAFF, Group(1)))
    released = company.release("2026-03", "2026-Q1", before=ledger(first))
    assert {row["obs_value"] for row in released} == {row["obs_value"] for row in first}


def test_a_published_figure_is_never_revised() -> None:
    """One pay was entered a hundred times too high: the correction would reveal it."""
    first = Company((*STAFF, Group(1, pay=10_000))).release("2026-01")
    assert hidden(Company((*STAFF, Group(1))).release("2026-01", before=ledger(first))) == {
        ("2026-01", "_T"),
        ("2026-01", "SE"),
    }


def test_nothing_is_published_when_the_persons_are_not_known() -> None:
    company = Company(STAFF)
    assert of_total(release(company.rows("2026-01"), GAP)) == []


def test_a_missing_mart_is_an_error_and_suppresses_nothing() -> None:
    company = Company(STAFF)
    company.connection.execute("drop table people")
    with pytest.raises(NyckeltalError, match=f"{GAP.kpi_id}: the persons behind its figures can't be read.* people "):
        _ = company.histories


def test_only_the_rounded_ratio_of_pay_is_published() -> None:
    released = Company(STAFF).release("2026-01")
    for cell in released:
        assert (cell["obs_value"], cell["numerator"], cell["denominator"]) == (round(cell["obs_value"], 6), None, None)


@examples(25)
@given(
    st.lists(
        st.builds(
            Group,
            count=st.integers(1, 14),
            months=st.sets(st.integers(0, 3), min_size=1).map(sorted),
            sex=st.sampled_from("FM"),
            country=st.sampled_from(("SE", "NO")),
        ),
        max_size=6,
    )
)
def test_no_company_reveals_a_few_persons(groups: list[Group]) -> None:
    base = (*STAFF, Group(15, country="NO"), Group(15, country="NO", sex="M"))
    company = Company((*base, *groups))
    quarter = period_of("Q", date(2026, 1, 1)).code
    figures = company.figures(company.release(*MONTHS, quarter))
    assert differenced(figures) == []
    assert min(estimated(figures).values()) > 0.7
