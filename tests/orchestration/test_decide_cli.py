"""Decisions by people: the commands `kpi held`, `release`, `reject`, `review`, and Dagster's job `decide`."""

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
    "2025-W51": cells(7, SE=7),
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
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("released"), patch)
        warehouse.add(kpi(freqs=("W", "M"), observable_from=date(2025, 12, 15)), VALUES)
        for name, text in COMPANY.items():
            file = warehouse.path.parent / "company" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        catalog = warehouse.path.parent / "company/compiled/catalog.json"
        catalog.parent.mkdir()
        catalog.write_text(warehouse.catalog.definitions_json)
        warehouse.judge(*SPAN)
        warehouse.publish(*SPAN)
        yield warehouse


@pytest.fixture
def warehouse(released: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    warehouse_copy = warehouse_factory.copy(released, tmp_path, monkeypatch)
    warehouse_copy.now("2026-03-06T06:00:00")
    monkeypatch.setenv("NYCKELTAL_COMPANY", str(tmp_path / "company"))
    for name in ("LOGNAME", "USER"):
        monkeypatch.setenv(name, "anna")
    return warehouse_copy


@pytest.fixture
def run(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command `kpi`; returns its status and its output."""

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


def test_held_shows_first_what_waits_for_a_decision(run: Any) -> None:
    status, output = run("held")
    assert status == 0 and output.startswith("Waits for a decision")
    # The week lies in February, so it is not in January's incident.
    assert (
        "revenue-2026-01 2026-01-01 – -100.0 SEK – Revenue 2026-01 is -100.0 SEK: a value is outside its bounds: 3"
        in output
    )
    assert "revenue-2026-W08 2026-02-16 – -7.00 SEK" in output and "1 period of revenue" in output
    assert "revenue-2025-12" not in output
    status, output = run("held", "revenue")
    title = "what Revenue 2026-01 is -100.0 SEK: a value is outside its bounds"
    for part in (title, "feed orders complete until 2026-12-31", "anna, cfo@example.com (recorded, not authenticated)"):
        assert part in output
    states = {row["time_period"]: row["state"] for row in json.loads(run("held", "--json")[1])}
    assert (states["2026-W08"], states["2026-01"]) == ("decide", "decide") and "2025-12" not in states
    assert states.keys() == {row["time_period"] for row in json.loads(run("status", "--json")[1])["held"]}
    status, output = run("release", "revenue", "2025-12", "--reason", "it is right")
    assert status == 2 and "2025-12 can't be judged: its feeds cover it from 2025-12-15" in output


def test_show_and_status_show_what_is_held(run: Any) -> None:
    status, output = run("show", "revenue")
    assert status == 0 and "Held: 2026-01; `kpi held revenue` shows why." in output
    assert "2026-W02 … 2026-W08 (9); `kpi held revenue` shows why." in run("show", "revenue", "--freq", "W")[1]
    assert "Held: 3 incidents, 10 periods" in run("status")[1]


@pytest.mark.parametrize("arguments", [["run"], ["run", "--json"]])
def test_a_run_that_could_not_build_a_kpi_ends_with_status_1(
    run: Any, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    published = warehouse.publish(*SPAN)
    results = [RunResult(warehouse.catalog, (), {"revenue": "stg_orders: it broke"}, (), published, {})] * 2
    results[1] = replace(results[1], build_failures={})
    monkeypatch.setattr("orchestration.run.run", lambda *_: results.pop(0))
    status, output = run(*arguments)
    assert status == 1 and "1 KPI could not be built (revenue); their published values stay." in output
    assert "stg_orders: it broke" in output
    assert run(*arguments)[0] == 0


def test_the_user_of_the_environment_releases_a_week_and_a_named_one_rejects_a_month(
    run: Any, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, output = run("release", "revenue", "2026-W08", "--reason", "a refund")
    assert status == 0, output
    assert "revenue 2026-W08 released by anna (recorded, not authenticated), although these fail: bounds" in output
    assert weeks(warehouse) == [(-7.0, True)]
    status, output = run("reject", "revenue", "2026-01", "--reason", "a mistake", "--by", "cfo@example.com")
    assert status == 0 and "revenue 2026-01 rejected by cfo@example.com (recorded, not authenticated)" in output
    status, output = run("held")
    assert "Was rejected" in output and "reject by cfo@example.com on 2026-03-06: a mistake" in output
    assert "2026-W08" not in output
    for name in ("LOGNAME", "USER"):
        monkeypatch.setenv(name, "guest")
    status, output = run("release", "revenue", "2026-01", "--reason", "it is right")
    assert status == 2 and "roles.yml: by: may not decide for finance; found 'guest'; expected anna or cfo" in output
    assert "2026-W08" not in {row["time_period"] for row in json.loads(run("status", "--json")[1])["held"]}


def test_a_decision_on_several_periods_covers_all_or_none(run: Any, warehouse: Warehouse) -> None:
    status, output = run("reject", "revenue", "2026-01", "2026-02", "2026-W08", "--reason", "no")
    assert status == 2 and "nothing is held for revenue 2026-02" in output
    assert not warehouse.published("from kpi.decisions")
    status, output = run("release", "revenue", "2026-W08", "2026-01", "2026-W08", "--reason", "refunds")
    assert status == 0 and "revenue 2026-W08, 2026-01 released by anna" in output
    assert warehouse.published("select distinct sequence from kpi.decisions") == [(2,)]


def test_a_decision_on_a_range_covers_its_held_periods(run: Any) -> None:
    assert (
        "nothing is held for revenue in that range" in run("reject", "revenue", "2026-02..2026-03", "--reason", "no")[1]
    )
    assert "there is no such range" in run("reject", "revenue", "2026-01..2026-W08", "--reason", "no")[1]
    status, output = run("reject", "revenue", "2025-11..2026-02", "--reason", "no", "--json")
    assert status == 0 and json.loads(output)["keys"] == [["revenue", "M", "2026-01"]]


def test_one_command_decides_on_an_incident(run: Any, warehouse: Warehouse) -> None:
    assert "no incident 'revenue-2026-03' is open" in run("release", "revenue-2026-03", "--reason", "right")[1]
    assert "name an incident, or periods" in run("release", "revenue", "--reason", "right")[1]
    assert "holds nothing" not in run("held", "revenue-2026-W08")[1]
    status, output = run("release", "revenue-2026-W08", "--reason", "a refund")
    assert status == 0 and "revenue-2026-W08 released by anna (recorded, not authenticated)" in output
    assert weeks(warehouse) == [(-7.0, True)]
    query = "select incident_id, state, title, kpis, periods_held, decided_by, reason from kpi.incidents"
    query += " where title like '%bounds%' order by all"
    assert warehouse.published(query) == [
        ("revenue-2026-01", "held", "Revenue: a value is outside its bounds", "revenue", 1, None, None),
        ("revenue-2026-W08", "released", "Revenue: a value is outside its bounds", "revenue", 1, "anna", "a refund"),
    ]


def test_during_a_run_held_incidents_can_be_read_but_not_decided_on(run: Any) -> None:
    hold = "from orchestration.lock import writing\nwith writing():\n    print('held', flush=True)\n    input()"
    holder = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        status, output = run("release", "revenue", "2026-W08", "--reason", "a refund")
        assert status == 2 and "another run is writing to this data folder; try again when it has ended" in output
        status, output = run("held")
        assert status == 0 and "A run is going on. This is the state of the newest release" in output
        assert "revenue-2026-01 2026-01-01 – – – Revenue: a value is outside its bounds: 3 values outside" in output
        assert "anna" in run("held", "revenue")[1]
        during, _ = json.JSONDecoder().raw_decode(run("held", "--json")[1])
    finally:
        holder.communicate(b"\n")
    after = json.loads(run("held", "--json")[1])
    unknown = {"candidate_value": None, "change": None, "feeds": []}
    assert during == [
        {**row, **unknown, "reason": earlier_row["reason"]} for row, earlier_row in zip(after, during, strict=True)
    ]


def test_a_review_and_when_the_next_one_is_due(run: Any, warehouse: Warehouse) -> None:
    warehouse.now("2027-03-08T06:00:00")
    warehouse.feed("orders", history_from="2025-12-15", newest_delivery="2027-03-08T05:00:00+00:00")
    assert json.loads(run("status", "--json")[1])["reviews_overdue"] == {"revenue": "2026-06-05"}
    status, output = run("review", "revenue", "--outcome", "change", "--reason", "target raised")
    assert status == 0 and "change; release" in output and "The next review is due on 2027-06-08" in output
    assert not json.loads(run("status", "--json")[1])["reviews_overdue"]


def test_the_job_decide_records_a_decision(warehouse: Warehouse) -> None:
    job = decide_job(Company.load())
    evaluation = "ASSET_CHECK_EVALUATION"

    def launch(**config: str) -> Any:
        config = {"kpi": "revenue", "period": "2026-W08", "decision": "release", "reason": "a refund", **config}
        return job.execute_in_process(run_config={"ops": {"record_decision": {"config": config}}}, raise_on_error=False)

    failed = launch(by="guest")
    assert not failed.success and not weeks(warehouse)
    (step,) = [event for event in failed.all_events if event.is_step_failure]
    output = step.step_failure_data.user_failure_data.description
    assert "may not decide for finance; found 'guest'" in output
    succeeded = launch(by="anna")
    assert succeeded.success
    assert weeks(warehouse) == [(-7.0, True)]
    (gate,) = [
        event.asset_check_evaluation_data
        for event in succeeded.all_events
        if event.event_type_value == evaluation and event.asset_check_evaluation_data.check_name == "gate"
    ]
    assert gate.asset_key.path == ["published", "revenue"]
    assert "2026-W08" not in gate.metadata and "2026-01" in gate.metadata
