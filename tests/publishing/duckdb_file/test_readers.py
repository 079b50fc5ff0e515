"""Readers and writers at once, as processes: no reader sees an error or a mix of releases, no writer loses anything."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
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
from tests.warehouse_factory import cells, kpi

RELEASES, READERS = 15, 8
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
    assert len({release for result in results for release in result["seen"]}) > 2, results
    assert verify(Ledger.open(deployment.ledger_path())).findings == ()


# Publishes in one data folder after the other, at the same moment as the other that waits for the same file.
WRITER = """
import json, os, pathlib, sys, time
import pytest
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, kpi
rounds, number = pathlib.Path(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
for folder in sorted(rounds.glob("*/")):
    while not (folder / "go").exists():
        time.sleep(0.001)
    name, ledger, first, last = json.loads((folder / "writers.json").read_text())[number]
    data = folder / name
    warehouse_factory.point_at(data, pytest.MonkeyPatch())
    if ledger:
        os.environ["NYCKELTAL_LEDGER"] = str(folder / ledger)
    Warehouse(data / "warehouse.duckdb", pytest.MonkeyPatch(), [kpi()]).publish(first, last)
    (folder / f"done {number}").touch()
"""
JANUARY, FEBRUARY = ("2026-01-01", "2026-01-31"), ("2026-02-01", "2026-02-28")
MONTHS = {"different months": (JANUARY, FEBRUARY), "the same month": (JANUARY, JANUARY)}
WAYS = {"under one lock": ("here", "here"), "with the ledger alone in common": ("here", "there")}
ROUNDS = 4


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each round of each case, in which two processes published at once; they make all rounds."""
    rounds = tmp_path_factory.mktemp("raced")
    with pytest.MonkeyPatch.context() as patch:
        judged = warehouse_factory.make(tmp_path_factory.mktemp("judged"), patch)
        judged.add(kpi(), {"2026-01": cells(100, SE=75, NO=25), "2026-02": cells(110, SE=80, NO=30)})
        judged.judge(JANUARY[0], FEBRUARY[1])
        for months, way, number in product(MONTHS, WAYS, range(ROUNDS)):
            folder = rounds / f"{months} {way} {number}"
            for name in set(WAYS[way]):
                warehouse_factory.copy(judged, folder / name, patch)
            ledger = "ledger" if len(set(WAYS[way])) > 1 else ""
            writers = [[name, ledger, *span] for name, span in zip(WAYS[way], MONTHS[months], strict=True)]
            (folder / "writers.json").write_text(json.dumps(writers))
        with running(WRITER, [[str(rounds), str(number)] for number in range(2)], rounds / "stop") as writers:
            for folder in sorted(rounds.glob("*/")):  # each begins when both are done with the one before
                (folder / "go").touch()
                while not all((folder / f"done {number}").exists() for number in range(2)):
                    assert not any(writer.poll() for writer in writers)  # none has failed
                    time.sleep(0.001)
    return rounds


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("months", MONTHS)
def test_two_releases_at_once_lose_and_duplicate_nothing(raced: Path, tmp_path: Path, months: str, way: str) -> None:
    for number in range(ROUNDS):
        folder = raced / f"{months} {way} {number}"
        root = folder / "ledger" if way == "with the ledger alone in common" else folder / "here" / "ledger"
        ledger = Ledger.open(str(root), make=False)
        assert verify(ledger).findings == ()
        rows = ledger.observations.to_pylist()
        expected = sorted({first[:7] for first, _ in MONTHS[months]})
        assert Counter(row["time_period"] for row in rows) == dict.fromkeys(expected, 3)
        assert [row["sequence"] for row in ledger.releases] == list(range(1, len(expected) + 1))
        path = tmp_path / f"rendered {number}.duckdb"
        duckdb_file.build(ledger, path)  # what the next run renders, wherever it runs
        with duckdb.connect(str(path), read_only=True) as connection:
            counted = connection.execute("select count(*), count(distinct sequence) from kpi.vintages").fetchone()
        assert counted == (len(rows), len(expected))
