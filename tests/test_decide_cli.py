"""Deciding as people do it: the commands `kpi held`, `release`, `reject`, `review`, and Dagster's job `decide`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from metrics.definitions.company import Company
from orchestration.cli import app
from orchestration.jobs import decide_job
from orchestration.run import RunResult
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, cells, kpi

SPAN = ("2025-12-15", "2026-02-28")
VALUES = {
    "2025-12": cells(-90, SE=-90),  # begins before the data does
    "2026-01": cells(-100, SE=-75, NO=-25),
    "2026-02": cells(110, SE=80, NO=30),
    "2026-W08": cells(-7, SE=-7),
}
COMPANY = {
    "company.yml": "name: Test\nreporting_currency: SEK\n",
    "objectives.yml": "objectives: {growth: {name: Growth, perspective: financial}}\n",
    "calendar.yml": "time_zone: Europe/Stockholm\ncountry: SE\ncloses_after: {default: 7}\n",
    "roles.yml": "decides:\n  finance: [anna, cfo@example.com]\n",
    "feeds/shop.yml": """system: shop
feeds:
  orders:
    description: Orders.
    path: orders/*.csv
    format: csv
    history_from: 2025-12-15
    grain: day
    time_column: day
    columns: {day: date}
""",
}


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A company whose December, January and eighth week are held; its February was published."""
    with pytest.MonkeyPatch.context() as patch:
        found = warehouse_factory.make(tmp_path_factory.mktemp("released"), patch)
        found.add(kpi(freqs=("W", "M"), observable_from=date(2025, 12, 15)), VALUES)
        for name, text in COMPANY.items():
            file = found.path.parent / "company" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        catalog = found.path.parent / "company/compiled/catalog.json"
        catalog.parent.mkdir()
        catalog.write_text(found.catalog.definitions_json)
        found.judge(*SPAN)
        found.publish(*SPAN)
        yield found


@pytest.fixture
def warehouse(released: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    found = warehouse_factory.copy(released, tmp_path, monkeypatch)
    found.now("2026-03-06T06:00:00")
    monkeypatch.setenv("NYCKELTAL_COMPANY", str(tmp_path / "company"))
    for name in ("LOGNAME", "USER"):
        monkeypatch.setenv(name, "anna")
    return found


@pytest.fixture
def run(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command `kpi`; gives its status and all that it printed."""

    def kpi_command(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["kpi", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), " ".join((printed.out + printed.err).split())

    return kpi_command


def weeks(warehouse: Warehouse) -> list[Any]:
    return warehouse.published(
        "select obs_value, decision_id is not null from kpi.vintages where time_period = '2026-W08' and segment = '_T'"
    )


def test_held_shows_first_what_a_person_can_act_on(run: Any) -> None:
    status, told = run("held")
    assert status == 0 and told.startswith("Waits for a decision")
    # The week lies in February, so that it is another incident than January.
    assert "revenue-2026-01 2026-01-01 – -100.00 SEK – Revenue: a value is outside its bounds: 3 values outside" in told
    assert "revenue-2026-W08 2026-02-16 – -7.00 SEK" in told and "1 period of revenue" in told
    assert "revenue-2025-12" not in told
    status, told = run("held", "revenue")
    for part in ("feed orders complete until 2026-12-31", "anna, cfo@example.com (recorded, not authenticated)"):
        assert part in told
    states = {one["time_period"]: one["state"] for one in json.loads(run("held", "--json")[1])}
    assert (states["2026-W08"], states["2026-01"]) == ("decide", "decide") and "2025-12" not in states
    assert states.keys() == {one["time_period"] for one in json.loads(run("status", "--json")[1])["held"]}
    status, told = run("release", "revenue", "2025-12", "--reason", "it is right")
    assert status == 2 and "2025-12 is no period to judge: its feeds cover it from 2025-12-15" in told


def test_show_and_status_say_what_is_held(run: Any) -> None:
    status, told = run("show", "revenue")
    assert status == 0 and "Held: 2026-01; `kpi held revenue` shows why." in told
    assert "2026-W01 … 2026-W08 (10); `kpi held revenue` shows why." in run("show", "revenue", "--freq", "W")[1]
    assert "Held: 3 incidents, 11 periods" in run("status")[1]


@pytest.mark.parametrize("arguments", [["run"], ["run", "--json"]])
def test_a_run_that_could_not_build_a_kpi_ends_with_status_1(
    run: Any, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    published = warehouse.publish(*SPAN)
    results = [RunResult(warehouse.catalog, (), {"revenue": "stg_orders: it broke"}, (), published, {})] * 2
    results[1] = replace(results[1], build_failures={})
    monkeypatch.setattr("orchestration.run.run", lambda *_: results.pop(0))
    status, told = run(*arguments)
    assert status == 1 and "1 KPI could not be built (revenue); their published values stay." in told
    assert "stg_orders: it broke" in told
    assert run(*arguments)[0] == 0


def test_the_user_of_the_environment_releases_a_week_and_a_named_one_rejects_a_month(
    run: Any, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, told = run("release", "revenue", "2026-W08", "--reason", "a refund")
    assert status == 0, told
    assert "revenue 2026-W08 released by anna (recorded, not authenticated), although these fail: bounds" in told
    assert weeks(warehouse) == [(-7.0, True)]
    status, told = run("reject", "revenue", "2026-01", "--reason", "a mistake", "--by", "cfo@example.com")
    assert status == 0 and "revenue 2026-01 rejected by cfo@example.com (recorded, not authenticated)" in told
    status, told = run("held")
    assert "Was rejected" in told and "reject by cfo@example.com on 2026-03-06: a mistake" in told
    assert "2026-W08" not in told
    for name in ("LOGNAME", "USER"):
        monkeypatch.setenv(name, "guest")
    status, told = run("release", "revenue", "2026-01", "--reason", "it is right")
    assert status == 2 and "roles.yml: by: may not decide for finance; found 'guest'; expected anna or cfo" in told
    assert "2026-W08" not in {one["time_period"] for one in json.loads(run("status", "--json")[1])["held"]}


def test_several_periods_are_decided_on_at_once_or_none_of_them(run: Any, warehouse: Warehouse) -> None:
    status, told = run("reject", "revenue", "2026-01", "2026-02", "2026-W08", "--reason", "no")
    assert status == 2 and "nothing is held for revenue 2026-02" in told
    assert not warehouse.published("from kpi.decisions")
    status, told = run("release", "revenue", "2026-W08", "2026-01", "2026-W08", "--reason", "refunds")
    assert status == 0 and "revenue 2026-W08, 2026-01 released by anna" in told
    assert warehouse.published("select distinct sequence from kpi.decisions") == [(2,)]


def test_of_a_range_of_periods_those_that_are_held_are_decided_on(run: Any) -> None:
    assert (
        "nothing is held for revenue in that range" in run("reject", "revenue", "2026-02..2026-03", "--reason", "no")[1]
    )
    assert "there is no such range" in run("reject", "revenue", "2026-01..2026-W08", "--reason", "no")[1]
    status, told = run("reject", "revenue", "2025-11..2026-02", "--reason", "no", "--json")
    assert status == 0 and json.loads(told)["keys"] == [["revenue", "M", "2026-01"]]


def test_an_incident_is_named_by_any_of_its_periods_and_settled_by_one_command(run: Any, warehouse: Warehouse) -> None:
    assert "no incident 'revenue-2026-03' is open" in run("release", "revenue-2026-03", "--reason", "right")[1]
    assert "name an incident, or periods" in run("release", "revenue", "--reason", "right")[1]
    assert "holds nothing" not in run("held", "revenue-2026-W08")[1]
    status, told = run("release", "revenue-2026-W08", "--reason", "a refund")
    assert status == 0 and "revenue-2026-W08 released by anna (recorded, not authenticated)" in told
    assert weeks(warehouse) == [(-7.0, True)]
    asked = "select incident_id, state, title, kpis, periods_held, decided_by, reason from kpi.incidents"
    asked += " where title like '%bounds%' order by all"
    assert warehouse.published(asked) == [
        ("revenue-2026-01", "held", "Revenue: a value is outside its bounds", "revenue", 1, None, None),
        ("revenue-2026-W08", "released", "Revenue: a value is outside its bounds", "revenue", 1, "anna", "a refund"),
    ]


def test_while_a_run_goes_on_what_is_held_can_be_read_and_not_decided_on(run: Any) -> None:
    hold = "from orchestration.lock import writing\nwith writing():\n    print('held', flush=True)\n    input()"
    holder = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        status, told = run("release", "revenue", "2026-W08", "--reason", "a refund")
        assert status == 2 and "another run is writing to this data folder; try again when it has ended" in told
        status, told = run("held")
        assert status == 0 and "A run is going on. This is the state of the newest release" in told
        assert "revenue-2026-01 2026-01-01 – – – Revenue: a value is outside its bounds: 3 values outside" in told
        assert "anna" in run("held", "revenue")[1]
        during, _ = json.JSONDecoder().raw_decode(run("held", "--json")[1])
    finally:
        holder.communicate(b"\n")
    after = json.loads(run("held", "--json")[1])
    unknown = {"candidate_value": None, "change": None, "feeds": []}
    assert during == [{**one, **unknown, "reason": seen["reason"]} for one, seen in zip(after, during, strict=True)]


def test_a_review_and_when_the_next_one_is_due(run: Any, warehouse: Warehouse) -> None:
    warehouse.now("2027-03-08T06:00:00")
    warehouse.feed("orders", history_from="2025-12-15", newest_delivery="2027-03-08T05:00:00+00:00")
    assert json.loads(run("status", "--json")[1])["reviews_overdue"] == {"revenue": "2027-03-05"}
    status, told = run("review", "revenue", "--reason", "target raised")
    assert status == 0 and "The next review is due on 2028-03-08" in told
    assert not json.loads(run("status", "--json")[1])["reviews_overdue"]


def test_dagster_decides_by_a_job(warehouse: Warehouse) -> None:
    job = decide_job(Company.load())
    evaluation = "ASSET_CHECK_EVALUATION"

    def launch(**config: str) -> Any:
        config = {"kpi": "revenue", "period": "2026-W08", "decision": "release", "reason": "a refund", **config}
        return job.execute_in_process(run_config={"ops": {"record_decision": {"config": config}}}, raise_on_error=False)

    failed = launch(by="guest")
    assert not failed.success and not weeks(warehouse)
    (step,) = [event for event in failed.all_events if event.is_step_failure]
    told = step.step_failure_data.user_failure_data.description
    assert "may not decide for finance; found 'guest'" in told
    done = launch(by="anna")
    assert done.success
    assert weeks(warehouse) == [(-7.0, True)]
    (gate,) = [event.asset_check_evaluation_data for event in done.all_events if event.event_type_value == evaluation]
    assert gate.asset_key.path == ["published", "revenue"]
    assert "2026-W08" not in gate.metadata and "2026-01" in gate.metadata
