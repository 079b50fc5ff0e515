"""The main job for a company of real files: what it publishes, beside what others published for the same files.

The files and the sources of the values: README.md in `../shared/data/real` of the project.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pay_attack
import pytest
from disclosure_attack import cells, leaks

from metrics.compiler.semantic_layer import SemanticLayer
from metrics.core.deployment import PROJECT, published_path, warehouse_path
from metrics.definitions.company import Company
from orchestration.dbt import project
from orchestration.run import RunResult, run
from publishing.language import language

FILES = PROJECT.parent / "shared" / "data" / "real"
COMPANY = PROJECT / "tests/real_company"
if not FILES.is_dir():
    pytest.skip("the real files aren't here (../shared/data/real beside the project)", allow_module_level=True)

# One run for all the cases, also where tests are spread over processes.
pytestmark = pytest.mark.xdist_group("real_company")

IDENTIFIED_ORDERS = "{{ Dimension('order__is_identified') }}"
IDENTIFIED_LINES = "{{ Dimension('order_line__is_identified') }}"
ORDERED_TWICE = "{{ Metric('orders_placed', group_by=['customer']) }} > 1"
IN_2017 = "{{ TimeDimension('metric_time', 'year') }} = '2017-01-01'"

ROWS = {
    "invoice_lines": 541909,
    "daily_visitors": 2167,
    "media_spend": 208,
    "employees": 311,
    "incident_events": 141712,
    "meter_readings": 35040,
}
PUBLISHED = [
    ("net_revenue", "2010-12", "748957.02"),
    ("net_revenue", "2011-01", "560000.26"),
    ("net_revenue", "2011-02", "498062.65"),
    ("net_revenue", "2011-03", "683267.08"),
    ("net_revenue", "2011-04", "493207.12"),
    ("net_revenue", "2011-05", "723333.51"),
    ("net_revenue", "2011-06", "691123.12"),
    ("net_revenue", "2011-07", "681300.11"),
    ("net_revenue", "2011-08", "682680.51"),
    ("net_revenue", "2011-09", "1019687.62"),
    ("headcount", "2016", "221"),
    ("headcount", "2017", "219"),
    ("headcount", "2018-10", "208"),
    ("headcount", "2018-11", "207"),
    ("turnover_rate", "2014", "0.0679"),
    ("turnover_rate", "2015", "0.0966"),
    ("turnover_rate", "2016", "0.0985"),
    ("turnover_rate", "2017", "0.0361"),
    ("gender_pay_gap", "2017", "0.011769"),
    ("gender_pay_gap", "2018-09", "0.009296"),
    ("web_sessions", "2017", "898628"),
    ("energy_use", "2018", "959.63671"),  # MWh
]
QUERIED = [
    pytest.param("gross_revenue", [IDENTIFIED_LINES], "8911407.904", id="gross revenue"),
    pytest.param("average_order_value", [IDENTIFIED_ORDERS], "480.762187", id="average order value"),
    pytest.param("repeat_purchase_rate", [IDENTIFIED_ORDERS], "0.655681", id="repeat purchase rate"),
    pytest.param("document_return_rate", [IDENTIFIED_LINES], "0.197130", id="invoice return rate"),
    pytest.param("sla_attainment", [], "0.6342", id="incidents within SLA"),
    pytest.param("incident_resolution_time_p50", [], "22.1", id="median hours to resolve"),
    pytest.param("mttr", [], "178.2", id="mean hours to resolve"),
    pytest.param("page_views", [IN_2017], "1239604", id="page loads 2017"),
    pytest.param("energy_co2", [], "403.81", id="tCO2 2018"),
]
# What neither a KPI nor a metric is asked for: the files as they were taken in.
COUNTED = [
    pytest.param(
        "count(*)", "marts.fct_order_lines where is_identified and net_amount > 0", "397884", id="gross lines"
    ),
    pytest.param(
        "count(distinct order_id)",
        "marts.fct_order_lines where is_identified and net_amount > 0",
        "18532",
        id="invoices",
    ),
    pytest.param(
        "count(distinct customer_id)",
        "marts.fct_order_lines join marts.fct_orders using (order_id) where net_amount > 0",
        "4338",
        id="customers",
    ),
    pytest.param("count(*)", "staging.stg_employees", "311", id="employees"),
    pytest.param("count(*)", "staging.stg_employees where spell_end is null", "207", id="employees active"),
    pytest.param("count(exit_reason)", "staging.stg_employees", "104", id="employees who left"),
    pytest.param("count(exit_reason) / count(*)", "staging.stg_employees", "0.3344", id="share who left"),
    pytest.param('avg("Salary")', "raw.employees", "69020.68", id="mean salary"),
    pytest.param('avg("EngagementSurvey"::double)', "raw.employees", "4.11", id="engagement"),
    pytest.param('avg("EmpSatisfaction"::integer)', "raw.employees", "3.890675", id="satisfaction"),
    pytest.param('avg("Absences"::integer)', "raw.employees", "10.237942", id="absences"),
    pytest.param("count(*)", "staging.stg_incidents", "24918", id="incidents"),
    pytest.param("count(*)", "staging.stg_incidents where resolved_at is null", "1556", id="incidents never resolved"),
    pytest.param(
        "max(n)", "(select count(*) n from staging.stg_energy_readings group by reading_date)", "96", id="most a day"
    ),
    pytest.param(
        "min(n)", "(select count(*) n from staging.stg_energy_readings group by reading_date)", "96", id="fewest a day"
    ),
]
NOT_OBSERVABLE = [
    pytest.param("net_revenue", "2010-W48", id="the week in which the shop's files begin"),
    pytest.param("net_revenue", "2010-Q4", id="the quarter of which one month is known"),
    pytest.param("net_revenue", "2010", id="the year of which one month is known"),
    pytest.param("revenue_growth_yoy", "2011-11", id="growth on a month before the shop's files"),
    pytest.param("new_customers", "2011-11", id="new customers within a year of the shop's first day"),
    pytest.param("web_sessions", "2014-09", id="the month in which the web site's files begin"),
    pytest.param("web_sessions", "2014", id="the year in which the web site's files begin"),
    pytest.param("mttr", "2016", id="the year in which the incident log begins"),
    pytest.param("energy_use", "2017", id="the year before the first meter reading"),
]
UNFINISHED = [
    pytest.param("net_revenue", "2011-12", id="the month that stops on the 9th"),
    pytest.param("net_revenue", "2011-Q4", id="the quarter that stops with it"),
    pytest.param("net_revenue", "2011", id="the year that stops with it"),
    pytest.param("revenue_growth_yoy", "2011-12", id="the growth of that month"),
    pytest.param("web_sessions", "2020-08", id="the month in which they end"),
    pytest.param("headcount", "2018", id="the year in which the employees' extract was made"),
    pytest.param("mttr", "2017-02", id="the month in which it ends"),
    pytest.param("energy_use", "2019-01", id="the month after the last meter reading"),
]
NOT_SUPPLIED = {"absence_rate", "cac", "cpl", "csat", "ctr", "roas"}


@dataclass(frozen=True)
class Outcome:
    """What the run told, and its two stores, open for reading."""

    result: RunResult
    published: duckdb.DuckDBPyConnection
    warehouse: duckdb.DuckDBPyConnection
    metrics: SemanticLayer

    def query(self, metric: str, where: Sequence[str]) -> Any:
        """The value of a metric over all time."""
        row = self.warehouse.execute(self.metrics.query_sql([metric], where=where)).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """The main job, run once over all the years that the files cover."""
    data = tmp_path_factory.mktemp("real_company")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NYCKELTAL_COMPANY", str(COMPANY))
        patch.setenv("NYCKELTAL_SOURCE_DIR", str(FILES))
        patch.setenv("NYCKELTAL_DATA_DIR", str(data))
        patch.setenv("NYCKELTAL_NOW", "2020-09-01T06:00:00+00:00")
        patch.setenv("DAGSTER_HOME", str(data / "dagster"))
        patch.delenv("NYCKELTAL_LEDGER", raising=False)
        company = Company.load()
        result = run(company, first=date(2006, 1, 1), last=date(2020, 8, 31))
        layer = SemanticLayer.read(project.target_dir(company) / "semantic_manifest.json")
        with (
            duckdb.connect(str(published_path()), read_only=True) as published,
            duckdb.connect(str(warehouse_path()), read_only=True) as warehouse,
        ):
            yield Outcome(result, published, warehouse, layer)


def as_printed(value: str) -> Any:
    """Equal to the digits that were published, the last of which may have been rounded."""
    digits = -int(Decimal(value).as_tuple().exponent)
    return pytest.approx(float(value), rel=0, abs=0.5000001 * 10**-digits)


def test_every_finding_can_be_told_in_swedish(outcome: Outcome) -> None:
    rows = outcome.published.execute("select checks from kpi.verdicts").fetchall()
    details = {check["detail"] for (checks,) in rows for check in json.loads(checks)}
    assert len(details) > 100 and not [text for text in details if text and language("sv").finding(text) is None]


def test_everything_is_built(outcome: Outcome) -> None:
    assert outcome.result.build_failures == {}


@pytest.mark.parametrize(("feed", "rows"), ROWS.items())
def test_every_row_is_taken_in(outcome: Outcome, feed: str, rows: int) -> None:
    counts = outcome.warehouse.execute(
        "select rows_total, rows_rejected, outstanding from raw._feeds where feed = ?", [feed]
    ).fetchone()
    assert counts == (rows, 0, None)


@pytest.mark.parametrize(("kpi_id", "time_period", "value"), PUBLISHED)
def test_published_value(outcome: Outcome, kpi_id: str, time_period: str, value: str) -> None:
    values = outcome.published.execute(
        "select obs_value, obs_status from kpi.observations where kpi_id = ? and time_period = ? and segment = '_T'",
        [kpi_id, time_period],
    ).fetchall()
    assert values == [(as_printed(value), "A")]


@pytest.mark.parametrize(("metric", "where", "value"), QUERIED)
def test_metric_query(outcome: Outcome, metric: str, where: list[str], value: str) -> None:
    assert float(outcome.query(metric, where)) == as_printed(value)


def test_repeat_customers_share_of_revenue(outcome: Outcome) -> None:
    repeat = outcome.query("order_amount", [IDENTIFIED_ORDERS, ORDERED_TWICE])
    assert float(repeat / outcome.query("order_amount", [IDENTIFIED_ORDERS])) == as_printed("0.930840")


@pytest.mark.parametrize(("expression", "relation", "value"), COUNTED)
def test_counted(outcome: Outcome, expression: str, relation: str, value: str) -> None:
    counted = outcome.warehouse.execute(f"select {expression} from {relation}").fetchone()
    assert counted is not None
    assert float(counted[0]) == as_printed(value)


def test_the_last_energy_interval_begins_before_midnight(outcome: Outcome) -> None:
    ends = outcome.warehouse.execute(
        "select min(interval_start)::varchar, max(interval_start)::varchar from staging.stg_energy_readings"
    ).fetchone()
    assert ends == ("2018-01-01 00:00:00", "2018-12-31 23:45:00")


@pytest.mark.parametrize("kpi_id", ["new_customers", "repeat_purchase_rate"])
def test_in_the_first_year_nobody_can_be_told_to_be_new(outcome: Outcome, kpi_id: str) -> None:
    published = outcome.published.execute("select count(*) from kpi.observations where kpi_id = ?", [kpi_id]).fetchone()
    assert published == (0,)


@pytest.mark.parametrize(("kpi_id", "time_period"), UNFINISHED)
def test_unfinished_period_is_held(outcome: Outcome, kpi_id: str, time_period: str) -> None:
    verdict = outcome.published.execute(
        "select verdict, contains(reason, 'complete') from kpi.verdicts where kpi_id = ? and time_period = ?",
        [kpi_id, time_period],
    ).fetchall()
    published = outcome.published.execute(
        "select count(*) from kpi.observations where kpi_id = ? and time_period = ?", [kpi_id, time_period]
    ).fetchone()
    assert (verdict, published) == ([("hold", True)], (0,))


@pytest.mark.parametrize(("kpi_id", "time_period"), NOT_OBSERVABLE)
def test_a_period_that_the_files_cannot_cover_is_neither_judged_nor_published(
    outcome: Outcome, kpi_id: str, time_period: str
) -> None:
    for relation in ("kpi.verdicts", "kpi.observations"):
        query = f"select count(*) from {relation} where kpi_id = ? and time_period = ?"
        assert outcome.published.execute(query, [kpi_id, time_period]).fetchone() == (0,)


def test_the_first_period_that_the_files_cover_is_judged(outcome: Outcome) -> None:
    """Of each KPI and frequency: the feeds begin at different days."""
    first = outcome.published.execute(
        """select kpi_id, min(time_period) filter (freq = 'M'), min(time_period) filter (freq = 'A')
           from kpi.verdicts where kpi_id in ('energy_use', 'headcount', 'mttr', 'net_revenue', 'new_customers',
           'revenue_growth_yoy', 'web_sessions') group by kpi_id order by kpi_id"""
    ).fetchall()
    assert first == [
        ("energy_use", "2018-01", "2018"),
        ("headcount", "2006-01", "2006"),
        ("mttr", "2016-03", "2017"),
        ("net_revenue", "2010-12", "2011"),
        ("new_customers", "2011-12", "2012"),
        ("revenue_growth_yoy", "2011-12", "2012"),
        ("web_sessions", "2014-10", "2015"),
    ]


def test_missing_domains_are_not_supplied(outcome: Outcome) -> None:
    not_supplied = outcome.published.execute("select kpi_id from kpi.catalog where not supplied").fetchall()
    judged = outcome.published.execute("select distinct kpi_id from kpi.verdicts").fetchall()
    assert {kpi_id for (kpi_id,) in not_supplied} == NOT_SUPPLIED
    assert not NOT_SUPPLIED & {kpi_id for (kpi_id,) in judged}


def test_names_of_employees_stay_out_of_the_warehouse(outcome: Outcome) -> None:
    columns = {name for name, *_ in outcome.warehouse.execute("describe raw.employees").fetchall()}
    assert "EmpID" in columns
    assert not columns & {"Employee_Name", "ManagerName", "DOB", "Zip", "RaceDesc"}


def test_nothing_about_too_few_employees_can_be_worked_out(outcome: Outcome) -> None:
    public = cells(outcome.published, "kpi.vintages")
    assert leaks(outcome.warehouse, public, public) == []
    assert any(row["obs_value"] is None and row["kpi_id"] == "headcount" for row in public)
    assert outcome.published.execute(
        """select count(*) from kpi.vintages where kpi_id = 'gender_pay_gap' and member = 'Executive Office'
        and obs_value is not null"""
    ).fetchall() == [(0,)]


def test_nobodys_pay_can_be_worked_out(outcome: Outcome) -> None:
    figures = pay_attack.read(outcome.warehouse, cells(outcome.published, "kpi.vintages"))
    assert len(figures.gaps["_T", "_T"]) > 20
    assert pay_attack.differenced(figures) == []
    assert min(pay_attack.estimated(figures).values()) > 0.7
