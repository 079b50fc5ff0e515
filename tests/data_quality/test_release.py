"""The release: nothing bypasses the gate, and nothing is published twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data_quality.ledger.store import Ledger
from data_quality.release import release
from data_quality.release.comparison import vintages
from metrics.core import deployment
from metrics.core.errors import NyckeltalError
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, cells, kpi

SPAN = ("2026-01-01", "2026-02-28")
GOOD = {"2026-01": cells(100, SE=75, NO=25), "2026-02": cells(110, SE=80, NO=30)}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse with two judged months."""
    with pytest.MonkeyPatch.context() as patch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("judged"), patch)
        warehouse.add(kpi(), GOOD)
        warehouse.judge(*SPAN)
        yield warehouse


@pytest.fixture
def warehouse(judged: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    return warehouse_factory.copy(judged, tmp_path, monkeypatch)


def ledger() -> Ledger:
    return Ledger.open(deployment.ledger_path())


def counts() -> tuple[int, int, int]:
    """The number of releases, committed observations and committed verdicts."""
    opened = ledger()
    return len(opened.releases), opened.observations.num_rows, opened.verdicts.num_rows


def reasons(outcome: release.Release) -> set[str]:
    return {held.reason for held in outcome.held}


def test_publishing_appends_what_passed_and_renders_the_file(warehouse: Warehouse) -> None:
    warehouse.add(kpi("other"), {"2026-01": cells(1, SE=1), "2026-02": cells(-5, SE=-5)})
    warehouse.judge(*SPAN)
    outcome = warehouse.publish(*SPAN)
    assert (outcome.published, outcome.appended_observations) == (3, 8)
    assert (outcome.unchanged, outcome.sequence) == (0, 1)
    assert [(held.kpi_id, held.time_period, held.checks) for held in outcome.held] == [
        ("other", "2026-02", ("bounds",))
    ]
    assert counts() == (1, 8, 4)
    assert warehouse.published(
        "select time_period, obs_value, previous_value, round(change_previous, 6), target, target_attained, obs_status"
        " from kpi.observations where kpi_id = 'revenue' and segment = '_T' order by 1"
    ) == [("2026-01", 100.0, None, None, 100.0, True, "A"), ("2026-02", 110.0, 100.0, 0.1, 100.0, True, "P")]
    verdicts = warehouse.published(
        "select verdict, reason from kpi.verdicts where kpi_id = 'other' order by time_period"
    )
    assert verdicts[0] == ("publish", "")
    assert verdicts[1][0] == "hold" and verdicts[1][1].startswith("bounds: 2 values outside")
    assert warehouse.published("select count(*), count(distinct release_id) from kpi.releases") == [(1, 1)]


def test_the_same_again_appends_nothing(warehouse: Warehouse) -> None:
    warehouse.release(*SPAN)
    before = counts()
    warehouse.now("2026-03-05T07:00:00")
    warehouse.batch = "batch2"
    warehouse.add(kpi(), dict(reversed(GOOD.items())))
    warehouse.judge(*SPAN)
    again = warehouse.release(*SPAN)
    assert (again.release_id, again.sequence, again.unchanged, again.published) == (None, 1, 6, 2)
    assert counts() == before


def test_without_a_verdict_nothing_is_published(warehouse: Warehouse) -> None:
    warehouse.sql("drop table kpi.verdicts")
    outcome = warehouse.publish(*SPAN)
    assert (outcome.published, outcome.release_id) == (0, None)
    assert reasons(outcome) == {"was not judged"}
    assert not deployment.published_path().exists()


def refuse(warehouse: Warehouse, reason: str) -> None:
    """Publish, and check that both months are held for the reason and no observation is appended."""
    outcome = warehouse.release(*SPAN)
    assert outcome.published == outcome.appended_observations == 0
    assert all(reason in held.reason for held in outcome.held) and len(outcome.held) == 2
    assert ledger().observations.num_rows == 0


def test_a_verdict_of_an_older_batch_does_not_count(warehouse: Warehouse) -> None:
    warehouse.batch = "batch2"
    warehouse.add(kpi(), GOOD)
    refuse(warehouse, "newest batch")


def test_a_build_that_failed_after_the_verdict_is_not_published(warehouse: Warehouse) -> None:
    warehouse.batch = "batch2"
    warehouse.built("revenue", ok=False, reason="broken")
    refuse(warehouse, "no candidate of a build that succeeded")


def test_rows_altered_after_the_verdict_are_not_published(warehouse: Warehouse) -> None:
    warehouse.sql("update kpi.kpi_revenue set obs_value = obs_value + 0.001 where member = 'SE'")
    refuse(warehouse, "not the one that was judged")


def test_a_definition_changed_after_the_verdict_is_not_published(warehouse: Warehouse) -> None:
    warehouse.kpis = [kpi(definition_hash="def2")]
    refuse(warehouse, "another definition")


def test_a_forged_verdict_does_not_count(warehouse: Warehouse) -> None:
    warehouse.add(kpi(), {month: cells(-5, SE=-5) for month in GOOD})
    verdict = warehouse.judge(*SPAN)["revenue", "2026-01"]
    assert verdict.verdict == "hold"
    warehouse.sql("update kpi.verdicts set verdict = 'publish'")
    refuse(warehouse, "was not judged")
    warehouse.judge(*SPAN)
    warehouse.sql("update kpi.verdicts set verdict = 'publish', checks = replace(checks, '\"fail\"', '\"pass\"')")
    refuse(warehouse, "was not judged")
    warehouse.judge(*SPAN)
    warehouse.sql(
        "insert into kpi.verdicts by name select * replace ('publish' as verdict, '[]' as checks,"
        " judged_at + interval 1 hour as judged_at) from kpi.verdicts"
    )
    refuse(warehouse, "values outside")


def test_a_sealed_verdict_on_another_hash_or_with_a_failing_check_does_not_count(warehouse: Warehouse) -> None:
    """Even with the secret key a failing value can't be published: the verdict is computed again from the checks."""
    from dataclasses import replace

    from data_quality.gate import verdict

    warehouse.add(kpi(), {month: cells(-5, SE=-5) for month in GOOD})
    held = list(warehouse.judge(*SPAN).values())
    for forged in (
        [replace(judged, verdict="publish") for judged in held],
        [replace(judged, verdict="publish", checks=()) for judged in held],
        [
            replace(judged, candidate_hash="other", checks=tuple(replace(c, outcome="pass") for c in judged.checks))
            for judged in held
        ],
    ):
        with duckdb.connect(str(warehouse.path)) as connection:
            verdict.store(connection, forged)
        outcome = warehouse.release(*SPAN)
        assert outcome.published == 0 and len(outcome.held) == 2


def hold_january(warehouse: Warehouse) -> str:
    """Give January a value out of bounds, and judge; the hash of its candidate."""
    warehouse.add(kpi(), {**GOOD, "2026-01": cells(-100, SE=-75, NO=-25)})
    return str(warehouse.judge(*SPAN)["revenue", "2026-01"].candidate_hash)


def decide(hashed: str, decision: Any = "release", checks: tuple[str, ...] = ("bounds",)) -> None:
    ledger().decide(
        "revenue",
        decision,
        reason="credits",
        decided_by="cfo",
        freq="M",
        time_period="2026-01",
        candidate_hash=hashed,
        checks=checks,
    )


def test_a_decision_on_the_hash_that_names_every_failing_check_publishes(warehouse: Warehouse) -> None:
    hashed = hold_january(warehouse)
    assert warehouse.release(*SPAN).published == 1
    decide("another hash")
    decide(hashed, checks=("expected_range",))
    assert warehouse.release(*SPAN).published == 1
    warehouse.now("2026-03-05T07:00:00")
    decide(hashed)
    outcome = warehouse.release(*SPAN)
    assert (outcome.published, outcome.appended_observations) == (2, 3)
    rows = ledger().observations.to_pylist()
    assert {bool(row["decision_id"]) for row in rows if row["time_period"] == "2026-01"} == {True}
    assert {bool(row["decision_id"]) for row in rows if row["time_period"] == "2026-02"} == {False}
    warehouse.sql("update kpi.kpi_revenue set obs_value = obs_value * 2 where time_period = '2026-01'")
    warehouse.judge(*SPAN)
    assert warehouse.release(*SPAN).published == 1  # the decision was on other content


def test_a_later_rejection_revokes_a_release_and_holds_what_passes(warehouse: Warehouse) -> None:
    hashed = hold_january(warehouse)
    decide(hashed)
    warehouse.now("2026-03-05T07:00:00")
    decide(hashed, "reject", ())
    outcome = warehouse.release(*SPAN)
    assert outcome.published == 1 and reasons(outcome) == {"was rejected: credits"}


def test_a_revision_appends_only_what_changed_and_as_of_shows_both(warehouse: Warehouse) -> None:
    warehouse.release(*SPAN)
    warehouse.now("2026-03-08T06:00:00")
    warehouse.feed("orders", newest_delivery=datetime(2026, 3, 8, tzinfo=UTC))
    warehouse.batch = "batch2"
    warehouse.add(kpi(), {**GOOD, "2026-02": cells(120, SE=90, NO=30)})
    warehouse.judge(*SPAN)
    outcome = warehouse.release(*SPAN)
    assert (outcome.appended_observations, outcome.unchanged) == (2, 4)
    total = "where segment = '_T' and time_period = '2026-02'"
    columns = "obs_value, realtime_start, realtime_end, revision_type, obs_status"
    history = f"select {columns} from kpi.vintages {total} order by sequence"
    assert warehouse.published(history) == [
        (110.0, date(2026, 3, 5), date(2026, 3, 7), None, "P"),
        (120.0, date(2026, 3, 8), date(9999, 12, 31), "R1", "P"),
    ]
    for moment, value in (
        ("'2026-03-04'", None),
        ("'2026-03-05'", 110.0),
        ("date '2026-03-07'", 110.0),
        ("'2026-03-08'", 120.0),
        ("timestamptz '2026-03-05 05:59:59+00'", None),
        ("timestamptz '2026-03-08 05:59:59+00'", 110.0),
        ("timestamptz '2026-03-08 06:00:00+00'", 120.0),
    ):
        assert warehouse.published(f"select max(obs_value) from kpi.as_of({moment}) {total}") == [(value,)]
    between = "select obs_value from kpi.vintages {} and date '{}' between realtime_start and realtime_end"
    assert warehouse.published(between.format(total, "2026-03-06")) == [(110.0,)]
    warehouse.now("2026-03-20T06:00:00")
    closed = warehouse.release(*SPAN)  # the same verdicts; the calendar has closed February
    assert closed.appended_observations == 3
    assert warehouse.published(history)[-1][1:] == (date(2026, 3, 20), date(9999, 12, 31), None, "A")


def test_the_last_release_of_a_day_counts(warehouse: Warehouse) -> None:
    warehouse.release(*SPAN)
    warehouse.now("2026-03-05T09:00:00")
    warehouse.feed("orders", newest_delivery=datetime(2026, 3, 5, 8, tzinfo=UTC))
    warehouse.add(kpi(), {**GOOD, "2026-02": cells(120, SE=90, NO=30)})
    warehouse.judge(*SPAN)
    warehouse.release(*SPAN)
    query = "select obs_value from {} where segment = '_T' and time_period = '2026-02'"
    assert warehouse.published(query.format("kpi.as_of('2026-03-05')")) == [(120.0,)]
    assert warehouse.published(
        query.format("kpi.vintages") + " and date '2026-03-05' between realtime_start and realtime_end"
    ) == [(120.0,)]


def test_a_clock_before_the_last_release_is_refused(warehouse: Warehouse) -> None:
    warehouse.release(*SPAN)
    warehouse.now("2026-03-04T06:00:00")
    with pytest.raises(NyckeltalError, match="clock"):
        warehouse.release(*SPAN)


def test_a_changed_catalogue_is_a_release_of_its_own(warehouse: Warehouse) -> None:
    warehouse.release(*SPAN)
    warehouse.kpis = [kpi(target=200.0)]
    outcome = warehouse.release(*SPAN)
    assert (outcome.sequence, outcome.appended_observations, outcome.appended_verdicts) == (2, 0, 0)
    assert warehouse.published("select bool_or(target_attained) from kpi.observations") == [(False,)]


def test_a_concurrent_release_from_elsewhere_is_followed_by_ours(warehouse: Warehouse) -> None:
    warehouse.release("2026-01-01", "2026-01-31")
    select: Callable[..., Any] = vintages.select
    raced: list[bool] = []

    def race(*arguments: Any, **options: Any) -> Any:
        if not raced:
            raced.append(True)
            nothing = ledger()
            nothing.append(
                nothing.observations.slice(0, 0),
                nothing.verdicts.slice(0, 0),
                realtime_start=date(2026, 3, 5),
                published_at=datetime(2026, 3, 5, 6, tzinfo=UTC),
                catalog=warehouse.catalog.definitions_json,
                batch_id=None,
            )
        return select(*arguments, **options)

    warehouse.monkeypatch.setattr(vintages, "select", race)
    assert warehouse.release(*SPAN).sequence == 3
    assert counts() == (3, 6, 2)


def test_a_missing_data_folder_or_warehouse_is_an_error(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path / "elsewhere"))
    with pytest.raises(NyckeltalError, match="no data folder"):
        warehouse.release(*SPAN)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(NyckeltalError, match="no warehouse"):
        warehouse.release(*SPAN)
