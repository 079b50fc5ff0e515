"""`python -m benchmarks.ingest`: files to raw, through the whole ingest and through DuckDB's own `read_csv`.

Both write the same rows and columns to a table. Ingest also checks each file, finds types that fit all files, keeps
line numbers, rejects unreadable rows and records the deliveries. DuckDB gets the types as arguments.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from benchmarks import results_file
from metrics.core.deployment import PROJECT
from metrics.definitions.calendar import Calendar
from metrics.definitions.company import Company
from metrics.definitions.feeds import Feed
from orchestration.ingest import ingest
from sample_company.simulator.__main__ import START
from sample_company.simulator.run import simulate
from sample_company.simulator.timeline import Span

ONE_FILE = (1_000_000, 5_000_000)
# The sample company's feeds of many small files in plain CSV: one each day.
SMALL_FILES = ("orders", "order_lines", "deliveries", "google_ads", "meta_ads")
_COLUMNS = {
    "order_id": "text", "ordered_at": "timestamp", "amount": "decimal", "country": "text", "customer_id": "text",
    "quantity": "integer",
}  # fmt: skip
_TYPES = {"text": "varchar", "integer": "bigint", "timestamp": "timestamp", "date": "date", "decimal": "decimal(18, 4)"}
_REPEATS = 3


def main() -> None:
    """Runs every size, prints a table and writes the part `ingest` of the results."""
    parser = argparse.ArgumentParser(description="Times ingest beside DuckDB's read_csv.")
    parser.add_argument("--child", nargs=2, metavar=("CONTENDER", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        results_file.give(taken_in(arguments.child[0], Path(arguments.child[1])))
        return
    runs = [run for rows in ONE_FILE for run in _runs(partial(one_file, rows=rows))]
    runs += _runs(_small_files)
    results_file.write(ingest={"runs": runs})
    _show(runs)


def _runs(make: Callable[[Path], None]) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="nyckeltal-bench-") as name:
        make(Path(name) / "sources")
        return results_file.in_turn("benchmarks.ingest", ("duckdb", "ingest"), Path(name), _REPEATS)


def taken_in(contender: str, folder: Path) -> dict[str, Any]:
    """Takes the files below `folder/sources` into a new warehouse: what it took, how much it was, and what it is."""
    data = folder / contender
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir()
    os.environ["NYCKELTAL_DATA_DIR"] = str(data)
    os.environ["NYCKELTAL_SOURCE_DIR"] = str(folder / "sources")
    company = _company(folder / "sources")
    feeds = [feed for name, feed in company.feeds.items() if name in ("events", *SMALL_FILES)]
    watch = results_file.Stopwatch()
    if contender == "ingest":
        ingest(company, [feed.name for feed in feeds])
    else:
        _duckdb(data / "warehouse.duckdb", folder / "sources", feeds)
    timing = watch.stop()
    files = sum(len(list((folder / "sources").glob(feed.path))) for feed in feeds)
    rows, content = _content(data / "warehouse.duckdb", feeds)
    return {**timing, "rows": rows, "files": files, "content": content}


def _duckdb(warehouse: Path, sources: Path, feeds: list[Feed]) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("set threads = 2; create schema raw")
        for feed in feeds:
            types = {name: _TYPES[column.type] for name, column in feed.columns.items()}
            wanted = [
                f"{name}::decimal(28, 8) as {name}" if "decimal" in kind else name for name, kind in types.items()
            ]
            connection.execute(
                f"create table raw.{feed.name} as select {', '.join(wanted)}, now() as _loaded_at,"
                " filename as _source_file, null::bigint as _source_line"
                f" from read_csv('{sources / feed.path}', filename = true, header = true, columns = {types})"
            )


def _content(warehouse: Path, feeds: list[Feed]) -> tuple[int, str]:
    """The number of rows of all feeds, and a sum of hashes of their values, without columns that become pseudonyms."""
    rows, content = 0, 0
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for feed in feeds:
            columns = ", ".join(name for name in feed.columns if name not in feed.personal)
            answer = connection.execute(
                f"select count(*), coalesce(sum(hash({columns})::hugeint), 0) from raw.{feed.name}"
            ).fetchone()
            assert answer is not None
            rows, content = rows + answer[0], content + int(answer[1])
    return rows, str(content)


def _company(sources: Path) -> Company:
    if not (sources / "events").is_dir():
        return Company.load(PROJECT / "sample_company")
    stated = {
        "name": "events", "system": "benchmark", "file": Path("feeds/benchmark.yml"), "line": 1, "description": "",
        "path": "events/*.csv", "format": "csv", "columns": _COLUMNS, "time_column": "ordered_at",
        "history_from": date(2026, 1, 1),
    }  # fmt: skip
    return Company(
        path=sources, name="Benchmark", reporting_currency="SEK", objectives={},
        calendar=Calendar(time_zone="UTC", country="SE", closes_after={"default": 5}),
        feeds={"events": Feed.model_validate(stated)},
    )  # fmt: skip


def one_file(sources: Path, rows: int) -> None:
    """Makes one CSV file of that many rows, for the feed `events`."""
    (sources / "events").mkdir(parents=True)
    duckdb.execute(
        f"""copy (
            select 'order' || range as order_id, timestamp '2026-01-01' + to_seconds(range % 25000000) as ordered_at,
                (hash(range) % 100000 / 100)::decimal(18, 2) as amount,
                ['SE', 'NO', 'DK', 'FI'][1 + range % 4] as country,
                'customer' || hash(range, 1) % 100000 as customer_id, range % 7 as quantity
            from range({rows})
        ) to '{sources / "events" / "events.csv"}' (header, timestampformat '%Y-%m-%d %H:%M:%S')"""
    )


def _small_files(sources: Path) -> None:
    simulate(sources, Span(start=START, until=date(2026, 11, 23), seed=1, scale=1.0))


def _show(runs: list[dict[str, Any]]) -> None:
    table = Table(title="Files to raw", title_justify="left")
    for column in ("contender", "rows", "files", "seconds", "of DuckDB", "CPU s", "of DuckDB", "peak MiB", "equal"):
        table.add_column(column, justify="left" if column == "contender" else "right")
    duckdbs = {(run["rows"], run["files"]): run for run in runs if run["contender"] == "duckdb"}
    for run in runs:
        other = duckdbs[run["rows"], run["files"]]
        times = [
            cell
            for name in ("seconds", "cpu_seconds")
            for cell in (f"{run[name]:.2f}", f"{run[name] / other[name]:.2f}")
        ]
        table.add_row(
            run["contender"], f"{run['rows']:,}", f"{run['files']:,}", *times, f"{run['peak_mib']:,}",
            "yes" if run["equal"] else "[red]no[/]",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
