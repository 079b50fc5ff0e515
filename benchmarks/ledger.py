"""`make bench-ledger`: what a release costs, in seconds and bytes, as the ledger grows; before and after compaction.

It makes a ledger of the sample company's catalogue with four releases a month: each has a week and revisions, the last
one also months and quarters. Then it measures one more release of the newest periods, without the gate and disclosure
control: published values are read and compared, new vintages are appended, the published file is brought up to date.
Times depend on the machine, so no test asserts one.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from data_quality.ledger import compact, queries, verify
from data_quality.ledger.schemas import OBSERVATIONS, VERDICTS
from data_quality.ledger.store import Ledger
from data_quality.release.comparison import vintages
from data_quality.release.comparison.vintages import ELIGIBLE, INCOMING
from metrics.core.deployment import PROJECT
from metrics.core.periods import Period, period_of
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from publishing import duckdb_file

RESULTS = Path(__file__).parent / "results" / "ledger.json"
MONTHS = (36, 120, 360)
START = date(1996, 11, 1)
MEMBERS = [("_T", "_T"), *(("segment", f"member {number}") for number in range(9))]
_CONSOLE = Console()


@dataclass(frozen=True)
class Measured:
    """One ledger. Seconds by the clock, and those of processor time that the release took; `whole_seconds` renders the
    whole published file, `nothing_new_seconds` finds that it is up to date. `ledger_mib` is of the ledger's folder,
    `release_kib` what one release added to it, `file_mib` of the published file; `latest_seconds` reads a KPI's series
    from it, `as_of_seconds` its values of a past day."""

    months: int
    compacted: bool
    releases: int
    vintages: int
    open_seconds: float
    compare_seconds: float
    append_seconds: float
    render_seconds: float
    release_seconds: float
    release_processor_seconds: float
    whole_seconds: float
    whole_processor_seconds: float
    nothing_new_seconds: float
    verify_seconds: float
    ledger_mib: float
    release_kib: float
    file_mib: float
    latest_seconds: float
    as_of_seconds: float


def main() -> None:
    """Measures what the arguments ask for, prints a table and writes the JSON file."""
    parser = argparse.ArgumentParser(description="What a release costs as the ledger grows.")
    parser.add_argument("--months", type=int, action="append", help="Only this length of ledger; nothing is written.")
    chosen = parser.parse_args().months
    catalog = Catalog.read(Company.load(PROJECT / "sample_company"))
    measured_ledgers = [measured for months in chosen or MONTHS for measured in measure(catalog, months)]
    _show(measured_ledgers)
    if not chosen:
        document = {
            "machine": {"system": platform.platform(), "processor": platform.machine()},
            "versions": {name: version(name) for name in ("deltalake", "duckdb", "pyarrow")},
            "runs": [asdict(measured) for measured in measured_ledgers],
        }
        RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def measure(catalog: Catalog, months: int) -> Iterator[Measured]:
    """A ledger of so many months before and after compaction."""
    with (
        tempfile.TemporaryDirectory(prefix="nyckeltal-bench-") as name,
        patch.dict("os.environ", NYCKELTAL_DATA_DIR=name),
    ):
        root, path = str(Path(name) / "ledger"), Path(name) / "published" / "published.duckdb"
        text = catalog.definitions_json
        days = _release_days(months + 1)
        *before, one_more, another = days[: months * 4 + 2]
        _make(root, catalog, text, before)
        yield _measured(root, path, catalog, one_more, months, compacted=False)
        compact.compact(root)
        yield _measured(root, path, catalog, another, months, compacted=True)


def _release_days(months: int) -> list[date]:
    first = period_of("M", START)
    days = []
    for _ in range(months):
        days += [first.start + timedelta(days=offset) for offset in (6, 13, 20, 27)]
        first = period_of("M", first.end + timedelta(days=1))
    return days


def _make(root: str, catalog: Catalog, text: str, days: list[date]) -> None:
    tables = Ledger.open(root).tables
    newest: list[dict[str, Any]] = []
    for day in days:
        ledger = Ledger(root, tables)
        ledger.__dict__["releases"] = newest  # what it would read, which takes the longer the more there are
        ledger.__dict__["newest"] = newest[0] if newest else None
        newest = [_append(ledger, catalog, text, day)]
        compact.gather(ledger)


def _append(ledger: Ledger, catalog: Catalog, text: str, day: date) -> dict[str, Any]:
    observations, verdicts = _content(catalog, day)
    moment = datetime.combine(day, clock_time(6), UTC)
    return ledger.append(
        observations, verdicts, realtime_start=day, published_at=moment, catalog=text, batch_id=day.isoformat()
    )


def _periods(day: date) -> list[Period]:
    """The periods that a release of that day adds: the week before, and after a month's end the month (and quarter)."""
    periods = [period_of("W", day - timedelta(days=7))]
    if day.day < 8:
        last = day.replace(day=1) - timedelta(days=1)
        periods += [period_of(freq, last) for freq in "MQA" if period_of(freq, last).end == last]
    else:
        periods += [period_of("M", day.replace(day=1) - timedelta(days=1))]  # revised, then final
    return periods


def _content(catalog: Catalog, day: date) -> tuple[pa.Table, pa.Table]:
    rows, judged = [], []
    for kpi in catalog.kpis:
        for period in _periods(day):
            if period.freq not in kpi.freqs:
                continue
            key = {"kpi_id": kpi.kpi_id, "freq": period.freq, "time_period": period.code}
            facts = {"candidate_hash": day.isoformat() * 6, "definition_hash": kpi.definition_hash}
            checks = json.dumps([{"check": name, "outcome": "pass", "figure": day.day / 7} for name in "abcdef"])
            judged.append({**key, **facts, "verdict": "publish", "checks": checks, "judged_at": written_at(day)})
            for number, (segment, member) in enumerate(MEMBERS):
                rows.append(
                    {
                        **key,
                        **facts,
                        "period_start": period.start,
                        "period_end": period.end,
                        "segment": segment,
                        "member": member,
                        "obs_value": 1000.0 * number + day.toordinal() / 7,
                        "n_obs": 100 + number,
                        "obs_status": "P",
                        "conf_status": "F",
                        "definition_version": kpi.definition_version,
                    }
                )
    return pa.Table.from_pylist(rows, schema=schema_of(OBSERVATIONS)), pa.Table.from_pylist(
        judged, schema=schema_of(VERDICTS)
    )


def schema_of(schema: pa.Schema) -> pa.Schema:
    """The schema of rows that are handed to `Ledger.append`, which lack what it adds."""
    return pa.schema([field.with_nullable(True) for field in schema])


def written_at(day: date) -> datetime:
    """The moment at which that day's release is made."""
    return datetime.combine(day, clock_time(6), UTC)


def _measured(root: str, path: Path, catalog: Catalog, day: date, months: int, *, compacted: bool) -> Measured:
    """Measure one more release on the ledger at `root`, and writing and reading the published file at `path`."""
    seconds: dict[str, float] = {}

    def timed(name: str, action: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = action()
        seconds[f"{name}_seconds"] = round(time.perf_counter() - began, 3)
        return result

    def opened() -> Ledger:
        ledger = Ledger.open(root)
        assert ledger.newest
        return ledger

    whole_processor = time.process_time()
    timed("whole", lambda: duckdb_file.build(opened(), path))
    whole_processor = round(time.process_time() - whole_processor, 3)
    whole_clock = seconds.pop("whole_seconds")
    size_before = _bytes(Path(root))
    processor = time.process_time()
    ledger = timed("open", opened)
    observations, _ = _content(catalog, day)
    timed("compare", lambda: _compare(observations, ledger, catalog, day))
    timed("append", lambda: _append(ledger, catalog, catalog.definitions_json, day))
    added = _bytes(Path(root)) - size_before
    timed("render", lambda: duckdb_file.renew(Ledger.open(root), path))
    whole, processor = round(sum(seconds.values()), 3), round(time.process_time() - processor, 3)
    timed("nothing_new", lambda: duckdb_file.renew(Ledger.open(root), path))
    now = timed("verify", lambda: verify.verify(Ledger.open(root)))
    assert not now.findings
    month = period_of("M", day.replace(day=1) - timedelta(days=1)).code
    kpi_id = catalog.kpis[0].kpi_id
    series = f"from kpi.observations where kpi_id = '{kpi_id}' and freq = 'M' and segment = '_T'"
    past = f"from kpi.as_of('{day - timedelta(days=200)}') where kpi_id = '{kpi_id}' and time_period < '{month}'"
    timed("latest", lambda: _read(path, series))
    timed("as_of", lambda: _read(path, past))
    return Measured(
        months=months,
        compacted=compacted,
        releases=now.releases,
        vintages=now.rows["observations"],
        release_seconds=whole,
        release_processor_seconds=processor,
        whole_seconds=whole_clock,
        whole_processor_seconds=whole_processor,
        ledger_mib=round((size_before + added) / 2**20, 1),
        release_kib=round(added / 2**10, 1),
        file_mib=round(path.stat().st_size / 2**20, 1),
        **seconds,
    )


def _compare(observations: pa.Table, ledger: Ledger, catalog: Catalog, day: date) -> None:
    kept = set(observations.column_names)
    rows = observations.to_pylist()
    incoming = [{name: row[name] for name in INCOMING.names if name in kept} for row in rows]
    keys = {(row["kpi_id"], row["freq"], row["time_period"]): row for row in rows}
    shared = [name for name in ELIGIBLE.names if name in kept]
    eligible = [
        {**{name: row[name] for name in shared}, "closes_on": day, "breaks": False, "min_n_obs": 0}
        for row in keys.values()
    ]
    first = min(row["period_start"] for row in rows)
    versions = {kpi.kpi_id: kpi.definition_version for kpi in catalog.kpis}
    vintages.select(
        pa.Table.from_pylist(incoming, schema=INCOMING),
        pa.Table.from_pylist(eligible, schema=ELIGIBLE),
        queries.compared_with(ledger, first, whole=(), versions=versions),
        today=day,
    )


def _read(path: Path, query: str) -> None:
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute(query).fetchall()


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _show(measured_ledgers: list[Measured]) -> None:
    table = Table(title="One release, and reading what is published", title_justify="left")
    columns = [name for name in asdict(measured_ledgers[0]) if name not in ("months", "compacted")]
    table.add_column("months")
    for measured in measured_ledgers:
        table.add_column(f"{measured.months}{', compacted' if measured.compacted else ''}", justify="right")
    for name in columns:
        table.add_row(name.replace("_", " "), *(f"{getattr(measured, name):,}" for measured in measured_ledgers))
    _CONSOLE.print(table)


if __name__ == "__main__":
    main()
