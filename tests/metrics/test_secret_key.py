"""The secret key: one and the same wherever it stands, no key that hides nothing, and none instead of a lost one."""

from __future__ import annotations

import stat
from pathlib import Path

import duckdb
import pytest

from data_quality import deployment_key
from data_quality.release.pending import pending_values
from metrics.core import deployment, secret_key
from metrics.core.errors import NyckeltalError
from orchestration.ingest import personal
from tests import ledger_factory, warehouse_factory
from tests.ingest_company import IngestCompany
from tests.warehouse_factory import Warehouse, cells, kpi

KEY = "f0e1d2c3b4a5968778695a4b3c2d1e0f"
SPAN = ("2026-01-01", "2026-01-31")


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    return warehouse_factory.make(tmp_path, monkeypatch)


def required(warehouse: Warehouse) -> bytes:
    with duckdb.connect(str(warehouse.path)) as connection:
        return deployment_key.require(connection)


def test_a_key_is_the_same_in_the_file_and_in_the_variable(warehouse: Warehouse) -> None:
    key = required(warehouse)
    assert stat.S_IMODE(secret_key.key_path().stat().st_mode) == 0o600
    warehouse.monkeypatch.setenv(secret_key.VARIABLE, secret_key.key_path().read_text())
    secret_key.key_path().unlink()
    assert required(warehouse) == key and not secret_key.key_path().exists()
    warehouse.monkeypatch.delenv(secret_key.VARIABLE)
    for written in (KEY, f"{KEY}\n", f"\ufeff{KEY}\r\n"[1:], f"  {KEY}\t\n\n"):
        secret_key.key_path().write_text(written)
        assert required(warehouse) == KEY.encode()
        with duckdb.connect(str(warehouse.path)) as connection:
            assert personal.pseudonym_key(connection).secret == KEY.encode()


def test_a_moved_key_leaves_every_seal(warehouse: Warehouse) -> None:
    warehouse.add(kpi(), {"2026-01": cells(100, SE=75, NO=25)})
    warehouse.judge(*SPAN)
    text = secret_key.key_path().read_text()
    secret_key.key_path().unlink()
    warehouse.monkeypatch.setenv(secret_key.VARIABLE, text.strip())
    assert warehouse.release(*SPAN).published == 1


@pytest.mark.parametrize("content", ["", "\n", " \t\r\n", "changeme", "0123456789abcde\n"])
def test_an_empty_blank_or_short_key_is_refused(warehouse: Warehouse, content: str) -> None:
    secret_key.key_path().write_text(content)
    with pytest.raises(NyckeltalError, match=r"pseudonym\.key: the key is (empty|too short)") as raised:
        required(warehouse)
    assert not content.strip() or content.strip() not in str(raised.value)
    warehouse.monkeypatch.setenv(secret_key.VARIABLE, content)
    with pytest.raises(NyckeltalError, match=f"{secret_key.VARIABLE}: the key is (empty|too short)"):
        required(warehouse)


def test_no_new_key_is_made_while_verdicts_were_sealed_with_the_lost_one(warehouse: Warehouse) -> None:
    warehouse.add(kpi(), {"2026-01": cells(100, SE=75, NO=25)})
    warehouse.judge(*SPAN)
    secret_key.key_path().unlink()
    for act in (warehouse.judge, warehouse.publish):
        with pytest.raises(NyckeltalError, match=r"the key file is lost, and .*warehouse\.duckdb was made with"):
            act(*SPAN)
    assert not secret_key.key_path().exists()


def test_another_key_is_told_rather_than_that_nothing_is_held(warehouse: Warehouse) -> None:
    warehouse.add(kpi(), {"2026-01": cells(-100, SE=-75, NO=-25)})
    warehouse.judge(*SPAN)
    warehouse.release(*SPAN)
    assert [pending.time_period for pending in pending_values(warehouse.company, warehouse.catalog)] == ["2026-01"]
    warehouse.monkeypatch.setenv(secret_key.VARIABLE, "another key, as long as it should be")
    with pytest.raises(NyckeltalError, match="no verdict in the warehouse was made with this secret key"):
        pending_values(warehouse.company, warehouse.catalog)


def test_no_new_key_is_made_while_the_ledger_has_releases(warehouse: Warehouse) -> None:
    ledger_factory.released(deployment.ledger_path())
    with pytest.raises(NyckeltalError, match=r"the key file is lost, and .*ledger was made with"):
        required(warehouse)


def test_no_new_key_is_made_while_columns_were_hashed_with_the_lost_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = IngestCompany(tmp_path)
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(company.data))
    monkeypatch.setenv("NYCKELTAL_SOURCE_DIR", str(company.source))
    monkeypatch.delenv(secret_key.VARIABLE, raising=False)
    company.feed("calls", columns={"caller": "text"}, personal={"caller": "hash"})
    company.write("calls/1.csv", "caller,n\nanna-lisa,1\n")
    company.run()
    secret_key.key_path().unlink()
    with pytest.raises(NyckeltalError, match="the key file is lost"):
        company.run()
    assert not secret_key.key_path().exists()
