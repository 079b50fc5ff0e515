"""The ledger in an object store: an S3 server on this machine, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import boto3
import pytest
from deltalake import DeltaTable, write_deltalake

from data_quality.ledger import compact
from data_quality.ledger.store import ConcurrentRelease, Ledger
from data_quality.ledger.verify import verify
from metrics.core.errors import NyckeltalError
from publishing import duckdb_file
from tests import warehouse_factory
from tests.ledger_factory import append, observation, race, released
from tests.warehouse_factory import cells, kpi

SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("listening", *server.get_host_and_port(), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of the server. It needs its own process: Delta's calls hold the interpreter's lock."""
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    address = ""
    for line in process.stdout:
        if line.startswith("listening"):
            _, host, port = line.split()
            address = f"http://{host}:{port}"
            break
    boto3.client(
        "s3", endpoint_url=address, region_name="eu-north-1", aws_access_key_id="a", aws_secret_access_key="b"
    ).create_bucket(Bucket="ledger", CreateBucketConfiguration={"LocationConstraint": "eu-north-1"})
    yield address
    process.stdin.close()
    process.wait(timeout=10)


@pytest.fixture
def root(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The URL of a ledger that doesn't exist yet."""
    variables = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "eu-north-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "NYCKELTAL_DATA_DIR": str(tmp_path),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return f"s3://ledger/{tmp_path.name}"


def test_releases_are_appended_compacted_and_verified(root: str) -> None:
    with pytest.raises(NyckeltalError, match="there is no ledger in the place"):
        Ledger.open(root, make=False)
    released(root)
    result = verify(Ledger.open(root, make=False))
    assert (result.releases, result.findings, result.leftovers["observations"]) == (3, (), 1)
    file_counts = {
        compacted.table: (compacted.files_before, compacted.files_after) for compacted in compact.compact(root)
    }
    assert file_counts == {"observations": (4, 1), "verdicts": (3, 1), "decisions": (2, 1), "releases": (3, 1)}
    assert append(Ledger.open(root), observation(obs_value=12.0))["sequence"] == 4
    assert verify(Ledger.open(root)).findings == ()

    delta = DeltaTable(f"{root}/observations")
    rows = delta.to_pyarrow_table()
    write_deltalake(delta, rows.filter(rows.column("release_id").to_numpy() != "interrupted")[:1], mode="append")
    assert [compacted.fault for compacted in verify(Ledger.open(root)).findings] == ["added"]


def test_the_state_of_files_in_a_folder_of_any_name_is_seen(tmp_path: Path) -> None:
    """Delta writes blanks and letters such as å in another way in its addresses."""
    released_ledger = released(str(tmp_path / "R&D å #1" / "ledger"))
    before = released_ledger.state
    file = next((tmp_path / "R&D å #1" / "ledger" / "observations").glob("*.parquet"))
    file.write_bytes(file.read_bytes() + b" ")
    assert Ledger.open(released_ledger.root, make=False).state != before


def test_only_one_of_two_writers_commits_a_sequence(root: str) -> None:
    Ledger.open(root)
    for sequence in (1, 2, 3):
        assert sum(race([Ledger.open(root), Ledger.open(root)])) == 1
        assert len(Ledger.open(root).releases) == sequence
    first, second = Ledger.open(root), Ledger.open(root)
    append(first, observation(obs_value=5.0))
    with pytest.raises(ConcurrentRelease):
        append(second, observation(obs_value=6.0))
    ledger = Ledger.open(root)
    assert [row["sequence"] for row in ledger.releases] == [1, 2, 3, 4]
    assert verify(ledger).findings == ()


def test_a_release_and_the_published_file_are_made_from_it(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = warehouse_factory.make(tmp_path, monkeypatch)
    monkeypatch.setenv("NYCKELTAL_LEDGER", root)
    warehouse.add(kpi(), {"2026-01": cells(100, SE=75, NO=25)})
    warehouse.judge("2026-01-01", "2026-01-31")
    assert warehouse.publish("2026-01-01", "2026-01-31").sequence == 1
    before = warehouse.published("from kpi.vintages order by all")
    assert len(before) == 3
    (tmp_path / "published" / "published.duckdb").unlink()
    duckdb_file.rebuild(root, tmp_path / "published" / "published.duckdb")
    assert warehouse.published("from kpi.vintages order by all") == before
    assert not (tmp_path / "ledger").exists()


def test_an_unreachable_store_is_an_error_within_seconds(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    started = time.perf_counter()
    for make in (True, False):
        with pytest.raises(NyckeltalError, match=r"can't be opened.*127\.0\.0\.1:9") as raised:
            Ledger.open(root, make=make)
        assert "\n" not in str(raised.value)
    assert time.perf_counter() - started < 15


def test_a_ledger_with_lost_files_is_refused(root: str, endpoint: str) -> None:
    """Each loss is tried on a copy of one ledger, as three releases into a store take seconds."""
    released(root)
    store = boto3.client("s3", endpoint_url=endpoint)
    prefix = root.removeprefix("s3://ledger/")
    whole = [stored["Key"] for stored in store.list_objects_v2(Bucket="ledger", Prefix=f"{prefix}/")["Contents"]]
    for number, lost in enumerate(("releases/_delta_log", "observations/_delta_log", "verdicts", "*/_delta_log")):
        kept = {key for key in whole if not fnmatch(key, f"{prefix}/{lost}/*")}
        assert kept < set(whole)
        for key in kept:
            copy = f"lost{number}/{key}"
            store.copy_object(Bucket="ledger", CopySource={"Bucket": "ledger", "Key": key}, Key=copy)
        for make in (True, False):
            with pytest.raises(NyckeltalError, match="lacks a table that it had"):
                Ledger.open(f"s3://ledger/lost{number}/{prefix}", make=make)
        after = store.list_objects_v2(Bucket="ledger", Prefix=f"lost{number}/")["Contents"]
        assert {stored["Key"] for stored in after} == {f"lost{number}/{key}" for key in kept}


def test_a_missing_bucket_is_an_error(root: str) -> None:
    with pytest.raises(NyckeltalError, match="can't be"):
        Ledger.open("s3://nosuchbucket/ledger")
