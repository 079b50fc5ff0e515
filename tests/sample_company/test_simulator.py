"""The simulator of the sample company: the same every time, growing by the day, whole, and plausible."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from metrics.core.deployment import PROJECT
from metrics.definitions.company import Company
from sample_company.simulator.files import SourceFolder
from sample_company.simulator.people.goals import Goals
from sample_company.simulator.people.staff import Staff
from sample_company.simulator.run import simulate
from sample_company.simulator.timeline import Month, Span

START, UNTIL = date(2024, 10, 1), date(2024, 11, 20)
DAYS = 51
COMPANY = PROJECT / "sample_company"


def _simulate(folder: Path, until: date = UNTIL, seed: int = 1, scale: float = 1.0) -> Path:
    simulate(folder, Span(start=START, until=until, seed=seed, scale=scale))
    return folder


def _hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _times(folder: Path) -> dict[str, float]:
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _simulate(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def ask(sources: Path) -> Iterator[Callable[[str], tuple[int | float, ...]]]:
    """One row of figures from a query over the sources."""
    with duckdb.connect() as connection:
        for name in ("orders", "order_lines", "deliveries"):
            connection.execute(f"create table {name} as from read_csv('{sources}/shop/{name}/*.csv')")
        connection.execute(f"create table products as from '{sources}/shop/products.csv'")
        connection.execute(
            f"create table customers as select * replace (customer_id::bigint as customer_id)"
            f" from '{sources}/shop/customers.parquet'"
        )
        connection.execute(f"create table leads as from read_csv('{sources}/crm/*.csv')")
        connection.execute(f"create table tickets as from read_json('{sources}/support/*.jsonl')")
        connection.execute(f"create table sessions as from '{sources}/web/*.parquet'")
        connection.execute(f"create table incidents as from read_csv('{sources}/ops/*.csv')")
        connection.execute(f"create table readings as from read_csv('{sources}/energy/*.csv.gz')")
        connection.execute(
            f"create table ledger as from read_csv('{sources}/finance/ledger_*.csv', decimal_separator=',')"
        )
        connection.execute(f"create table stock as from '{sources}/wms/*.parquet'")
        connection.execute(f"create table launches as from '{sources}/pim/launches.csv'")
        connection.execute(
            f"create table ideas as from read_csv('{sources}/pim/ideas.csv', types={{'launched_on': 'date'}})"
        )
        connection.execute(f"create table requisitions as from '{sources}/ats/requisitions.csv'")
        connection.execute(f"create table applications as from '{sources}/ats/*.parquet'")
        connection.execute(f"create table time_sheets as from '{sources}/hse/*.parquet'")
        connection.execute(f"create table activities as from read_csv('{sources}/hse/emission_activities_*.csv')")
        connection.execute(f"create table factors as from '{sources}/hse/emission_factors.csv'")
        connection.execute(f"create table goals as from read_json('{sources}/okr/goals.jsonl')")
        connection.execute(f"create table completions as from read_json('{sources}/lms/*.jsonl')")
        connection.execute(f"create table org_chart as from read_csv('{sources}/hr/org_chart.csv')")
        yield lambda query: connection.execute(query).fetchone() or ()


def test_the_same_arguments_give_the_same_bytes_and_times(sources: Path, tmp_path: Path) -> None:
    again = _simulate(tmp_path)
    assert _hashes(again) == _hashes(sources)
    assert _times(again) == _times(sources)


def test_another_seed_gives_other_data(sources: Path, tmp_path: Path) -> None:
    of_another_seed = _hashes(_simulate(tmp_path, seed=2))
    assert of_another_seed.keys() == _hashes(sources).keys()
    assert of_another_seed["shop/orders/orders_2024-10-01.csv"] != _hashes(sources)["shop/orders/orders_2024-10-01.csv"]


def test_a_later_last_day_adds_files_and_leaves_whole_ones_alone(sources: Path, tmp_path: Path) -> None:
    (tmp_path / "unrelated.txt").write_text("stays")
    earlier = _hashes(_simulate(tmp_path, until=date(2024, 11, 10)))
    later = _hashes(_simulate(tmp_path))
    snapshots = {
        "shop/customers.parquet",
        "club/memberships.jsonl",
        "tracker/sprints.xlsx",
        "hr/employees.xlsx",
        "hr/absences.xlsx",
        "finance/exchange_rates.csv",
        "hr/org_chart.csv",
        "hr/pulse_survey.xlsx",
        "ats/requisitions.csv",
        "pim/launches.csv",
        "ads/campaigns.csv",
        "governance/board_members.csv",
        "pim/ideas.csv",
        "okr/goals.jsonl",
        "hse/injury_log.xlsx",
        "hse/water.xlsx",
    }
    changed = {path for path, content in earlier.items() if later[path] != content}
    running = {path for path in changed if "2024-11" in path and "2024-11-" not in path}
    # What was open on 10 November of October may have been closed since: tickets, incidents, defects and applications.
    reopened = {
        *("support/tickets_2024-10.jsonl", "ops/incidents_2024-10.csv"),
        *("tracker/defects_2024-10.csv", "ats/applications_2024-10.parquet"),
    }
    assert changed - running <= snapshots | reopened
    assert later.pop("unrelated.txt") == earlier.pop("unrelated.txt")
    assert later == _hashes(sources), "what a day holds must not depend on when it was written"


def test_a_file_is_delivered_on_the_morning_after_its_newest_day(sources: Path) -> None:
    times = _times(sources)
    assert times["shop/orders/orders_2024-10-05.csv"] == datetime(2024, 10, 6, 4, tzinfo=UTC).timestamp()
    assert times["crm/leads_2024-10.csv"] == datetime(2024, 11, 1, 4, tzinfo=UTC).timestamp()
    assert max(times.values()) == datetime(2024, 11, 21, 4, tzinfo=UTC).timestamp()


def test_every_day_has_its_files(sources: Path) -> None:
    folders = ("shop/orders", "shop/order_lines", "shop/deliveries", "ads/google", "ads/meta", "ads/linkedin")
    for folder in folders:
        assert len(list((sources / folder).glob("*.csv"))) == DAYS
    assert not list(sources.rglob("*.tmp"))


def test_a_file_holds_the_events_of_its_local_day(ask: Callable[[str], tuple[int, ...]], sources: Path) -> None:
    """27 October 2024 had 25 hours, and began at 22:00 UTC of the day before."""
    first, last = ask(f"select min(ordered_at), max(ordered_at) from '{sources}/shop/orders/orders_2024-10-27.csv'")
    assert str(first) >= "2024-10-26 22:00:00"
    assert str(last) < "2024-10-27 23:00:00"


@pytest.mark.parametrize(
    "orphans",
    [
        "select count(*) from order_lines anti join orders using (order_id)",
        "select count(*) from orders anti join order_lines using (order_id)",
        "select count(*) from deliveries anti join orders using (order_id)",
        "select count(*) from order_lines anti join products using (product_id)",
        "select count(*) from orders anti join customers using (customer_id) where customer_id is not null",
        "select count(*) from tickets t where customer_id is not null"
        " and not exists (select 1 from customers c where c.customer_id = t.customer_id::bigint)",
        "select count(*) from orders join customers using (customer_id) where created_at > ordered_at",
        "select count(*) from customers join leads using (email) where customers.created_at < leads.created_at",
        "select count(*) from customers join leads using (email) where customers.country <> leads.country",
        "select count(*) - count(distinct email) from customers",
        "select count(*) from deliveries join orders using (order_id) where delivered_at < ordered_at",
        "select count(*) from order_lines join orders using (order_id) where booked_at < ordered_at",
        "select count(*) from stock anti join products using (product_id)",
        "select count(*) from launches anti join products using (product_id)",
        "select count(*) from ideas anti join launches using (launch_no) where launch_no is not null",
        "select count(*) from ideas where launched_on < accepted_on",
        "select count(*) from applications anti join requisitions using (req_no)",
        "select count(*) from applications join requisitions using (req_no) where received_on < opened_on",
        "select count(*) from applications where offer_accepted_on < received_on",
        "select count(*) from activities anti join factors using (activity)",
        "select count(*) from goals anti join time_sheets on owner_id = employee_id where owner_id is not null",
        "select count(*) from completions anti join time_sheets using (employee_id) where completed_at < '2024-11-01'",
        "select count(*) from org_chart anti join time_sheets using (employee_id)",
        # The bill is what the meters read: all of October, which began at 22:00 UTC of the day before.
        "select round(sum(quantity) - (select sum(kwh) from readings where hour_start_utc < '2024-10-31 23:00:00'), 1)"
        " from activities where activity = 'electricity'",
    ],
)
def test_what_is_referred_to_is_there(ask: Callable[[str], tuple[int, ...]], orphans: str) -> None:
    assert ask(orphans) == (0,)


@pytest.mark.parametrize(
    ("figure", "low", "high"),
    [
        ("select count(*) / 51 from orders", 140, 200),
        ("select count(*) from orders where customer_id is null", 200, 500),
        ("select count(*) - count(distinct order_id) from orders", 0, 0),
        ("select count(*) - count(distinct order_line_id) from order_lines", 0, 0),
        (
            "select -sum(net_amount) filter (line_type = 'return') / sum(net_amount) filter (line_type = 'sale')"
            " from order_lines where currency = 'SEK'",
            0.03,
            0.09,
        ),
        (
            "select avg((delivered_at::date <= promised_date)::int) from orders join deliveries using (order_id)",
            0.9,
            0.97,
        ),
        # Half of October's leads who will ever become customers have by 20 November.
        (
            "select avg((email in (select email from customers))::int) from leads"
            " where created_at < timestamp '2024-11-01'",
            0.06,
            0.16,
        ),
        ("select sum(conversions) / sum(sessions) from sessions", 0.02, 0.03),
        ("select avg((survey_score >= 4)::int) from tickets", 0.75, 0.88),
        ("select count(*) / 51 * 30 from incidents", 120, 180),
        (
            "select 1 - sum(amount) filter (cost_function = 'KSV') / (select sum(net_amount"
            " * case currency when 'SEK' then 1 when 'NOK' then 0.98 when 'DKK' then 1.53 else 11.4 end)"
            " from order_lines where booked_at < '2024-10-31 23:00:00') from ledger",
            0.35,
            0.5,
        ),
        ("select sum(on_hand * unit_cost_sek) / 51 from stock", 10e6, 30e6),
        ("select count(distinct product_id) from launches where launched_on >= '2021-11-20'", 20, 60),
        ("select median(offer_accepted_on - received_on) from applications", 15, 35),
        ("select sum(hours) from time_sheets", 80_000, 110_000),
        ("select count(*) from goals", 400, 700),
        ("select count(*) from readings", 3 * (DAYS * 24 + 1), 3 * (DAYS * 24 + 1)),
    ],
)
def test_figures_are_plausible(ask: Callable[[str], tuple[float, ...]], figure: str, low: float, high: float) -> None:
    assert low <= ask(figure)[0] <= high


def test_scale_multiplies_what_customers_do(sources: Path, tmp_path: Path) -> None:
    few = len((_simulate(tmp_path, scale=0.2) / "crm/leads_2024-10.csv").read_text().splitlines())
    many = len((sources / "crm/leads_2024-10.csv").read_text().splitlines())
    assert 4 < many / few < 6


@pytest.mark.parametrize(
    ("start", "until", "scale", "message"),
    [
        (date(2024, 10, 2), UNTIL, 1.0, "first day of a month"),
        (START, date(2024, 9, 30), 1.0, "before start"),
        (START, UNTIL, 0.0, "above 0"),
    ],
)
def test_a_span_that_makes_no_sense_is_refused(start: date, until: date, scale: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Span(start=start, until=until, seed=1, scale=scale)


def test_every_feed_of_the_company_finds_files_with_its_columns(sources: Path) -> None:
    for feed in Company.load(COMPANY).feeds.values():
        files = sorted(sources.glob(feed.path))
        assert files, feed.name
        if feed.format == "csv":
            sniffed = duckdb.sql(f"from read_csv('{files[-1]}', delim='{feed.options.delimiter}')")
        elif feed.format == "excel":
            continue
        else:
            reader = "read_parquet" if feed.format == "parquet" else "read_json"
            sniffed = duckdb.sql(f"from {reader}('{files[-1]}')")
        assert sniffed.columns == list(feed.columns), feed.name


def test_the_goals_of_a_quarter_are_judged_on_different_days_of_the_week_after_it(tmp_path: Path) -> None:
    def judged(until: date) -> int:
        span = Span(start=START, until=until, seed=1, scale=1.0)
        goals = Goals(span, Staff(span))
        goals.run(Month.of(START))
        goals.write(SourceFolder(tmp_path))
        return (tmp_path / "okr/goals.jsonl").read_text(encoding="utf-8").count('"score":0.')

    counts = [judged(until) for until in (date(2024, 12, 31), date(2025, 1, 1), date(2025, 1, 4), date(2025, 1, 7))]
    assert counts[0] == 0
    assert 0 < counts[1] < counts[2] < counts[3] == judged(date(2025, 1, 20))
