"""A run's verdicts and release stand only while nothing that they depend on has changed since."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest

from data_quality import contents
from data_quality.gate import verdict
from data_quality.gate.verdict import Verdict
from data_quality.ledger.store import Ledger
from orchestration import standing
from orchestration.assets.publication import changed_months
from orchestration.standing import Standing
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, cells, kpi, months

FIRST, LAST = date(2025, 1, 1), date(2026, 2, 28)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Fourteen months, of which the last is held; judged and released."""
    with pytest.MonkeyPatch.context() as patch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("judged"), patch)
        warehouse.add(kpi(), months("2025-01", "2026-01", lambda n: 100.0 + n) | {"2026-02": cells(-5, SE=-5)})
        with duckdb.connect(str(warehouse.path)) as connection:
            contents.record(connection, [("kpi", "kpi_revenue")])
        warehouse.judge(str(FIRST), str(LAST))
        yield warehouse


@pytest.fixture
def warehouse(judged: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    copied = warehouse_factory.copy(judged, tmp_path, monkeypatch)
    standing.record(inputs_of(copied), copied.release(str(FIRST), str(LAST)), verdicts_of(copied))
    return copied


def inputs_of(warehouse: Warehouse) -> str:
    return standing.inputs(warehouse.company, standing.files(warehouse.company))


def verdicts_of(warehouse: Warehouse) -> list[Verdict]:
    with duckdb.connect(str(warehouse.path)) as connection:
        return list(verdict.stored(connection, FIRST, LAST).values())


def stands(warehouse: Warehouse, first: date = FIRST, last: date = LAST) -> bool:
    return of_last_run(warehouse, first, last) is not None


def of_last_run(warehouse: Warehouse, first: date = FIRST, last: date = LAST) -> Standing | None:
    return standing.of_last_run(warehouse.catalog, first, last, inputs_of(warehouse))


def release_elsewhere(warehouse: Warehouse) -> None:
    """Another machine's release of other values, so that the history differs."""
    values = months("2025-01", "2026-01", lambda n: 101.0 + n)
    builds = warehouse.sql("from kpi._builds")
    warehouse.add(kpi(), values)
    warehouse.judge(str(FIRST), str(LAST))
    warehouse.release(str(FIRST), str(LAST))
    warehouse.sql("delete from kpi._builds")
    for row in builds:
        warehouse.sql("insert into kpi._builds values (?, ?, ?, ?, ?)", *row)


def decide(warehouse: Warehouse) -> None:
    warehouse.decide("release", "revenue", "2026-02", reason="a refund", by="cfo@example.com")


def decide_without_release(warehouse: Warehouse) -> None:
    """Another machine's decision, whose release is still to come."""
    ledger = Ledger.open(str(warehouse.path.parent / "ledger"), make=False)
    period = {"freq": "M", "time_period": "2026-02", "candidate_hash": "x", "checks": ["bounds"]}
    ledger.decide("revenue", "release", reason="a refund", decided_by="cfo@example.com", **period)


def observations_file(warehouse: Warehouse) -> Path:
    return next((warehouse.path.parent / "ledger" / "observations").glob("*.parquet"))


def rewrite(file: Path) -> None:
    """The same bytes, written again."""
    file.write_bytes(file.read_bytes())


CHANGES: dict[str, Callable[[Warehouse], object]] = {
    "a decision": decide,
    "a decision alone": decide_without_release,
    "a release": release_elsewhere,
    "a load": lambda warehouse: warehouse.sql("update raw._feeds set watermark = watermark + 1"),
    "a build": lambda warehouse: warehouse.built("revenue"),
    "a new day": lambda warehouse: warehouse.now("2026-03-06T06:00"),
    "a file of the company": lambda warehouse: (warehouse.path.parent / "calendar.yml").write_text("country: SE\n"),
    "another ledger": lambda warehouse: warehouse.monkeypatch.setenv(
        "NYCKELTAL_LEDGER", str(shutil.copytree(warehouse.path.parent / "ledger", warehouse.path.parent / "other"))
    ),
    "an edited candidate": lambda warehouse: warehouse.sql("update kpi.kpi_revenue set obs_value = 1 where freq = 'M'"),
    "a file of the ledger, edited": lambda warehouse: rewrite(observations_file(warehouse)),
    "a file of the ledger, lost": lambda warehouse: observations_file(warehouse).unlink(),
    "an edited verdict": lambda warehouse: warehouse.sql("update kpi.verdicts set verdict = 'publish'"),
    "a lost verdict": lambda warehouse: warehouse.sql("delete from kpi.verdicts where time_period = '2025-03'"),
}


def test_verdicts_and_release_stand_as_another_run_would_make_them(warehouse: Warehouse) -> None:
    warehouse.sql("update raw._feeds set checked_at = now()")  # an ingest that found nothing new
    unchanged = of_last_run(warehouse)
    assert unchanged is not None
    assert [verdict.verdict for verdict in unchanged.verdicts] == [*["publish"] * 13, "hold"]
    assert unchanged.release == warehouse.release(str(FIRST), str(LAST))
    assert [held.time_period for held in unchanged.release.held] == ["2026-02"]


def test_verdicts_stand_for_the_months_that_the_run_judged_and_for_no_others(warehouse: Warehouse) -> None:
    january = of_last_run(warehouse, date(2026, 1, 1), date(2026, 1, 31))
    assert january is not None and [verdict.time_period for verdict in january.verdicts] == ["2026-01"]
    # January is judged again, by a run that finds other inputs; its verdict is equal, and only it stands.
    later = warehouse.judge("2026-01-01", "2026-01-31")
    standing.record(inputs_of(warehouse), warehouse.release(str(FIRST), str(LAST)), list(later.values()))
    assert stands(warehouse, date(2026, 1, 1), date(2026, 1, 31))
    assert not stands(warehouse)


def test_the_newest_release_that_was_reported_is_known_until_its_record_is_lost(warehouse: Warehouse) -> None:
    assert standing.reported_sequence() == 1
    assert changed_months(standing.reported_sequence()) == set()
    decide(warehouse)
    assert standing.reported_sequence() == 1
    assert changed_months(standing.reported_sequence()) == {("revenue", "2026-02")}
    assert ("revenue", "2025-01") in changed_months(0)
    warehouse.sql("drop table kpi._judged")
    assert standing.reported_sequence() == 0
    # As an earlier version kept it.
    warehouse.sql("create table kpi._judged (inputs varchar, ledger varchar, verdicts hugeint, release varchar)")
    warehouse.sql("insert into kpi._judged values ('a', 'b', 1, 'c')")
    assert standing.reported_sequence() == 0
    assert not stands(warehouse)


@pytest.mark.parametrize("change", CHANGES)
def test_verdicts_do_not_stand_after_a_change(warehouse: Warehouse, change: str) -> None:
    assert stands(warehouse)
    CHANGES[change](warehouse)
    assert not stands(warehouse)


def test_verdicts_with_a_check_that_was_not_evaluated_do_not_stand(warehouse: Warehouse) -> None:
    released = warehouse.release(str(FIRST), str(LAST))
    unchanged = of_last_run(warehouse)
    assert unchanged is not None
    judged = unchanged.verdicts[0]
    broken = replace(judged, checks=(replace(judged.checks[0], outcome="not_evaluated"),))
    standing.record(inputs_of(warehouse), released, [broken])
    assert not stands(warehouse)
    standing.record(inputs_of(warehouse), released, unchanged.verdicts)
    assert stands(warehouse)


def test_what_followed_another_release_does_not_stand(warehouse: Warehouse) -> None:
    released = warehouse.release(str(FIRST), str(LAST))
    decide(warehouse)
    standing.record(inputs_of(warehouse), released, verdicts_of(warehouse))
    assert not stands(warehouse)
