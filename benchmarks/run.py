"""`make bench`: every contender in a process of its own, their answers compared, a table and a JSON file.

`python -m benchmarks.run --rows 1e6 --months 36 --contender hand --contender engine_full` runs a part; what it
measures is added to the file, in place of earlier runs of the same size.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from benchmarks import facts, results_file
from benchmarks.contenders import CONTENDERS, Size
from benchmarks.results_file import SEED

_CONSOLE = Console()
ALL = tuple(CONTENDERS)
_MONTH = ("hand_month", "engine_month")
# (rows, months, contenders, times); MetricFlow's hundreds of queries are left out where they would take hours.
SIZES: tuple[tuple[int, int, tuple[str, ...], int], ...] = (
    (1_000_000, 36, ALL, 3),
    (10_000_000, 36, ALL, 3),
    (10_000_000, 12, _MONTH, 1),
    (10_000_000, 72, _MONTH, 1),
    # As many rows a month as ten million over 36 months: what a longer history alone costs.
    (3_333_324, 12, _MONTH, 3),
    (19_999_944, 72, _MONTH, 3),
    (50_000_000, 36, ("hand", "hand_month", "engine_full", "engine_month"), 1),
)
_DIFFERENT = """
select count(*) from (from '{ours}' where value is not null) a
full join (from '{theirs}' where value is not null) b using (kpi_id, freq, period_start, segment, member)
where not coalesce(a.value = b.value or abs(a.value - b.value) <= 1e-9 * greatest(abs(a.value), abs(b.value)), false)
"""


@dataclass(frozen=True)
class Run:
    """One contender at one size. `equal`: whether its values equal those of `hand` (or `hand_month`), if compared."""

    contender: str
    rows: int
    months: int
    seconds: float
    cpu_seconds: float | None
    peak_mib: int
    equal: bool | None
    memory_limit: str


def main() -> None:
    """Runs what the arguments ask for."""
    parser = argparse.ArgumentParser(description="Times the metric engine beside what else computes its values.")
    parser.add_argument("--rows", type=float)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--times", type=int, default=1, help="runs of each, of which the middle one is told")
    parser.add_argument("--contender", action="append", choices=ALL)
    parser.add_argument("--memory-limit", default="1GiB")
    parser.add_argument("--child", nargs=2, metavar=("CONTENDER", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        contender, folder = arguments.child
        _child(contender, folder, Size(int(arguments.rows), arguments.months, SEED), arguments.memory_limit)
        return
    sizes = SIZES
    if arguments.rows:
        sizes = ((int(arguments.rows), arguments.months, tuple(arguments.contender or ALL), arguments.times),)
    runs = [run for size in sizes for run in _runs(*size, arguments.memory_limit)]
    kept = _write(runs)
    _show(kept)


def _runs(rows: int, months: int, names: tuple[str, ...], times: int, memory_limit: str) -> list[Run]:
    """Each contender so many times in turn, MetricFlow once, and the run with its middle time."""
    measured: dict[str, list[dict[str, Any]]] = {}
    equal: dict[str, bool | None] = {}
    size = ["--rows", str(rows), "--months", str(months), "--memory-limit", memory_limit]
    with tempfile.TemporaryDirectory(prefix="nyckeltal-bench-") as name:
        folder = Path(name)
        with duckdb.connect(str(folder / "facts.duckdb")) as connection:
            facts.create(connection, rows, months, SEED)
        for turn in range(times):
            for contender in sorted(names, key=ALL.index):
                if turn and contender.startswith("metricflow"):
                    continue
                run = results_file.child("benchmarks.run", contender, name, *size)
                measured.setdefault(contender, []).append(run)
                equal[contender] = _equal(folder, contender)
                _CONSOLE.print(f"[dim]{contender}, {rows:,} rows, {months} months: {run}, {equal[contender]}[/]")
    return [
        Run(contender, rows, months, **results_file.median(runs), equal=equal[contender], memory_limit=memory_limit)
        for contender, runs in measured.items()
    ]


def _reference(contender: str) -> str:
    return "hand_month" if contender.endswith("_month") else "hand"


def _equal(folder: Path, contender: str) -> bool | None:
    theirs = folder / f"{_reference(contender)}.parquet"
    if not theirs.exists():
        return None
    row = duckdb.sql(_DIFFERENT.format(ours=folder / f"{contender}.parquet", theirs=theirs)).fetchone()
    return row == (0,)


def _child(contender: str, folder: str, size: Size, memory_limit: str) -> None:
    work = Path(folder) / contender
    work.mkdir()
    shutil.copyfile(Path(folder) / "facts.duckdb", work / "facts.duckdb")
    with duckdb.connect(str(work / "facts.duckdb")) as connection:
        connection.execute(f"set threads = 2; set memory_limit = '{memory_limit}'")
        connection.execute(f"set temp_directory = '{work / 'spilled'}'; set preserve_insertion_order = false")
        timing = CONTENDERS[contender](connection, work, size)
        results_file.give(timing)
        connection.execute(f"copy result to '{Path(folder) / contender}.parquet'")
    shutil.rmtree(work)


def _write(runs: list[Run]) -> list[Run]:
    """The file's runs with these in place of earlier ones of the same contender and size."""
    before = results_file.read().get("runs", [])
    by_key = {_key(run): run for run in (*(Run(**{"cpu_seconds": None, **fields}) for fields in before), *runs)}
    kept = sorted(by_key.values(), key=lambda run: (run.rows, run.months, ALL.index(run.contender), run.memory_limit))
    results_file.write(runs=[asdict(run) for run in kept])
    return kept


def _key(run: Run) -> tuple[str, int, int, str]:
    return run.contender, run.rows, run.months, run.memory_limit


def _show(runs: list[Run]) -> None:
    table = Table(title="The catalogue of 30 KPIs, 4 frequencies, 5 segments and the total", title_justify="left")
    for column in ("rows", "months", "contender"):
        table.add_column(column)
    for column in ("seconds", "of hand", "CPU s", "of hand", "peak MiB", "limit", "equal"):
        table.add_column(column, justify="right")
    by_key = {_key(run): run for run in runs}
    for run in runs:
        hand = by_key.get((_reference(run.contender), run.rows, run.months, run.memory_limit))
        times = [cell for name in ("seconds", "cpu_seconds") for cell in _cells(run, hand, name)]
        equal = {True: "yes", False: "[red]no[/]", None: "not compared"}[run.equal]
        table.add_row(
            f"{run.rows:,}", str(run.months), run.contender, *times, f"{run.peak_mib:,}", run.memory_limit, equal
        )
    _CONSOLE.print(table)


def _cells(run: Run, hand: Run | None, name: str) -> tuple[str, str]:
    """A time, and how many times hand's it is."""
    ours, theirs = getattr(run, name), getattr(hand, name, None)
    return (f"{ours:.2f}" if ours else "", f"{ours / theirs:.2f}" if ours and theirs else "")


if __name__ == "__main__":
    main()
