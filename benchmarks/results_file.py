"""`results/engine.json`: what every benchmark writes its part of, and how a child process is measured."""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "engine.json"
SEED = 20261124
Timing = dict[str, float]
_WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def read() -> dict[str, Any]:
    """The file's content, empty before the first run."""
    results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    return results


def write(**parts: Any) -> None:
    """Replaces those parts of the file, and says on what they ran."""
    document = {
        "machine": {"system": platform.platform(), "processor": platform.machine(), "threads": 2},
        "versions": {name: version(name) for name in ("duckdb", "metricflow", "sqlglot", "dbt-core", "dagster", "dlt")}
        | {"python": platform.python_version()},
        "seed": SEED,
    }
    order = ("runs", "ingest", "overhead")
    parts = read() | parts
    document |= {name: parts[name] for name in order if name in parts}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def child(module: str, *arguments: str | Path) -> dict[str, Any]:
    """What a process of `python -m module --child …` gives back with `give`."""
    command = [sys.executable, "-m", module, "--child", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def in_turn(module: str, contenders: Sequence[str], folder: Path, times: int) -> list[dict[str, Any]]:
    """Each contender so many times in turn: the run with its middle time, and whether all left the same content."""
    measured: dict[str, list[dict[str, Any]]] = {name: [] for name in contenders}
    for _ in range(times):
        for contender, runs in measured.items():
            runs.append(child(module, contender, folder))
    contents = {run.pop("content") for runs in measured.values() for run in runs}
    return [{"contender": name, **median(runs), "equal": len(contents) == 1} for name, runs in measured.items()]


class Stopwatch:
    """Seconds by the clock, and processor seconds of this process and its children, since the stopwatch was made.

    Compare processor seconds if other programs use the machine, too.
    """

    def __init__(self) -> None:
        self._started, self._worked = time.perf_counter(), _worked()

    def stop(self) -> Timing:
        """What it took so far, and the most memory that this process, or a child of it, has held (resident, MiB)."""
        return {
            "seconds": round(time.perf_counter() - self._started, 3),
            "cpu_seconds": round(_worked() - self._worked, 3),
            "peak_mib": max(resource.getrusage(who).ru_maxrss for who in _WHO) // 1024,
        }


def give(measured: Timing | dict[str, Any]) -> None:
    """Prints the line that `child` reads, the last one of a measured child."""
    sys.stdout.write(json.dumps(measured) + "\n")


def _worked() -> float:
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, _WHO))


def median(measured: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The run with the middle time of several."""
    return sorted(measured, key=lambda run: run["seconds"])[len(measured) // 2]
