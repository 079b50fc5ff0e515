"""`make faults`: faults of every kind, in the files of several companies, against the gate.

`python -m benchmarks.faults.run --kind unit_change --company adventureworks` tries only some, and prints the result.
`make reality` measures what the gate does on clean data; the report includes these results.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.faults import report, trial, world
from benchmarks.faults.kinds import KINDS
from benchmarks.faults.world import Base, Project
from metrics.core.deployment import PROJECT
from metrics.core.periods import Period, parse

RESULTS = PROJECT / "benchmarks" / "results"
WORK = PROJECT / "data" / "faults"
MONTHS = {"sample_company": ("2024-03", "2025-12"), "adventureworks": ("2017-05",), "ravenstack": ("2024-10",)}
"""By company: of the sample company the fifth month of its history, and the peak at a year's end, with holidays."""
MONTHS_RUN = {"sample_company": world.MONTHS_RUN, "adventureworks": 8, "ravenstack": 8}
SAMPLE = 2
"""So many faults of each kind are tried on each company, unless asked for others."""


def main() -> None:
    """Runs what the arguments ask for; status 1 when a fault could not be tried."""
    parser = argparse.ArgumentParser(description="Injects faults into source files and reports what the gate did.")
    parser.add_argument("--company", action="append", choices=MONTHS, metavar="NAME", help=f"of {', '.join(MONTHS)}")
    parser.add_argument("--kind", action="append", choices=sorted(KINDS), metavar="KIND", help="try this kind only")
    parser.add_argument("--feed", action="append", metavar="FEED", help="try faults in this feed only")
    parser.add_argument("--month", action="append", type=parse, metavar="MONTH", help=f"default: {MONTHS}")
    parser.add_argument("--sample", type=int, default=SAMPLE, help="faults of each kind and company; 0 tries all")
    parser.add_argument("--work", type=Path, default=WORK, help="where base worlds are made and found again")
    parser.add_argument("--out", type=Path, help=f"where the results are written; {RESULTS} when everything is tried")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    everything = not (given.company or given.kind or given.feed or given.month)
    months = {
        name: given.month or [parse(code) for code in codes]
        for name, codes in MONTHS.items()
        if given.company is None or name in given.company
    }
    results = run(given.work, given.kind or list(KINDS), months, given.feed, given.sample or None, given.processes)
    report.show(results)
    if out := given.out or (RESULTS if everything else None):
        report.write(results, out)
    sys.exit(1 if results["errors"] else 0)


def run(
    work: Path,
    kinds: Sequence[str],
    months: Mapping[str, Sequence[Period]],
    feeds: Sequence[str] | None,
    sample: int | None,
    processes: int,
) -> dict[str, Any]:
    """The results of those kinds' faults, of each company in its months."""
    began = time.monotonic()
    context = multiprocessing.get_context("spawn")
    work.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_settle) as pool:
        made = [
            (name, pool.submit(world.base_of, work, name, month, MONTHS_RUN[name]))
            for name, of_company in months.items()
            for month in of_company
        ]
        bases: dict[str, list[Base]] = {name: [] for name in months}
        for name, future in made:
            bases[name].append(future.result())
        planned = [
            planned_trial
            for name, of_company in bases.items()
            for planned_trial in trials(name, of_company, kinds, feeds, sample)
        ]
        rows = _tried(pool, planned)
    return report.results(rows, report.clean(RESULTS / "reality.json"), (time.monotonic() - began) / 60)


def trials(
    company: str, bases: Sequence[Base], kinds: Sequence[str], feeds: Sequence[str] | None, sample: int | None
) -> list[trial.Trial]:
    """The worlds in which those kinds' faults are tried on the company."""
    first_base = bases[0]
    with world.deployment(first_base.before, first_base.now, first_base.sources):
        project = Project.load(first_base.company_folder)
    by_month = {base.month: base for base in bases}
    faults = trial.faults_of([KINDS[name] for name in kinds], company, list(by_month), sample)
    return trial.packed([fault for fault in faults if feeds is None or fault.feed in feeds], by_month, project.kpis_of)


def _tried(pool: ProcessPoolExecutor, planned: Sequence[trial.Trial]) -> list[dict[str, Any]]:
    waiting: dict[Future[list[dict[str, Any]]], trial.Trial] = {
        pool.submit(trial.tried, planned_trial): planned_trial for planned_trial in planned
    }
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
