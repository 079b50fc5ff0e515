"""A partly or completely lost ledger is an error; no new ledger is started beside its remains."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_quality.ledger.schemas import SCHEMAS
from data_quality.ledger.store import Ledger
from data_quality.ledger.verify import verify
from metrics.core import deployment
from metrics.core.errors import NyckeltalError
from publishing import duckdb_file
from tests import warehouse_factory
from tests.ledger_factory import append, observation, verdict
from tests.warehouse_factory import Warehouse, cells, kpi

SPAN = ("2026-01-01", "2026-01-31")


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("lost", ["{name}/_delta_log", "{name}"])
def test_a_table_that_lost_its_log_or_its_folder_is_refused(tmp_path: Path, name: str, lost: str) -> None:
    root = tmp_path / "ledger"
    ledger = Ledger.open(str(root))
    append(ledger, observation(), verdicts=[verdict()])
    ledger.decide("revenue", "review", reason="looks right", decided_by="cfo")
    shutil.rmtree(root / lost.format(name=name))
    before = sorted(root.rglob("*"))
    for opened in (Ledger.open, Ledger.find, lambda at: Ledger.open(at, make=False)):
        with pytest.raises(
            NyckeltalError, match=rf"the ledger lacks a table that it had \({name}\): restore it from a"
        ):
            opened(str(root))
    assert sorted(root.rglob("*")) == before


def test_rows_without_any_log_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "ledger"
    append(Ledger.open(str(root)), observation())
    for name in SCHEMAS:
        shutil.rmtree(root / name / "_delta_log")
    with pytest.raises(NyckeltalError, match="lacks a table that it had"):
        Ledger.open(str(root))


def test_an_interrupted_start_is_completed(tmp_path: Path) -> None:
    root = tmp_path / "ledger"
    Ledger.open(str(root))
    shutil.rmtree(root / "releases")
    shutil.rmtree(root / "decisions" / "_delta_log")
    (root / "decisions" / "_delta_log").mkdir()
    (root / "decisions" / "_delta_log" / "_commit_1.json.tmp").write_text("")
    assert Ledger.find(str(root)) is None
    assert append(Ledger.open(str(root)), observation())["sequence"] == 1


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    """A warehouse with January released and the next release prepared."""
    warehouse = warehouse_factory.make(tmp_path, monkeypatch)
    warehouse.add(kpi(), {"2026-01": cells(100, SE=75, NO=25)})
    warehouse.judge(*SPAN)
    warehouse.publish(*SPAN)
    shutil.copytree(tmp_path / "ledger", tmp_path / "backup")
    warehouse.now("2026-03-06T06:00:00")
    warehouse.add(kpi("margin"), {"2026-01": cells(10, SE=5, NO=5)})
    warehouse.judge(*SPAN)
    yield warehouse


def test_a_lost_ledger_is_not_made_again_while_the_published_file_exists(released: Warehouse, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "ledger")
    before = deployment.published_path().read_bytes()
    with pytest.raises(NyckeltalError, match=r"holds release 1, which the ledger lacks.*kpi ledger rebuild"):
        released.publish(*SPAN)
    assert deployment.published_path().read_bytes() == before
    deployment.published_path().unlink()  # whoever wants a new ledger says so
    assert released.publish(*SPAN).sequence == 1


def test_an_older_copy_is_refused_until_a_rebuild_accepts_it(released: Warehouse, tmp_path: Path) -> None:
    assert released.publish(*SPAN).sequence == 2
    shutil.rmtree(tmp_path / "ledger")
    shutil.copytree(tmp_path / "backup", tmp_path / "ledger")
    with pytest.raises(NyckeltalError, match="holds release 2, which the ledger lacks"):
        released.publish(*SPAN)
    duckdb_file.rebuild(deployment.ledger_path(), deployment.published_path())
    assert released.publish(*SPAN).sequence == 2
    assert verify(Ledger.open(deployment.ledger_path())).findings == ()
