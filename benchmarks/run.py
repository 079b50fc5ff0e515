"""`make bench`: every contender in a process of its own, their answers compared, a table and a JSON file.

`python -m benchmarks.run --rows 1e6 --months 36 --contender hand --contender engine_full` runs a part; what it
measures is added to the file, in place of earlier runs of the same size.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from benchmarks import facts
from benchmarks.contenders import CONTENDERS, Size

RESULTS = Path(__file__).parent / "results" / "engine.json"
SEED = 20261124
_CONSOLE = Console()
# (rows, months, contenders); MetricFlow's hundreds of queries are left out where they would take hours.
ALL = tuple(CONTENDERS)
SIZES = (
    (1_000_000, 36, ALL),
    (10_000_000, 36, ALL),
    (10_000_000, 12, ("hand_month", "engine_month")),
    (10_000_000, 72, ("hand_month", "engine_month")),
    # As many rows a month as ten million over 36 months: what a longer history alone costs.
    (3_333_324, 12, ("hand_month", "engine_month")),
    (19_999_944, 72, ("hand_month", "engine_month")),
    (50_000_000, 36, ("hand", "hand_month", "engine_full", "engine_month")),
)
_DIFFERENT = """
select count(*) from (from '{ours}' where value is not null) a
full join (from '{theirs}' where value is not null) b using (kpi_id, freq, period_start, segment, member)
where not coalesce(a.value = b.value or abs(a.value - b.value) <= 1e-9 * greatest(abs(a.value), abs(b.value)), false)
"""


@dataclass(frozen=True)
class Run:
    """One contender at one size. `equal`: its values are those of `hand` (or `hand_month`); None: that wasn't run."""

    contender: str
    rows: int
    months: int
    seconds: float
    peak_mib: int
    equal: bool | None
    memory_limit: str


def main() -> None:
    """Runs what the arguments ask for."""
    parser = argparse.ArgumentParser(description="Times the metric engine beside what else computes its values.")
    parser.add_argument("--rows", type=float)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--contender", action="append", choices=ALL)
    parser.add_argument("--memory-limit", default="2GiB")
    parser.add_argument("--child", nargs=2, metavar=("CONTENDER", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        _child(*arguments.child, Size(int(arguments.rows), arguments.months, SEED), arguments.memory_limit)
        return
    sizes = SIZES
    if arguments.rows:
        sizes = ((int(arguments.rows), arguments.months, tuple(arguments.contender or ALL)),)
    runs = [run for rows, months, names in sizes for run in _runs(rows, months, names, arguments.memory_limit)]
    kept = _write(runs)
    _show(kept)


def _runs(rows: int, months: int, names: tuple[str, ...], memory_limit: str) -> list[Run]:
    runs = []
    with tempfile.TemporaryDirectory(prefix="nyckeltal-bench-") as name:
        folder = Path(name)
        with duckdb.connect(str(folder / "facts.duckdb")) as connection:
            facts.create(connection, rows, months, SEED)
        for contender in sorted(names, key=ALL.index):
            command = [
                sys.executable,
                "-m",
                "benchmarks.run",
                "--child",
                contender,
                name,
                "--rows",
                str(rows),
                "--months",
                str(months),
            ]
            done = subprocess.run(
                [*command, "--memory-limit", memory_limit], stdout=subprocess.PIPE, text=True, check=True
            )
            measured = json.loads(done.stdout.splitlines()[-1])
            reference = "hand_month" if contender.endswith("_month") else "hand"
            runs.append(Run(contender, rows, months, **measured, equal=_equal(folder, contender, reference),
                            memory_limit=memory_limit))  # fmt: skip
            _CONSOLE.print(f"[dim]{runs[-1]}[/]", highlight=False)
    return runs


def _equal(folder: Path, contender: str, reference: str) -> bool | None:
    theirs = folder / f"{reference}.parquet"
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
        seconds = CONTENDERS[contender](connection, work, size)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        connection.execute(f"copy result to '{Path(folder) / contender}.parquet'")
    shutil.rmtree(work)
    sys.stdout.write(json.dumps({"seconds": round(seconds, 3), "peak_mib": peak}) + "\n")


def _write(runs: list[Run]) -> list[Run]:
    """The file's runs with these in place of earlier ones of the same contender and size."""
    before = json.loads(RESULTS.read_text(encoding="utf-8"))["runs"] if RESULTS.exists() else []
    found = {_key(run): run for run in (*(Run(**one) for one in before), *runs)}
    kept = sorted(found.values(), key=lambda run: (run.rows, run.months, ALL.index(run.contender), run.memory_limit))
    document = {
        "machine": {"system": platform.platform(), "processor": platform.machine(), "threads": 2},
        "versions": {name: version(name) for name in ("duckdb", "metricflow", "sqlglot")}
        | {"python": platform.python_version()},
        "seed": SEED,
        "runs": [asdict(run) for run in kept],
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return kept


def _key(run: Run) -> tuple[str, int, int, str]:
    return run.contender, run.rows, run.months, run.memory_limit


def _show(runs: list[Run]) -> None:
    table = Table(title="The catalogue of 30 KPIs, 4 frequencies, 5 segments and the total", title_justify="left")
    for column in ("rows", "months", "contender"):
        table.add_column(column)
    for column in ("seconds", "of hand", "peak MiB", "limit", "equal"):
        table.add_column(column, justify="right")
    seconds = {_key(run): run.seconds for run in runs}
    for run in runs:
        reference = "hand_month" if run.contender.endswith("_month") else "hand"
        limit = seconds.get((reference, run.rows, run.months, run.memory_limit))
        ratio = f"{run.seconds / limit:.2f}" if limit else ""
        equal = {True: "yes", False: "[red]no[/]", None: "not compared"}[run.equal]
        table.add_row(
            f"{run.rows:,}", str(run.months), run.contender, f"{run.seconds:.2f}", ratio, f"{run.peak_mib:,}",
            run.memory_limit, equal,
        )  # fmt: skip
    _CONSOLE.print(table)


if __name__ == "__main__":
    main()
