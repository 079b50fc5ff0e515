"""`make faults`: the faults of every kind, and 36 clean months, against the gate.

`python -m benchmarks.faults.run --kind unit_change --kind missing_day` tries some kinds only, and prints.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.faults import report, trial, world
from benchmarks.faults.kinds import KINDS
from benchmarks.faults.world import Base, Project, Setting
from metrics.company import PROJECT
from metrics.periods import Period, parse

RESULTS = PROJECT / "benchmarks" / "results"
WORK = PROJECT / "data" / "faults"
MONTHS = ("2025-02", "2025-12", "2026-10")
"""A short month with one year of history, the peak at a year's end, and one with three years of history."""
CLEAN_MONTHS = 36


def main() -> None:
    """Runs what the arguments ask for; status 1 when a fault could not be tried."""
    parser = argparse.ArgumentParser(description="Injects faults into source files and reports what the gate did.")
    parser.add_argument("--kind", action="append", choices=sorted(KINDS), metavar="KIND", help="try this kind only")
    parser.add_argument("--feed", action="append", metavar="FEED", help="try faults in this feed only")
    parser.add_argument("--month", action="append", type=parse, metavar="MONTH", help=f"default: {', '.join(MONTHS)}")
    parser.add_argument("--clean", action="store_true", help="only the clean months")
    parser.add_argument("--work", type=Path, default=WORK, help="where base worlds are made and found again")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    everything = not (given.kind or given.feed or given.month or given.clean)
    kinds = [] if given.clean else given.kind or list(KINDS)
    months = given.month or [parse(code) for code in MONTHS]
    found = run(given.work, kinds, months, given.feed, given.processes, clean=everything or given.clean)
    report.show(found)
    if everything:
        report.write(found, RESULTS)
    sys.exit(1 if found["errors"] else 0)


def run(
    work: Path,
    kinds: Sequence[str],
    months: Sequence[Period],
    feeds: Sequence[str] | None,
    processes: int,
    *,
    clean: bool,
    setting: Setting = Setting(),
) -> dict[str, Any]:
    """The results of those kinds' faults in those months, and of the clean months when asked for."""
    began = time.monotonic()
    context = multiprocessing.get_context("spawn")
    work.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_settle) as pool:
        history = pool.submit(trial.clean_run, work / "clean", CLEAN_MONTHS, setting) if clean else None
        rows: list[dict[str, Any]] = []
        if kinds:
            made = [pool.submit(world.base, work, month, setting) for month in months]
            bases = {base.month: base for base in (future.result() for future in made)}
            rows = _tried(pool, trials(bases, kinds, feeds))
        found = history.result() if history else None
    return report.results(rows, found, (time.monotonic() - began) / 60)


def trials(bases: dict[Period, Base], kinds: Sequence[str], feeds: Sequence[str] | None) -> list[trial.Trial]:
    """The worlds in which those kinds' faults are tried."""
    some = next(iter(bases.values()))
    with world.deployment(some.before, some.now, some.sources):
        project = Project.load()
    faults = trial.faults_of([KINDS[name] for name in kinds], list(bases))
    chosen = [fault for fault in faults if feeds is None or fault.feed in feeds]
    return trial.packed(chosen, bases, project.kpis_of)


def _tried(pool: ProcessPoolExecutor, planned: Sequence[trial.Trial]) -> list[dict[str, Any]]:
    waiting: dict[Future[list[dict[str, Any]]], trial.Trial] = {pool.submit(trial.tried, one): one for one in planned}
    console = Console(stderr=True)
    rows: list[dict[str, Any]] = []
    with console.status("") as status:
        for number, done in enumerate(as_completed(waiting), start=1):
            rows += done.result()
            status.update(f"world {number} of {len(planned)}")
    return rows


def _settle() -> None:
    """Makes a worker quiet, and end when the process that it works for ends, however that does."""
    logging.disable(logging.INFO)
    # DuckDB takes a spawned process for a person at a prompt, and shows progress bars.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


if __name__ == "__main__":
    main()
