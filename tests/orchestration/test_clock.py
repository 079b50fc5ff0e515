"""A wrong clock is an error before anything is ingested; a release made with the clock ahead can be corrected."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import Deployment
from typer.testing import CliRunner

import publishing
from data_quality.ledger.store import Ledger
from data_quality.ledger.verify import verify
from data_quality.release import clock_correction, readiness
from metrics.core import deployment
from metrics.core.errors import NyckeltalError
from orchestration.cli.app import app
from tests import warehouse_factory
from tests.ledger_factory import append, observation
from tests.warehouse_factory import Warehouse, cells, kpi

SPAN = ("2026-01-01", "2026-02-28")
YEAR_AHEAD = "2027-03-05T06:00:00"
GOOD = {"2026-01": cells(100, SE=75, NO=25), "2026-02": cells(110, SE=80, NO=30)}


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse with two months released on 5 March: January is closed, February is open until 10 March."""
    with pytest.MonkeyPatch.context() as patch:
        new_warehouse = warehouse_factory.make(tmp_path_factory.mktemp("released"), patch)
        new_warehouse.add(kpi(), GOOD)
        new_warehouse.judge(*SPAN)
        new_warehouse.release(*SPAN)
        yield new_warehouse


@pytest.fixture
def warehouse(released: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    return warehouse_factory.copy(released, tmp_path, monkeypatch)


def again(warehouse: Warehouse, moment: str, delivered: str, total: float = 110) -> None:
    """Ingest newer rows that give February this value, and publish."""
    warehouse.now(moment)
    warehouse.feed("orders", newest_delivery=datetime.fromisoformat(delivered).replace(tzinfo=UTC))
    warehouse.batch = f"batch of {moment}"
    warehouse.add(kpi(), {**GOOD, "2026-02": cells(total, SE=total - 30, NO=30)})
    warehouse.judge(*SPAN)
    assert not warehouse.release(*SPAN).held


@pytest.mark.parametrize(
    ("moment", "newest_delivery", "refused"),
    [
        ("2026-03-05T05:00:00", "2026-03-04", "is before the newest release"),
        (YEAR_AHEAD, "2026-03-04", "is 365 days after the newest release"),
        (YEAR_AHEAD, None, "is 365 days after"),
        (YEAR_AHEAD, "2027-03-01", None),
        ("2026-06-01T06:00:00", "2026-03-04", None),
    ],
)
def test_the_clock_is_compared_with_releases_and_deliveries(
    warehouse: Warehouse, moment: str, newest_delivery: str | None, refused: str | None
) -> None:
    warehouse.now(moment)
    delivered = datetime.fromisoformat(newest_delivery).replace(tzinfo=UTC) if newest_delivery else None
    if refused is None:
        readiness.require(warehouse.company, delivered)
        return
    with pytest.raises(NyckeltalError, match=refused):
        readiness.require(warehouse.company, delivered)
    with pytest.raises(NyckeltalError, match=refused):
        warehouse.release(*SPAN)


def test_a_review_may_come_long_after_the_newest_release(warehouse: Warehouse) -> None:
    warehouse.now(YEAR_AHEAD)
    reason_and_name = {"reason": "still what we steer by", "by": "cfo@example.com"}
    decided = warehouse.decide("review", kpi().kpi_id, **reason_and_name)
    assert decided.release.sequence == 2


def test_an_archive_may_be_ingested_years_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = warehouse_factory.make(tmp_path, monkeypatch)
    archive.now("2031-03-05T06:00:00")
    readiness.require(archive.company, datetime(2018, 1, 1, tzinfo=UTC))


def test_a_release_made_with_the_clock_ahead_gets_the_time_of_the_recording_release(warehouse: Warehouse) -> None:
    again(warehouse, YEAR_AHEAD, delivered="2027-03-01")  # the sources' clock stood ahead, too: February is final
    warehouse.sql("create table raw._files (feed varchar, loaded_at timestamptz)")
    warehouse.sql(
        "insert into raw._files values ('orders', '2027-03-05 06:00:00+00'), ('orders', '2026-03-05 06:00:00+00')"
    )
    warehouse.now("2026-03-06T06:00:00")
    with pytest.raises(NyckeltalError, match=r"before the newest release, number 2.*kpi ledger set-clock-back"):
        warehouse.release(*SPAN)
    statement = {"reason": "the machine's clock was a year ahead", "by": "CFO@example.com"}
    row = clock_correction.set_back(warehouse.company, **statement)
    publishing.publish()
    ledger = Ledger.open(deployment.ledger_path())
    assert row["sequence"] == 3 and verify(ledger).findings == ()
    with pytest.raises(NyckeltalError, match="nothing to set back"):
        clock_correction.set_back(warehouse.company, **statement)
    assert warehouse.sql("select max(loaded_at)::varchar from raw._files") == [("2026-03-06 06:00:00+00",)]

    again(warehouse, "2026-03-07T06:00:00", delivered="2026-03-07T05:00:00", total=120)
    times = "select sequence, published_at::date::varchar, note from kpi.releases order by 1"
    note = "The clock had been ahead, at 2027-03-05: the machine's clock was a year ahead (cfo@example.com)"
    assert warehouse.published(times) == [
        (1, "2026-03-05", None),
        (2, "2026-03-06", None),
        (3, "2026-03-06", note),
        (4, "2026-03-07", None),
    ]
    february = "where time_period = '2026-02' and segment = '_T'"
    vintages = warehouse.published(
        "select obs_value, obs_status, realtime_start::varchar, realtime_end::varchar, revision_type from kpi.vintages"
        f" {february} order by sequence"
    )
    assert vintages == [
        (110.0, "P", "2026-03-05", "2026-03-05", None),
        (110.0, "A", "2026-03-06", "2026-03-06", None),
        (120.0, "P", "2026-03-07", "9999-12-31", "R1"),
    ]
    as_of = f"select obs_value from kpi.as_of('2026-03-06') {february}"
    assert warehouse.published(as_of) == [(110.0,)]


def test_a_decision_made_with_the_clock_ahead_gets_the_time_of_the_recording_release(warehouse: Warehouse) -> None:
    again(warehouse, YEAR_AHEAD, delivered="2027-03-01")
    reason_and_name = {"reason": "still what we steer by", "by": "cfo@example.com"}
    ahead = warehouse.decide("review", kpi().kpi_id, **reason_and_name).decision_ids[0]
    warehouse.now("2026-03-06T06:00:00")
    clock_correction.set_back(warehouse.company, reason="a year ahead", by="cfo@example.com")
    publishing.publish()
    warehouse.now("2026-03-07T06:00:00")
    after = warehouse.decide("review", kpi().kpi_id, **reason_and_name).decision_ids[0]
    days = [(ahead, "2026-03-06"), (after, "2026-03-07")]
    ledger = Ledger.open(deployment.ledger_path())
    assert [(row["decision_id"], f"{row['decided_at']:%Y-%m-%d}") for row in ledger.decisions()] == days
    assert warehouse.published("select decision_id, decided_at::date::varchar from kpi.decisions") == days
    assert verify(ledger).findings == ()


def test_roles_say_who_may_set_the_clock_back(warehouse: Warehouse) -> None:
    again(warehouse, YEAR_AHEAD, delivered="2027-03-01")
    warehouse.now("2026-03-06T06:00:00")
    for change, message in (({"by": "nobody"}, "may not set the clock back"), ({"reason": " "}, "needs a reason")):
        with pytest.raises(NyckeltalError, match=message):
            clock_correction.set_back(warehouse.company, **{"reason": "wrong", "by": "cfo@example.com", **change})
    assert Ledger.open(deployment.ledger_path()).releases[-1]["sequence"] == 2


def test_a_release_dated_before_the_one_before_it_must_say_why(tmp_path: Path) -> None:
    root = str(tmp_path / "ledger")
    append(Ledger.open(root), observation())
    empty = Ledger.open(root).rows
    dates = {"realtime_start": datetime(2026, 1, 1).date(), "published_at": datetime(2026, 1, 1, tzinfo=UTC)}
    rows = (empty("observations")[:0], empty("verdicts")[:0])
    Ledger.open(root).append(*rows, catalog="{}", batch_id=None, **dates)
    assert [finding.fault for finding in verify(Ledger.open(root)).findings] == ["reordered"]


def test_a_run_with_the_clock_ahead_is_refused_before_anything_is_written(
    copied: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = max(path.stat().st_mtime for path in (copied.data / "sources").rglob("*") if path.is_file())
    ahead = max(datetime.fromtimestamp(newest, UTC).year, 2024) + 1
    monkeypatch.setenv("NYCKELTAL_NOW", f"{ahead}-12-31T06:00:00+00:00")
    before = (copied.data / "warehouse.duckdb").read_bytes()
    result = CliRunner().invoke(app, ["run"], catch_exceptions=True)
    assert isinstance(result.exception, NyckeltalError)
    assert "step 'ingest' failed: the clock is" in str(result.exception)
    assert (copied.data / "warehouse.duckdb").read_bytes() == before
