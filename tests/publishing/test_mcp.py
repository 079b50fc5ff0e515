"""`kpi mcp`, asked with the protocol's own client: every value has what it needs to be quoted; nothing is written."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from metrics.core import deployment
from metrics.core.deployment import PROJECT
from publishing import mcp_server
from publishing.answers.movement import movement
from tests import warehouse_factory
from tests.command_line import kpi_command
from tests.hostile import TEXTS
from tests.warehouse_factory import Warehouse, cells, kpi

SPAN = ("2025-12-01", "2026-02-28")


def ratio(member: str, numerator: float, denominator: float) -> dict[str, Any]:
    segment = "_T" if member == "_T" else "country"
    facts = {"obs_value": numerator / denominator, "numerator": numerator, "denominator": denominator}
    return {"segment": segment, "member": member, "n_obs": 1000, **facts}


def staff(**members: int) -> list[dict[str, Any]]:
    counts = {"_T": sum(members.values()), **members}
    return [
        {"segment": "_T" if m == "_T" else "country", "member": m, "obs_value": float(n), "n_obs": n,
         "n_persons_numerator": n}
        for m, n in counts.items()
    ]  # fmt: skip


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """December and January are closed, February is open and was revised; a KPI of each kind, one held in February."""
    with pytest.MonkeyPatch.context() as patch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("mcp"), patch)
        december, january = cells(90, SE=90), cells(100, SE=75, NO=25)
        for day, february in (("05", 110), ("06", 121)):
            warehouse.now(f"2026-03-{day}T06:00:00")
            warehouse.batch = day
            warehouse.feed("orders", newest_delivery=f"2026-03-{day}T01:00:00+00:00")
            months = {"2025-12": december, "2026-01": january, "2026-02": cells(february, SE=80, NO=february - 80)}
            warehouse.add(kpi(name="Net revenue", description=TEXTS["script"], target=125.0), months)
            cost = {"2026-01": [ratio("_T", 300, 100), ratio("SE", 200, 50), ratio("NO", 100, 50)]}
            cost["2026-02"] = [ratio("_T", 350, 100), ratio("SE", 320, 80), ratio("NO", 30, 20)]
            facts = {"kind": "ratio", "metric_type": "ratio", "additive_segments": False, "direction": "down"}
            warehouse.add(kpi("cost", unit="hours", target=None, **facts), cost)
            heads = {"2026-01": staff(SE=3, NO=10, DK=20), "2026-02": staff(SE=30, NO=10, DK=20)}
            warehouse.add(kpi("heads", protected=True, unit="persons", kind="stock", domain="people"), heads)
            warehouse.add(
                kpi("broken"), {"2025-12": cells(5, SE=5), "2026-01": cells(5, SE=5), "2026-02": cells(-5, SE=-5)}
            )
            score = {"kind": "ratio", "additive_segments": False, "lower_bound": -100.0, "matures_after": "20 days"}
            warehouse.add(kpi("nps", name="NPS", unit="points", **score),
                          {"2026-01": [ratio("_T", 4, 1)], "2026-02": [ratio("_T", -3, 1)]})  # fmt: skip
            warehouse.add(kpi("absent", supplied=False, missing_entities=("tickets",)), {})
            warehouse.judge(*SPAN)
            warehouse.publish(*SPAN)
        yield warehouse


def ask(tool: str, server: Any = None, **arguments: Any) -> dict[str, Any]:
    """The tool's answer; what is wrong about the question as `error`."""

    async def call() -> dict[str, Any]:
        async with Client(server or mcp_server.server()) as client:
            result = await client.call_tool(tool, arguments)
            if result.is_error:
                return {"error": result.content[0].text}  # type: ignore[union-attr]
            answer: dict[str, Any] = result.structured_content
            return answer

    return asyncio.run(call())


def quotable(answer: Any) -> Iterator[dict[str, Any]]:
    """Every value in an answer: each dictionary with the key `value`."""
    if isinstance(answer, dict):
        if "value" in answer and not isinstance(answer["value"], dict):
            yield answer
        answer = list(answer.values())
    for part in answer if isinstance(answer, list) else ():
        yield from quotable(part)


def test_a_value_comes_with_status_unit_vintages_and_definition_version(published: Warehouse) -> None:
    answer = ask("value", kpi="Net revenue", period="2026-02")
    assert (answer["value"], answer["unit"], answer["status"]) == (121.0, "SEK", "provisional")
    assert answer["vintage"] == {"published_on": "2026-03-06", "release": 2}
    assert [(vintage["value"], vintage["revised_by"]) for vintage in answer["vintages"]] == [
        (110.0, None),
        (121.0, "newer source data"),
    ]
    assert answer["quote"] == (
        "Net revenue, February 2026: 121.0\N{NO-BREAK SPACE}SEK (provisional until 2026-03-10; misses the target of"
        " 125.0\N{NO-BREAK SPACE}SEK; published 2026-03-06 in release 2; definition version 1)"
    )
    member = ask("value", kpi="revenue", period="2026-01", segment="country", member="se")
    assert (member["member"], member["value"], member["status"]) == ("SE", 75.0, "normal")
    newest = ask("series", kpi="revenue", last=2)["values"]
    assert [entry["period"] for entry in newest] == ["2026-01", "2026-02"]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("value", {"kpi": "heads", "period": "2026-01", "segment": "country", "member": "SE"}),
        ("series", {"kpi": "cost", "segment": "country", "member": "NO"}),
        ("off_target", {}),
        ("why_it_moved", {"kpi": "revenue"}),
    ],
)
def test_no_value_is_without_what_must_be_said_with_it(
    published: Warehouse, tool: str, arguments: dict[str, Any]
) -> None:
    values = list(quotable(ask(tool, **arguments)))
    assert values
    for value in values:
        assert value["status"] and value["definition_version"] == 1
        vintage = value.get("vintage") or value
        assert vintage["published_on"] and vintage["release"]
        if "quote" in value:
            assert f"in release {vintage['release']}; definition version 1" in value["quote"] and value["unit"]


def test_a_suppressed_value_is_no_missing_one_and_nothing_is_computed_from_it(published: Warehouse) -> None:
    hidden = ask("value", kpi="heads", period="2026-01", segment="country", member="SE")
    assert hidden["value"] is None and hidden["status"] == "suppressed"
    assert hidden["quote"].startswith("Heads (country SE), January 2026: suppressed (published 2026-03-05")
    (segment,) = ask("why_it_moved", kpi="heads", period="2026-02")["segments"]
    assert segment["suppressed_values"] == 2 and "unknown" in segment["note"]
    assert not any("adds_to_change" in member for member in segment["members"])


def test_why_a_total_moved(published: Warehouse) -> None:
    answer = ask("why_it_moved", kpi="revenue", period="2026-02")
    assert answer["change"] == {"absolute": 21.0, "relative": 0.21}
    (country,) = answer["segments"]
    assert [(member["member"], member["adds_to_change"]) for member in country["members"]] == [
        ("NO", 16.0),
        ("SE", 5.0),
    ]
    assert answer["data"] == ["2026-02 is provisional until 2026-03-10."]

    answer = ask("why_it_moved", kpi="cost", period="2026-02")
    numerator, denominator = answer["parts_of_the_ratio"]
    assert (numerator["before"], numerator["after"], numerator["adds_to_change"]) == (300.0, 350.0, 0.5)
    assert denominator["adds_to_change"] == 0  # it is 100 in both months
    (country,) = answer["segments"]
    added = {member["member"]: member for member in country["members"]}
    # SE stays at 4 hours and its share grows from 1/2 to 4/5; NO falls from 2 to 1.5 hours. All have 3, then 3.5 hours.
    assert added["SE"]["of_this_by_its_own_ratio"] == 0
    assert added["SE"]["of_this_by_its_share"] == pytest.approx(0.3 * (4 - 3.25))
    assert added["NO"]["of_this_by_its_own_ratio"] == pytest.approx((0.5 + 0.2) / 2 * -0.5)
    assert added["NO"]["of_this_by_its_share"] == pytest.approx(-0.3 * (1.75 - 3.25))
    assert sum(member["adds_to_change"] for member in added.values()) == pytest.approx(answer["change"]["absolute"])


@pytest.fixture
def edited(published: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Runs SQL on a copy of the published file, which is the one that is asked from then on."""
    warehouse_factory.copy(published, tmp_path / "data", monkeypatch)

    def run(sql: str) -> None:
        with duckdb.connect(str(deployment.published_path())) as connection:
            connection.execute(sql)

    return run


def test_a_week_53_has_no_year_before_to_compare_with(edited: Callable[[str], None]) -> None:
    edited("update kpi.catalog set freqs = 'W, M' where kpi_id = 'revenue'")
    edited(
        "insert into kpi.observations select * replace ('W' as freq, '2020-W53' as time_period)"
        " from kpi.observations where kpi_id = 'revenue' and time_period = '2026-01'"
    )
    answer = ask("why_it_moved", kpi="revenue", period="2020-W53", compared_with="year_ago")
    assert answer["value"]["value"] == 100.0
    assert answer["compared_with"]["quote"] == "Net revenue had no week 53 in 2019."


def test_a_file_of_another_version_is_one_clear_line(edited: Callable[[str], None]) -> None:
    edited("alter table kpi.catalog rename column formula to formulas")
    edited("alter table kpi.scorecard rename column status to state")
    for tool, arguments in (("off_target", {}), ("list_kpis", {}), ("value", {"kpi": "revenue"})):
        error = ask(tool, **arguments)["error"]
        assert "was made by another version of nyckeltal; `kpi ledger rebuild` makes it anew" in error
        assert "Binder" not in error and "\n" not in error


def test_a_member_that_comes_or_goes_adds_its_whole_part() -> None:
    facts = {"obs_status": "A", "definition_version": 1, "provisional_until": None, "held": False, "verdict": "publish",
             "change_kind": "relative"}  # fmt: skip
    before = [{**ratio("_T", 300, 100), **facts}, {**ratio("SE", 300, 100), **facts}]
    after = [{**ratio("_T", 450, 150), **facts}, {**ratio("NO", 450, 150), **facts}]
    (country,) = movement(after, before)["segments"]
    assert sum(member["adds_to_change"] for member in country["members"]) == pytest.approx(0)
    after[1] = {**ratio("NO", 440, 150), **facts}
    (country,) = movement(after, before)["segments"]
    assert country["note"] and "adds_to_change" not in country["members"][0]


def test_an_id_counts_before_a_name_and_members_may_differ_in_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = warehouse_factory.make(tmp_path, monkeypatch)
    warehouse.add(kpi("a_margin", name="Revenue"), {"2026-02": cells(7, SE=7)})
    warehouse.add(kpi(), {"2026-02": cells(100, SE=60, se=40)})
    warehouse.judge("2026-02-01", "2026-02-28")
    warehouse.publish("2026-02-01", "2026-02-28")
    assert ask("value", kpi="revenue")["value"] == 100.0
    for member, value in (("SE", 60.0), ("se", 40.0)):
        assert ask("value", kpi="revenue", segment="country", member=member)["value"] == value


def test_why_there_is_no_value(published: Warehouse) -> None:
    held = ask("value", kpi="broken", period="2026-02")
    assert held["value"] is None and "is held until someone decides: bounds: " in held["quote"]
    assert "doesn't supply tickets" in ask("value", kpi="absent")["quote"]
    assert "begin on 2023-01-01" in ask("value", kpi="revenue", period="2022-01")["quote"]
    assert "isn't published" in ask("value", kpi="revenue", period="2026-03")["quote"]


def test_kpis_are_listed_searched_and_defined(published: Warehouse) -> None:
    listed = {entry["kpi_id"]: entry for entry in ask("list_kpis")["kpis"]}
    assert set(listed) == {"revenue", "cost", "heads", "broken", "nps", "absent"}
    assert (listed["absent"]["status"], listed["absent"]["newest"]) == ("not supplied", None)
    assert listed["broken"]["periods_held"] == 1
    assert [entry["kpi_id"] for entry in ask("list_kpis", search="NET growth")["kpis"]] == ["revenue"]
    assert [entry["kpi_id"] for entry in ask("list_kpis", domain="people")["kpis"]] == ["heads"]
    meaning = ask("definition", kpi="cost")
    assert (meaning["unit"], meaning["objective_name"], meaning["definition_version"]) == ("hours", "Growth", 1)
    assert meaning["freqs"] == ["M"] and meaning["segments"] == ["country"]
    missed = ask("off_target")
    assert [entry["kpi_id"] for entry in missed["off_target"]] == ["broken", "heads", "revenue"]
    assert missed["number_of_kpis_by_status"] == {
        "no target": 1, "not mature": 1, "not supplied": 1, "off target": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tool", "arguments", "error"),
    [
        ("value", {"kpi": "revenu"}, "no KPI 'revenu' is adopted (did you mean 'revenue'?)"),
        ("value", {"kpi": "revenue", "period": "last month"}, "there is no such period; found 'last month'"),
        ("value", {"kpi": "revenue", "segment": "region"}, "revenue is not cut by that segment"),
        ("value", {"kpi": "revenue", "segment": "country", "member": "FI"}, "expected NO, SE"),
        ("value", {"kpi": "revenue' or 1=1 --"}, "is adopted"),
        ("series", {"kpi": "revenue", "freq": "W"}, "revenue is not published weekly"),
        ("list_kpis", {"domain": "finanse"}, "did you mean 'finance'?"),
    ],
)
def test_a_wrong_question_is_told_in_one_line(
    published: Warehouse, tool: str, arguments: dict[str, Any], error: str
) -> None:
    refusal = ask(tool, **arguments)["error"]
    assert error in refusal and "\n" not in refusal


def test_the_command_serves_a_client_over_standard_input_and_output(published: Warehouse) -> None:
    before = {path: path.stat().st_mtime_ns for path in deployment.data_dir().rglob("*")}
    command = [sys.executable, "-m", "orchestration.cli.app", "mcp"]
    environment = {name: value for name, value in os.environ.items() if name.startswith(("NYCKELTAL_", "PATH"))}

    async def talk() -> tuple[Any, Any, Any]:
        parameters = StdioServerParameters(command=command[0], args=command[1:], env=environment, cwd=PROJECT)
        async with Client(parameters) as client:
            return client.instructions, await client.list_tools(), await client.call_tool("value", {"kpi": "revenue"})

    instructions, listed, answer = asyncio.run(talk())
    assert "vintage" in instructions and answer.structured_content["value"] == 121.0
    assert len(listed.tools) == 13
    assert all(tool.description and tool.annotations.read_only_hint for tool in listed.tools)
    assert {path: path.stat().st_mtime_ns for path in deployment.data_dir().rglob("*")} == before


def test_before_the_first_release_the_assistant_is_told_so(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path_factory.mktemp("empty")))
    assert "nothing has been published yet" in ask("off_target")["error"]


def test_against_the_target_it_tells_the_gap_and_what_changed_since(published: Warehouse) -> None:
    answer = ask("why_it_moved", kpi="revenue", period="2026-02", compared_with="target")
    assert answer["against_target"] == {
        "target": 125.0, "target_to": None, "gap": -4.0, "since": "2026-01", "target_then": 125.0,
        "target_to_then": None,
        "gap_then": -25.0, "change_since": 21.0,
        "by_change_of_target": 0.0,
    }  # fmt: skip
    words = [sentence.replace("\N{NO-BREAK SPACE}", " ") for sentence in answer["in_words"]]
    assert words == [
        "Net revenue was 121.0 SEK in February 2026: 21.00 SEK (21.0 %) more than in January 2026, 100.0 SEK.",
        "It misses the target of 125.0 SEK by 4.00 SEK.",
        "In January 2026 it missed it by 25.00 SEK; since then it has changed by +21.00 SEK.",
        "By country: NO +16.00 SEK; SE +5.00 SEK.",
    ]
    printed = " ".join(kpi_command("why", "revenue", "2026-02", "--against", "target").stdout.split())
    assert " ".join(words[:3]) in printed.replace("\N{NO-BREAK SPACE}", " ")
    assert "has no target" in ask("why_it_moved", kpi="cost", compared_with="target")["error"]


def test_kpi_why_tells_the_same_in_a_terminal(published: Warehouse) -> None:
    printed = " ".join(kpi_command("why", "cost", "2026-02").stdout.split())
    assert "3.50 hours in February 2026: 0.50 hours (16.7 %) more than in January 2026" in printed
    assert "by its share" in printed and "+0.45 hours" in printed
    assert "what each member adds isn't told" in kpi_command("why", "heads", "2026-02").stdout
    missing = kpi_command("why", "cost", "2026-01").stdout
    assert missing.startswith("There is nothing to compare:\nCost, December 2025: missing")
    assert "isn't published" in kpi_command("why", "cost", "2027-01").stdout
    assert "did you mean 'cost'" in kpi_command("why", "costs").stderr


def test_of_a_cohort_that_is_not_mature_it_is_said_first(published: Warehouse) -> None:
    answer = ask("why_it_moved", kpi="nps", period="2026-02")
    assert answer["change"] == {"absolute": -7.0, "relative": None}
    printed = " ".join(kpi_command("why", "nps", "2026-02").stdout.split())  # in a narrow terminal, too
    assert printed.startswith(answer["not_mature"]) and "Later events still count for February 2026" in printed
    assert "7.00 points less than in January 2026" in printed
    assert ask("why_it_moved", kpi="cost", period="2026-02")["not_mature"] is None
