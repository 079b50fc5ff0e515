"""Purging a text from the ledger: it is gone from every file, all else is unchanged, and a release records it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import publishing
from data_quality.ledger.store import Ledger
from data_quality.ledger.verify import verify
from data_quality.release import purge
from metrics.core import deployment
from metrics.core.errors import NyckeltalError
from orchestration.cli.app import app
from tests import warehouse_factory
from tests.ledger_factory import append, observation
from tests.ledger_factory import verdict as verdict_row
from tests.warehouse_factory import Warehouse, cells, kpi

EMAIL = "anna.åkesson@example.com"
SPAN = ("2026-01-01", "2026-01-31")
STATED: dict[str, Any] = {"reason": "an address in a check's detail", "by": "cfo@example.com"}


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Two releases: January, held and decided on; then a verdict, a member and a decision with the address."""
    with pytest.MonkeyPatch.context() as patch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("released"), patch)
        warehouse.add(kpi(), {"2026-01": cells(100, SE=75, NO=25)})
        warehouse.judge(*SPAN)
        warehouse.publish(*SPAN)
        fields = {"check": "complete", "severity": "critical", "outcome": "fail", "figure": None, "limit": None}
        detail = json.dumps([{**fields, "detail": f"found: A1,{EMAIL},7"}])
        ledger = Ledger.open(deployment.ledger_path())
        ledger.decide("revenue", "review", reason=f"asked {EMAIL} about it", decided_by="cfo@example.com")
        member = observation(kpi_id="revenue", time_period="2026-02", segment="country", member=EMAIL)
        newest = ledger.newest
        assert newest is not None
        append(ledger, member, verdicts=[verdict_row(checks=detail, verdict="hold")], catalog=newest["catalog"])
        publishing.publish()
        yield warehouse


@pytest.fixture
def warehouse(released: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    copied = warehouse_factory.copy(released, tmp_path, monkeypatch)
    copied.now("2026-03-05 13:00")
    return copied


def holds_text(folder: Path) -> bool:
    """Whether the address stands in a row of the ledger or, uncompressed, in a file."""
    ledger = Ledger.open(str(folder), make=False)
    rows = "".join(str(ledger.rows(name).to_pylist()) for name in ("observations", "verdicts", "decisions", "releases"))
    spellings = {EMAIL, json.dumps(EMAIL)[1:-1]}
    files = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return any(text in rows or text.encode() in files for text in spellings)


def test_a_text_is_purged_and_the_chain_says_so(warehouse: Warehouse, tmp_path: Path) -> None:
    old, new = Path(deployment.ledger_path()), tmp_path / "ledger.purged"
    before = Ledger.open(str(old), make=False)
    assert holds_text(old)
    row = purge.purge(str(old), str(new), [EMAIL], warehouse.company, **STATED)
    assert row["sequence"] == 3 and EMAIL not in str(row)
    after = Ledger.open(str(new), make=False)
    result = verify(after)
    assert not result.findings and not holds_text(new) and holds_text(old)
    (stated,) = result.purges
    assert (stated.sequence, stated.purge.by, stated.purge.reason) == (3, STATED["by"], STATED["reason"])
    assert stated.purge.previous_ledger == verify(before).newest_hash
    assert {(row_after.table, row_after.sequence) for row_after in stated.purge.rows} == {
        ("observations", 2), ("verdicts", 2), ("decisions", None),
    }  # fmt: skip
    # All else is as it was.
    assert [row_after["release_id"] for row_after in after.releases[:2]] == [
        row_after["release_id"] for row_after in before.releases
    ]
    assert [row_after["published_at"] for row_after in after.releases[:2]] == [
        row_after["published_at"] for row_after in before.releases
    ]
    untouched = "kpi_id", "freq", "time_period", "obs_value", "realtime_start", "release_id"
    assert sorted(map(str, after.rows("observations").select(untouched).to_pylist())) == sorted(
        map(str, before.rows("observations").select(untouched).to_pylist())
    )
    (decision,) = after.decisions()
    assert decision["reason"].startswith("asked [purged ") and decision["decided_by"] == "cfo@example.com"


def test_a_purged_text_is_gone_from_the_published_file_and_releases_continue(warehouse: Warehouse) -> None:
    old = Path(deployment.ledger_path())
    new = old.with_name("ledger.purged")
    warehouse.monkeypatch.setattr("metrics.definitions.company.Company.load", lambda *_: warehouse.company)
    arguments = ["ledger", "purge", "--to", str(new), "--reason", STATED["reason"], "--by", STATED["by"]]
    purged = CliRunner().invoke(app, arguments, input=f"{EMAIL}\n")
    assert purged.exit_code == 0 and "A text was purged from 3 rows" in purged.output and EMAIL not in purged.output
    assert EMAIL.encode() in deployment.published_path().read_bytes()
    shutil.move(old, old.with_name("ledger.old"))
    shutil.move(new, old)
    assert CliRunner().invoke(app, ["ledger", "rebuild"]).exit_code == 0
    shutil.rmtree(old.with_name("ledger.old"))
    assert EMAIL.encode() not in deployment.published_path().read_bytes()
    assert warehouse.published("select count(*) from kpi.releases where note like 'A text was purged%'") == [(1,)]
    verified = CliRunner().invoke(app, ["ledger", "verify"])
    assert verified.exit_code == 0
    assert (
        "Release 3 purged a text from 1 observations, 1 verdicts, 1 decisions; stated by cfo@example.com"
        in verified.output
    )
    warehouse.add(kpi(), {"2026-01": cells(100, SE=75, NO=25), "2026-02": cells(110, SE=80, NO=30)})
    warehouse.judge("2026-01-01", "2026-02-28")
    warehouse.now("2026-03-05 14:00")
    assert warehouse.publish("2026-01-01", "2026-02-28").sequence == 4


@pytest.mark.parametrize(
    ("texts", "stated", "problem"),
    [
        ([], {}, "too short"),
        (["abc"], {}, "too short"),
        (["not in the ledger"], {}, "is not in the ledger"),
        (["revenue"], {}, r"is in \w+\.\w+, which can't be purged"),
        ([EMAIL], {"by": "somebody"}, "may not purge"),
        ([EMAIL], {"reason": " "}, "reason: is published"),
        ([EMAIL], {"reason": f"{EMAIL} asked"}, "reason: is published"),
    ],
)
def test_a_refused_purge_writes_nothing(
    warehouse: Warehouse, tmp_path: Path, texts: list[str], stated: dict[str, str], problem: str
) -> None:
    with pytest.raises(NyckeltalError, match=problem) as raised:
        purge.purge(deployment.ledger_path(), str(tmp_path / "new"), texts, warehouse.company, **{**STATED, **stated})
    assert EMAIL not in str(raised.value) and not (tmp_path / "new").exists()


def test_a_purge_never_overwrites_files(warehouse: Warehouse) -> None:
    root = deployment.ledger_path()
    with pytest.raises(NyckeltalError, match="there are files already"):
        purge.purge(root, root, [EMAIL], warehouse.company, **STATED)
