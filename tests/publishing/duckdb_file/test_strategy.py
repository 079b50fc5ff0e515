"""The strategy: attainment of the tree of objectives, thresholds of targets, initiatives, teams' goals, where shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from html import unescape
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable

import publishing
from data_quality.ledger.schemas import VERDICTS
from data_quality.ledger.store import Ledger
from metrics.core import clock, deployment
from metrics.core.segments import member_words
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.kpis.adoption import EarlierTarget
from metrics.definitions.objectives import Initiative, Objective, StrategyLabel
from publishing import duckdb_file, mcp_server, reader, site
from publishing.answers.objectives import answer
from tests import warehouse_factory
from tests.command_line import kpi_command
from tests.ledger_factory import observation, table
from tests.warehouse_factory import CALENDAR, kpi

KPIS = [
    kpi("revenue", name="Net revenue", objective="growth", target=100.0, target_freq="M", target_tolerance=10.0,
        target_source="benchmark", target_rationale="As others in <b>Sweden</b>", target_by_period={"2026-03": 300.0}),
    kpi("orders", objective="growth", level="supporting"),
    kpi("cost", objective="service", direction="down", target=100.0, target_tolerance=10.0),
    kpi("delivery", objective="service"),
    kpi("context", objective="range", target=None, target_note="for context"),
    kpi("goals", objective="work", unit="fraction", target=0.7, protected=True, freqs=("Q",),
        segments=("kpi_served", "team", "kpi_served:team")),
]  # fmt: skip
OBJECTIVES = {
    "work": Objective(name="A good place to work", perspective="learning"),
    "growth": Objective(name="Growth", perspective="financial", owner="ceo@example.com", horizon=date(2027, 12, 31),
                        labels={"sv": StrategyLabel(name="Tillväxt", description="Sälj mer.")}),
    "service": Objective(name="Service", perspective="process", part_of="growth", weight=3),
    "range": Objective(name="Range", perspective="learning", part_of="growth"),
    "empty": Objective(name="Nobody's", perspective="customer"),
}  # fmt: skip
INITIATIVES = {
    name: Initiative(name=name, objective="service", owner="coo@example.com", since=since, until=until, kpi="delivery")
    for name, since, until in (
        ("past", date(2025, 1, 1), date(2026, 3, 4)),
        ("present", date(2026, 3, 5), date(2026, 3, 5)),
        ("future", date(2026, 3, 6), date(2026, 9, 1)),
    )
}
CATALOG = Catalog(
    company="Test", reporting_currency="SEK", calendar=CALENDAR, objectives=OBJECTIVES, initiatives=INITIATIVES,
    kpis=tuple(KPIS),
)  # fmt: skip


def goals(segment: str, member: str, score: float | None, weight: float | None) -> dict[str, Any]:
    facts = {"freq": "Q", "time_period": "2025-Q4", "period_start": date(2025, 10, 1), "period_end": date(2025, 12, 31)}
    hidden = {"obs_status": "Q", "conf_status": "C"} if score is None else {}
    return observation(kpi_id="goals", segment=segment, member=member, obs_value=score, denominator=weight, **facts,
                       **hidden)  # fmt: skip


def release(rows: list[dict[str, Any]], day: date, catalog: Catalog = CATALOG) -> None:
    Ledger.open(deployment.ledger_path()).append(
        table(rows), table([], VERDICTS), realtime_start=day,
        published_at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC), catalog=catalog.definitions_json,
        batch_id="b",
    )  # fmt: skip
    publishing.publish()


def query(sql: str) -> list[Any]:
    with duckdb.connect(str(deployment.published_path()), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module", autouse=True)
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """January's release: revenue on target, cost at risk, delivery off target, context without one; goals of teams."""
    with pytest.MonkeyPatch.context() as patch:
        warehouse_factory.point_at(tmp_path_factory.mktemp("objectives"), patch)
        values = {"revenue": 100.0, "orders": 1.0, "cost": 110.0, "delivery": 99.0, "context": 5.0}
        rows = [observation(kpi_id=kpi_id, obs_value=value) for kpi_id, value in values.items()]
        rows += [
            goals("_T", "_T", 0.6, 100.0),
            goals("team", "Stores", 0.5, 60.0), goals("team", "Service", 0.75, 40.0),
            goals("kpi_served", "cost", 0.5, 40.0), goals("kpi_served", "delivery", 0.6, 40.0),
            goals("kpi_served", "unknown_kpi", 0.9, 20.0),
            goals("kpi_served:team", "cost:Stores", 0.4, 30.0), goals("kpi_served:team", "cost:Service", 0.8, 10.0),
            goals("kpi_served:team", "delivery:Stores", 0.6, 40.0),
            goals("kpi_served:team", "delivery:Few", None, None),
        ]  # fmt: skip
        release(rows, date(2026, 3, 5))
        yield


def test_a_value_that_misses_its_target_within_the_tolerance_is_at_risk() -> None:
    statuses = "select kpi_id, status from kpi.scorecard where level = 'key' order by 1"
    assert query(statuses) == [
        ("context", "no target"), ("cost", "at risk"), ("delivery", "off target"), ("goals", "off target"),
        ("revenue", "on target"),
    ]  # fmt: skip
    attained = "select target_status, target_attained from kpi.observations where kpi_id = 'cost'"
    assert query(attained) == [("at risk", False)]


@pytest.mark.parametrize(
    ("direction", "value", "status"),
    [
        ("up", 89.99, "off target"), ("up", 90.0, "at risk"), ("up", 100.0, "on target"), ("none", 50.0, None),
        ("down", 100.0, "on target"), ("down", 110.0, "at risk"), ("down", 110.01, "off target"),
        ("band", 89.99, "off target"), ("band", 90.0, "at risk"), ("band", 100.0, "on target"),
        ("band", 120.0, "on target"), ("band", 130.0, "at risk"), ("band", 130.01, "off target"),
        ("band without one", 100.0, None),
    ],
)  # fmt: skip
def test_the_thresholds_go_by_the_direction(
    direction: str, value: float, status: str | None, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse_factory.point_at(tmp_path, monkeypatch)
    target_to = 120.0 if direction == "band" else None
    entry = kpi(direction=direction.split()[0], target_tolerance=10.0, target_to=target_to)
    ledger = Ledger.open(deployment.ledger_path())
    catalog = CATALOG.model_copy(update={"kpis": (entry,), "initiatives": {}})
    ledger.append(
        table([observation(obs_value=value)]), table([], VERDICTS), realtime_start=date(2026, 3, 5),
        published_at=datetime(2026, 3, 5, tzinfo=UTC), catalog=catalog.definitions_json, batch_id="b",
    )  # fmt: skip
    duckdb_file.build(Ledger.open(deployment.ledger_path()), deployment.published_path())
    assert query("select target_status from kpi.observations") == [(status,)]


def targets(**fields: Any) -> list[tuple[Any, ...]]:
    entry: CatalogKpi = kpi(**fields)
    return [(target.value, target.valid_from, target.valid_to, target.at_risk) for target in entry.targets]


def test_single_periods_have_targets_of_their_own_between_those_that_are_stated() -> None:
    assert targets(target_by_period={"2026-02": 80.0, "2026-03": 120.0, "2026-11": 130.0}) == [
        (100.0, None, date(2026, 1, 31), None),
        (80.0, date(2026, 2, 1), date(2026, 2, 28), None),
        (120.0, date(2026, 3, 1), date(2026, 3, 31), None),
        (100.0, date(2026, 4, 1), date(2026, 10, 31), None),
        (130.0, date(2026, 11, 1), date(2026, 11, 30), None),
        (100.0, date(2026, 12, 1), None, None),
    ]
    earlier = (EarlierTarget(value=70, since=date(2025, 1, 1), tolerance=7),)
    assert targets(target_since=date(2026, 1, 1), earlier_targets=earlier, target_by_period={"2025-12": 90.0},
                   target_tolerance=5.0) == [
        (70.0, date(2025, 1, 1), date(2025, 11, 30), 63.0),
        (90.0, date(2025, 12, 1), date(2025, 12, 31), 85.0),
        (100.0, date(2026, 1, 1), None, 95.0),
    ]  # fmt: skip
    band = kpi(direction="band", target_to=120.0, target_tolerance=5.0, target_since=date(2026, 1, 1),
               earlier_targets=(EarlierTarget(band=(80, 90), since=date(2025, 1, 1)),))  # fmt: skip
    assert [tuple(vars(target).values()) for target in band.targets] == [
        (80.0, date(2025, 1, 1), date(2025, 12, 31), None, 90.0, None),
        (100.0, date(2026, 1, 1), None, 95.0, 120.0, 125.0),
    ]
    assert query("select target, at_risk, source, rationale from kpi.targets where kpi_id = 'revenue'") == [
        (value, value - 10, "benchmark", "As others in <b>Sweden</b>") for value in (100.0, 300.0, 100.0)
    ]


def test_attainment_rolls_up_by_weight_and_leaves_out_what_is_not_judged() -> None:
    columns = "objective, part_of, attainment, kpis_on_target, kpis_at_risk, kpis_off_target, kpis_not_judged"
    assert query(f"select {columns}, kpis_supporting from kpi.objectives order by objective") == [
        ("empty", None, None, 0, 0, 0, 0, 0),
        ("growth", None, (1 + 3 * 0.25) / 4, 1, 1, 1, 1, 1),  # range has no judged KPI, so that it weighs nothing
        ("range", "growth", None, 0, 0, 0, 1, 0),
        ("service", "growth", (0.5 + 0) / 2, 0, 1, 1, 0, 0),
        ("work", None, 0.0, 0, 0, 1, 0, 0),
    ]


def test_each_month_has_the_attainment_by_what_had_ended_then() -> None:
    history = "select time_period, objective, attainment from kpi.attainment order by all"
    assert query(history) == [  # of October and November nothing is judged; the quarter of the goals ends with December
        ("2025-12", "work", 0.0), ("2026-01", "growth", 0.4375), ("2026-01", "service", 0.25), ("2026-01", "work", 0.0),
    ]  # fmt: skip
    ended = "select count(*) from kpi.attainment where period_end <> last_day(period_end)"
    assert query(ended) == [(0,)]


def test_an_initiative_is_under_way_from_its_first_to_its_last_day() -> None:
    assert query("select initiative, state, kpi_id from kpi.initiatives order by since") == [
        ("past", "ended", "delivery"), ("present", "under way", "delivery"), ("future", "planned", "delivery"),
    ]  # fmt: skip


def test_team_goals_tell_which_teams_carry_an_objective_by_what_is_published() -> None:
    columns = "kpi_served, team, objective, attainment, round(share_of_objective, 3), status"
    assert query(f"select {columns} from kpi.team_goals where team <> '_T' and kpi_served <> '_T'") == [
        ("cost", "Service", "service", 0.8, 0.125, "normal"),
        ("cost", "Stores", "service", 0.4, 0.375, "normal"),
        ("delivery", "Few", "service", None, None, "suppressed"),
        ("delivery", "Stores", "service", 0.6, 0.5, "normal"),
    ]
    assert query(f"select {columns} from kpi.team_goals where team = '_T' or kpi_served = '_T'") == [
        ("_T", "Service", None, 0.75, None, "normal"),
        ("_T", "Stores", None, 0.5, None, "normal"),
        ("cost", "_T", "service", 0.5, 0.5, "normal"),
        ("delivery", "_T", "service", 0.6, 0.5, "normal"),
        ("unknown_kpi", "_T", None, 0.9, None, "normal"),
    ]


def test_the_command_prints_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    for width in ("80", "100"):
        monkeypatch.setenv("COLUMNS", width)
        printed = kpi_command("objectives").stdout
        assert max(map(len, printed.splitlines())) <= int(width)
        text = " ".join(re.sub("[├─│└]", " ", printed).split())
        assert text.index("Financial Growth") < text.index("Service") < text.index("Customer Nobody's")
        assert (
            "44 % attained: 1 on target, 1 at risk, 1 off target, 1 not judged; ceo@example.com; by 31 Dec 2027" in text
        )
        assert "✓ Net revenue: 100.0 SEK in January 2026; target 100.0 SEK a month" in text
        assert "~ Cost: 110.0 SEK in January 2026" in text and "· Context: 5.00 SEK in January 2026; no target" in text
        assert "Initiative: present (under way), to move Delivery" in text
        assert "Goals of teams, Q4 2025 Stores for Delivery: 60 % attained, 50 % of the objective's goals" in text
        assert "Few" not in text
        assert "not judged: 1 not judged" in text and "no key KPI serves it; no owner; no horizon" in text


def test_programs_and_assistants_get_the_tree_as_data() -> None:
    answered = json.loads(kpi_command("objectives", "--json").stdout)
    assert json.dumps(mcp_server.objectives(), default=str) == json.dumps(answered)
    by_key = {row["objective"]: row for row in answered["objectives"]}
    assert list(by_key) == ["growth", "range", "service", "empty", "work"]
    assert [row["depth"] for row in answered["objectives"]] == [0, 1, 1, 0, 0]
    assert [row["kpi_id"] for row in by_key["growth"]["kpis"]] == ["revenue", "orders"]


def text_of(name: str) -> str:
    page = (deployment.site_path().parent / name).read_text(encoding="utf-8")
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split()).replace("\N{NO-BREAK SPACE}", " ")


def test_the_page_of_the_objectives_shows_all_that_serves_them() -> None:
    text = text_of("objectives.html")
    assert "Growth ceo@example.com · by 31 Dec 2027 44 % 1 on target, 1 at risk, 1 off target, 1 not judged" in text
    assert "Service no owner · no horizon · weight 3 25 %" in text
    assert "Net revenue On target 100.0 SEK Jan 2026 100.0 SEK a month" in text
    assert "future → Delivery planned, 6 Mar 2026 – 1 Sep 2026, coo@example.com" in text
    heads = "Team KPI served Attained Share of the objective's goals"
    assert f"Goals of teams, Q4 2025 {heads} Stores Delivery 60 %" in text
    assert "44 % attained · ceo@example.com · by 31 Dec 2027" in text_of("index.html")
    assert 'id="service" style="--depth: 1"' in (deployment.site_path().parent / "objectives.html").read_text()


def test_a_kpis_page_names_the_path_of_its_objective_and_where_its_target_comes_from() -> None:
    text = text_of("kpi-revenue.html")
    assert "at least 100.0 SEK for January 2026; it varies At risk down to 90.00 SEK, off target below it." in text
    assert "From a benchmark, what others reach. As others in <b>Sweden</b>" in text
    assert "Targets of single periods Mar 2026 300.0 SEK others 100.0 SEK" in text
    assert "present (under way, 5 Mar 2026 – 5 Mar 2026)" in text_of("kpi-delivery.html")
    assert "Growth › Service (key, lagging)" in text_of("kpi-cost.html")
    assert "At risk up to 110.0 SEK, off target above it." in text_of("kpi-cost.html")
    assert "Stores" in text_of("kpi-goals.html") and "Delivery × Stores" in text_of("kpi-goals.html")


def test_the_page_is_in_swedish_with_the_labels() -> None:
    pages = dict(site.render(CATALOG, deployment.published_path(), "sv"))
    assert "Tillväxt" in pages["objectives.html"] and "Growth" not in pages["objectives.html"]
    assert "Verksamhetsmål" in pages["objectives.html"] and "pågår" in pages["objectives.html"]


def test_a_member_that_is_a_kpi_is_shown_by_its_name() -> None:
    names = {"kpi_served": {"cost": "Cost of a parcel"}}
    assert member_words("kpi_served", "cost", names) == "Cost of a parcel"
    assert member_words("kpi_served", "gone", names) == "gone"
    assert member_words("kpi_served:team", "cost:A%3AB", names) == "Cost of a parcel × A:B"
    assert member_words("team", "cost", names) == "cost"


def test_a_release_that_is_added_to_the_file_renews_attainment_and_states(monkeypatch: pytest.MonkeyPatch) -> None:
    february = {"time_period": "2026-02", "period_start": date(2026, 2, 1), "period_end": date(2026, 2, 28)}
    release([observation(kpi_id="delivery", obs_value=100.0, **february)], date(2026, 3, 12))
    assert query("select attainment from kpi.objectives where objective = 'service'") == [((0.5 + 1) / 2,)]
    assert query("select state from kpi.initiatives where initiative = 'future'") == [("under way",)]


def test_attainment_can_be_looked_up_as_it_stood_on_a_past_day(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Delivery was off target in March; in April its value is revised, and January's attainment with it."""
    warehouse_factory.point_at(tmp_path, monkeypatch)
    release([observation(kpi_id="delivery", obs_value=99.0)], date(2026, 3, 5))
    release([observation(kpi_id="delivery", obs_value=101.0)], date(2026, 4, 7))

    def attained(*arguments: str) -> tuple[float, float, int]:
        answer = json.loads(kpi_command("objectives", "--json", *arguments).stdout)
        (service,) = [row for row in answer["objectives"] if row["objective"] == "service"]
        return service["attainment"], service["history"][-1]["attainment"], answer["release"]

    assert attained() == attained("--as-of", "2026-04-07") == (1.0, 1.0, 2)
    assert attained("--as-of", "2026-03-05") == attained("--as-of", "2026-04-06") == (0.0, 0.0, 1)
    assert mcp_server.objectives("2026-03-31")["published_on"] == "2026-03-05"
    too_early = kpi_command("objectives", "--as-of", "2026-03-04")
    assert too_early.returncode == 2 and "nothing was published by 2026-03-04" in too_early.stderr
    last = max(clock.today("Europe/Stockholm"), date(2026, 4, 7))
    for command in ("objectives", "report"):
        to_come = kpi_command(command, "--as-of", "2999-01-01")
        assert to_come.returncode == 2 and f"lies in the future; expected {last} at the latest" in to_come.stderr
    no_day = kpi_command("objectives", "--as-of", "March")
    assert no_day.returncode == 2 and "--as-of: is no day" in no_day.stderr
    assert attained() == (1.0, 1.0, 2)  # and the published file is as it was


# Hand-written, on the ledger's files alone: the newest value of revenue by the end of a day, and the target that the
# newest release of that day has.
_BY_THE_LEDGER = """
with made as (
    select sequence, release_id, cast(catalog as json) as catalog from releases where realtime_start <= $day
),
revenue as (
    select obs_value from observations join made using (release_id) where kpi_id = 'revenue'
    order by sequence desc limit 1
),
stated as (
    select catalog->'kpis'->0 as kpi from made order by sequence desc limit 1
),
target as (
    select (kpi->>'target')::double as lower, (kpi->>'target_to')::double as upper from stated
)
select obs_value, lower, upper, obs_value >= lower and obs_value <= coalesce(upper, obs_value) from revenue, target
"""


def test_values_targets_and_attainment_of_a_past_day_are_those_of_the_ledger(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Value and target change, together and apart; on one day twice; a target becomes a band."""
    warehouse_factory.point_at(tmp_path, monkeypatch)
    stated: list[tuple[date, float | None, dict[str, Any]]] = [
        (date(2026, 3, 5), 90.0, {"target": 100.0}),
        (date(2026, 4, 7), 120.0, {"target": 100.0}),
        (date(2026, 4, 7), None, {"target": 130.0}),
        (date(2026, 5, 8), 140.0, {"target": 110.0, "target_to": 125.0, "direction": "band"}),
        (date(2026, 6, 9), 115.0, {"target": 110.0, "target_to": 125.0, "direction": "band"}),
    ]
    for day, value, facts in stated:
        rows = [] if value is None else [observation(kpi_id="revenue", obs_value=value)]
        catalog = CATALOG.model_copy(update={"kpis": (kpi("revenue", objective="growth", **facts),)})
        release(rows, day, catalog)
    ledger = Path(deployment.ledger_path())
    tables = {name: DeltaTable(ledger / name).to_pyarrow_table() for name in ("releases", "observations")}
    with duckdb.connect() as connection:
        for name, rows_of in tables.items():
            connection.register(name, rows_of)
        said, by_ledger = {}, {}
        for day in (date(2026, 3, 5), date(2026, 4, 6), date(2026, 4, 7), date(2026, 5, 8), date(2026, 6, 9)):
            by_ledger[day] = connection.execute(_BY_THE_LEDGER, {"day": day}).fetchone()
            with reader.as_it_stood(day):
                (row,) = reader.query("from kpi.observations where kpi_id = 'revenue'")
            growth = next(row for row in answer(day)["objectives"] if row["objective"] == "growth")
            assert growth["attainment"] == float(row["target_attained"])
            said[day] = (row["obs_value"], row["target"], row["target_to"], row["target_attained"])
    assert said == by_ledger
    assert list(said.values()) == [
        (90, 100, None, False), (90, 100, None, False), (120, 130, None, False), (140, 110, 125, False),
        (115, 110, 125, True),
    ]  # fmt: skip
