"""Readers and writers at once, as processes: no reader sees an error or a mix of releases, no writer loses anything."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

import publishing
from data_quality.ledger.schemas import VERDICTS
from data_quality.ledger.store import Ledger
from data_quality.ledger.verify import verify
from metrics.core import deployment
from metrics.core.deployment import PROJECT
from publishing import duckdb_file
from tests import warehouse_factory
from tests.ledger_factory import observation, table
from tests.warehouse_factory import Warehouse, cells, kpi

RELEASES, READERS = 25, 8
START = datetime(2026, 2, 5, 6, tzinfo=UTC)
MEMBERS = {"_T": 100.0, "SE": 75.0, "NO": 25.0}

# Every value of a release is a multiple of its number, so one query tells whether what it saw is of one release.
READER = """
import json, os, pathlib, sys, time
import duckdb
os.nice(19)  # they read as much as they can, and leave the writer its share of the machine
path, stop, holds = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3] == "holds"
query = '''
select
    (select max(sequence) from kpi.releases),
    (select list(distinct obs_value) from kpi.observations where segment = '_T'),
    (select list(distinct obs_value) from kpi.observations where member = 'SE'),
    (select count(*) from kpi.vintages),
    (select count(*) from kpi.as_of(timestamptz '2100-01-01 00:00:00+00')),
    (select sum(revenue + costs) from kpi.finance_monthly where segment = '_T')
'''
seen, reads = set(), 0
print("ready", flush=True)
while not stop.exists():
    with duckdb.connect(path, read_only=True, config={"threads": 1}) as connection:
        connection.execute("set enable_progress_bar = false")  # a slow query would print one among the results
        first = None
        for _ in range(20 if holds else 1):
            row = connection.execute(query).fetchone()
            assert first in (None, row), f"an open connection saw {first}, then {row}"
            first = row
            release, *values = row
            assert values == [[release * 100.0], [release * 75.0], release * 6, 6, release * 200.0], row
            reads += 1
            if holds:
                time.sleep(0.02)
        seen.add(release)
print(json.dumps({"reads": reads, "seen": sorted(seen)}))
"""


@contextmanager
def running(script: str, arguments: list[list[str]], stop: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that run the script, once all are ready. At the end the file `stop` is made; none may have failed."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, *process_arguments],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for process_arguments in arguments
    ]
    try:
        for process in processes:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield processes
    finally:
        stop.touch()
        for process in processes:
            process.wait(timeout=120)
    assert [process.stderr.read() for process in processes if process.stderr] == [""] * len(processes)


def release(number: int, catalog: str) -> None:
    """January's values for two KPIs, each times the release's number, into the ledger and the published file."""
    ledger = Ledger.open(deployment.ledger_path())
    rows = [
        observation(
            kpi_id=kpi_id, member=member, segment="_T" if member == "_T" else "country", obs_value=value * number
        )
        for kpi_id in ("revenue", "costs")
        for member, value in MEMBERS.items()
    ]
    moment = START + timedelta(minutes=number)
    ledger.append(
        table(rows),
        table([], VERDICTS),
        realtime_start=moment.date(),
        published_at=moment,
        catalog=catalog,
        batch_id=None,
    )
    publishing.publish()


def test_eight_readers_during_many_releases_see_whole_releases_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = warehouse_factory.make(tmp_path, monkeypatch)
    warehouse.kpis = [kpi(), kpi("costs")]
    catalog = warehouse.catalog.definitions_json
    release(1, catalog)
    stop = tmp_path / "stop"
    ways = ["holds" if number % 2 else "reconnects" for number in range(READERS)]
    with running(READER, [[str(deployment.published_path()), str(stop), way] for way in ways], stop) as readers:
        for number in range(2, RELEASES + 1):
            release(number, catalog)
    results = [json.loads(reader.stdout.read()) for reader in readers if reader.stdout]
    # How often each reads depends on the machine; between them they saw a handful of releases.
    assert all(result["reads"] for result in results), results
    assert len({release for result in results for release in result["seen"]}) > 3, results
    assert verify(Ledger.open(deployment.ledger_path())).findings == ()


# Publishes in one data folder after the other, at the same moment as the others that wait for the same files.
WRITER = """
import os, pathlib, sys, time
import pytest
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, kpi
rounds, name, ledger, first, last = pathlib.Path(sys.argv[1]), *sys.argv[2:]
print("ready", flush=True)
for number, folder in enumerate(sorted(rounds.glob("*/"))):
    while not (folder / "go").exists():
        time.sleep(0.001)
    data = folder / name
    warehouse_factory.point_at(data, pytest.MonkeyPatch())
    if ledger:
        os.environ["NYCKELTAL_LEDGER"] = str(folder / ledger)
    Warehouse(data / "warehouse.duckdb", pytest.MonkeyPatch(), [kpi()]).publish(first, last)
    (folder / f"done {first} {name}").touch()
"""
JANUARY, FEBRUARY = ("2026-01-01", "2026-01-31"), ("2026-02-01", "2026-02-28")
ROUNDS = 5


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """January and February, judged; nothing is published."""
    with pytest.MonkeyPatch.context() as patch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("judged"), patch)
        warehouse.add(kpi(), {"2026-01": cells(100, SE=75, NO=25), "2026-02": cells(110, SE=80, NO=30)})
        warehouse.judge(JANUARY[0], FEBRUARY[1])
        yield warehouse


@pytest.mark.parametrize("other_machine", [False, True], ids=["under one lock", "with the ledger alone in common"])
@pytest.mark.parametrize("spans", [(JANUARY, FEBRUARY), (JANUARY, JANUARY)], ids=["different months", "the same month"])
def test_two_releases_at_once_lose_and_duplicate_nothing(
    judged: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spans: tuple[tuple[str, str], tuple[str, str]],
    other_machine: bool,
) -> None:
    names = ("here", "there") if other_machine else ("here", "here")
    for number in range(ROUNDS):
        for name in set(names):
            warehouse_factory.copy(judged, tmp_path / str(number) / name, monkeypatch)
    ledger_name = "ledger" if other_machine else ""
    arguments = [[str(tmp_path), name, ledger_name, *span] for name, span in zip(names, spans, strict=True)]
    with running(WRITER, arguments, tmp_path / "stop"):
        for number in range(ROUNDS):
            (tmp_path / str(number) / "go").touch()
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        root = str(folder / "ledger" if other_machine else folder / "here" / "ledger")
        ledger = Ledger.open(root, make=False)
        assert verify(ledger).findings == ()
        rows = ledger.observations.to_pylist()
        expected = sorted({first[:7] for first, _ in spans})
        assert Counter(row["time_period"] for row in rows) == dict.fromkeys(expected, 3)
        assert [row["sequence"] for row in ledger.releases] == list(range(1, len(expected) + 1))
        path = folder / "rendered.duckdb"
        duckdb_file.build(ledger, path)  # what the next run renders, wherever it runs
        with duckdb.connect(str(path), read_only=True) as connection:
            counted = connection.execute("select count(*), count(distinct sequence) from kpi.vintages").fetchone()
        assert counted == (len(rows), len(expected))
