"""Trying faults: which of them share a world, one world from its files to its verdicts, and the clean run."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.faults import measure, world
from benchmarks.faults.files import Files
from benchmarks.faults.kinds import Fault, Kind
from benchmarks.faults.world import Base, Project, Setting
from data_quality import gate
from data_quality.release import publish
from metrics.errors import NyckeltalError
from metrics.periods import Period, period_of

JUDGED_MONTHS = 3
"""The faulted month and the two before it, of which late or repeated data may change values."""


@dataclass(frozen=True)
class Trial:
    """Faults of one month that share a world, as no KPI has two of them upstream."""

    base: Base
    faults: tuple[Fault, ...]


def faults_of(kinds: Iterable[Kind], months: Sequence[Period]) -> list[Fault]:
    """Every kind on every target at every size, the months taken in turn."""
    return [
        Fault(kind, feed, size, months[(number + turn) % len(months)])
        for kind in kinds
        for turn, feed in enumerate(kind.targets)
        for number, size in enumerate(kind.sizes)
    ]


def packed(faults: Sequence[Fault], bases: dict[Period, Base], kpis_of: Callable[[str], frozenset[str]]) -> list[Trial]:
    """The faults in as few worlds as first fit finds; those that are hardest to place come first."""
    open_worlds: dict[Period, list[tuple[set[str], list[Fault]]]] = {month: [] for month in bases}
    for fault in sorted(faults, key=lambda one: -len(kpis_of(one.feed))):
        touched = kpis_of(fault.feed)
        for taken, there in open_worlds[fault.month]:
            if not taken & touched:
                taken |= touched
                there.append(fault)
                break
        else:
            open_worlds[fault.month].append((set(touched), [fault]))
    return [Trial(bases[month], tuple(there)) for month, some in open_worlds.items() for _, there in some]


def tried(trial: Trial) -> list[dict[str, Any]]:
    """What each fault of the trial moved, and what became of it: a row for each as the results have it."""
    try:
        return _tried(trial)
    except Exception as error:  # one fault that breaks the harness or a stage must not hide the others
        if len(trial.faults) > 1:
            return [row for fault in trial.faults for row in tried(Trial(trial.base, (fault,)))]
        logging.getLogger(__name__).exception("a stage broke down")
        return [{**_named(trial.faults[0]), "error": f"{type(error).__name__}: {error}"}]


def _tried(trial: Trial) -> list[dict[str, Any]]:
    base, project = trial.base, _project(trial.base)
    first, last = base.month.shift(1 - JUDGED_MONTHS).start, base.month.end
    clean, clean_outcomes = _clean(base)
    touched = {fault: project.kpis_of(fault.feed) for fault in trial.faults}
    folder = Path(tempfile.mkdtemp(prefix="world-", dir=base.folder))
    failure, seconds = None, 0.0
    try:
        world.copy_data(base.before, folder)
        world.link_sources(base.sources, folder / "sources", base.now)
        files = Files(folder / "sources", project.company, base.month, base.now)
        for fault in trial.faults:
            fault.inject(files)
        with world.deployment(folder, base.now, folder / "sources"):
            try:
                everything = frozenset().union(*touched.values())
                world.take_in(project, [kpi for kpi in project.catalog.kpis if kpi.kpi_id in everything])
            except NyckeltalError as error:
                failure = str(error)
            began = time.perf_counter()
            verdicts = gate.judge(project.company, project.catalog, first, last)
            seconds = time.perf_counter() - began
            refused = world.refused(project, first, last)
            faulted = measure.cells(project.catalog, first, last)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    by_fault = measure.beyond(measure.outcomes(verdicts, refused), clean_outcomes)
    return [
        {
            **_named(fault),
            **_found(measure.moves(project.catalog, clean, faulted, by_fault, touched[fault]), clean_outcomes),
            "failure": failure,
            "gate_seconds": round(seconds, 2),
        }
        for fault in trial.faults
    ]


def _named(fault: Fault) -> dict[str, Any]:
    return {"kind": fault.kind.name, "size": fault.size, "feed": fault.feed, "month": fault.month.code}


def _found(moves: Sequence[measure.Move], clean: dict[Any, measure.Outcome]) -> dict[str, Any]:
    """Totals and the most moved cell, of keys that the gate would publish without the fault."""
    fair = [one for one in moves if clean[one.kpi_id, one.freq, one.time_period].answer != "held"]
    totals = [measure.as_json(one) for one in fair if one.segment == "_T"]
    cells = [measure.as_json(one) for one in fair if one.segment != "_T"]
    return {"totals": totals, "cell": cells[0] if cells else None}


@cache
def _project(base: Base) -> Project:
    with world.deployment(base.before, base.now, base.sources):
        return Project.load()


@cache
def _clean(base: Base) -> tuple[pd.DataFrame, dict[Any, measure.Outcome]]:
    """The clean world's candidates and what today's gate says of them."""
    project = _project(base)
    first, last = base.month.shift(1 - JUDGED_MONTHS).start, base.month.end
    folder = Path(tempfile.mkdtemp(prefix="clean-", dir=base.folder))
    try:
        world.copy_data(base.clean, folder)
        with world.deployment(folder, base.now, base.sources):
            verdicts = gate.judge(project.company, project.catalog, first, last)
            return measure.cells(project.catalog, first, last), measure.outcomes(verdicts, ())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clean_run(folder: Path, months: int, setting: Setting) -> dict[str, Any]:
    """Months without a fault, each judged when it was the newest: how many verdicts, which were held and why."""
    shutil.rmtree(folder, ignore_errors=True)
    data, sources = folder / "data", folder / "sources"
    data.mkdir(parents=True)
    verdicts = 0
    held: list[dict[str, Any]] = []
    flagged: list[dict[str, Any]] = []
    seconds: list[float] = []
    month = period_of("M", setting.start)
    for _ in range(months):
        world.deliver(sources, month, setting)
        with world.deployment(data, world.judged_at(month), sources):
            project = Project.load()
            world.take_in(project, [kpi for kpi in project.catalog.kpis if kpi.supplied])
            began = time.perf_counter()
            found = gate.judge(project.company, project.catalog, month.start, month.end)
            seconds.append(time.perf_counter() - began)
            release = publish(project.company, project.catalog, month.start, month.end)
        judged = measure.outcomes(found, release.held)
        for one in found:
            verdicts += 1
            row = {"kpi_id": one.kpi_id, "period": one.time_period, "checks": list(judged[one.key].checks)}
            row["details"] = [result.detail for result in one.failing]
            if judged[one.key].answer == "held":
                held.append(row)
            elif judged[one.key].answer == "flagged":
                flagged.append(row)
        month = month.next()
    return {
        "verdicts": verdicts,
        "holds": len(held),
        "flags": len(flagged),
        "held": held,
        "flagged": flagged,
        "gate_seconds": round(sum(seconds[1:]) / max(len(seconds) - 1, 1), 2),
    }
