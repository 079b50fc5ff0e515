"""Trying faults: which of them share a world, and one world from its files to its verdicts."""

from __future__ import annotations

import logging
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.faults import measure, world
from benchmarks.faults.files import Files
from benchmarks.faults.kinds import Fault, Kind
from benchmarks.faults.world import Base, Project
from data_quality.gate import judge
from metrics.core.errors import NyckeltalError
from metrics.core.periods import Period

JUDGED_MONTHS = 3
"""The faulted month and the two before it, of which late or repeated data may change values."""


@dataclass(frozen=True)
class Trial:
    """Faults of one company and month that share a world, as no KPI has two of them upstream."""

    base: Base
    faults: tuple[Fault, ...]


def faults_of(kinds: Iterable[Kind], company: str, months: Sequence[Period], sample: int | None = None) -> list[Fault]:
    """Every kind on every target of the company at every size, with the months in turn; at most so many of each kind.

    Which ones are tried is random, but the same at every run.
    """
    chosen: list[Fault] = []
    for kind in kinds:
        faults = [
            Fault(kind, company, feed, size, months[(number + turn) % len(months)])
            for turn, feed in enumerate(kind.targets_of(company))
            for number, size in enumerate(kind.sizes)
        ]
        if sample is not None and sample < len(faults):
            faults = random.Random(f"{company} {kind.name}").sample(faults, sample)
        chosen += faults
    return chosen


def packed(
    faults: Sequence[Fault], bases: Mapping[Period, Base], kpis_of: Callable[[str], frozenset[str]]
) -> list[Trial]:
    """The faults of a company, packed into few worlds by first fit; the faults that are hardest to place come first."""
    open_worlds: dict[Period, list[tuple[set[str], list[Fault]]]] = {month: [] for month in bases}
    for fault in sorted(faults, key=lambda fault: -len(kpis_of(fault.feed))):
        touched = kpis_of(fault.feed)
        for touched_there, faults_there in open_worlds[fault.month]:
            if not touched_there & touched:
                touched_there |= touched
                faults_there.append(fault)
                break
        else:
            open_worlds[fault.month].append((set(touched), [fault]))
    return [
        Trial(bases[month], tuple(faults_there))
        for month, of_month in open_worlds.items()
        for _, faults_there in of_month
    ]


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
    """Inject the trial's faults into a copy of its base world, judge it, and compare it with the clean world."""
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
            verdicts = judge.judge(project.company, project.catalog, first, last)
            seconds = time.perf_counter() - began
            refused = world.refused(project, first, last)
            faulted = measure.cells(project.catalog, first, last)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    by_fault = measure.beyond(measure.outcomes(verdicts, refused), clean_outcomes)
    rows = []
    for fault in trial.faults:
        moves = measure.moves(project.catalog, clean, faulted, by_fault, touched[fault])
        row = {**_named(fault), **_found(moves, clean_outcomes)}
        moved = {(move.kpi_id, move.freq, move.time_period) for move in moves}
        row["held_unmoved"] = sum(
            outcome.answer == "held" and key not in moved and clean_outcomes[key].answer != "held"
            for key, outcome in by_fault.items()
            if key[0] in touched[fault] and key in clean_outcomes
        )
        rows.append({**row, "failure": failure, "gate_seconds": round(seconds, 2)})
    return rows


def _named(fault: Fault) -> dict[str, Any]:
    return {
        "company": fault.company,
        "kind": fault.kind.name,
        "size": fault.size,
        "feed": fault.feed,
        "month": fault.month.code,
    }


_NOT_THERE = measure.Outcome("published", ())


def _found(moves: Sequence[measure.Move], clean: dict[Any, measure.Outcome]) -> dict[str, Any]:
    """Totals and the most moved cell, of keys that the gate would publish without the fault."""
    fair = [
        move
        for move in moves
        if (before := clean.get((move.kpi_id, move.freq, move.time_period), _NOT_THERE)).answer != "held"
        and not (before is _NOT_THERE and move.outcome == measure.UNJUDGED)  # the feeds can't cover it
    ]
    totals = [measure.as_json(move) for move in fair if move.segment == "_T"]
    cells = [measure.as_json(move) for move in fair if move.segment != "_T"]
    return {"totals": totals, "cell": cells[0] if cells else None}


@cache
def _project(base: Base) -> Project:
    with world.deployment(base.before, base.now, base.sources):
        return Project.load(base.company_folder)


@cache
def _clean(base: Base) -> tuple[pd.DataFrame, dict[Any, measure.Outcome]]:
    """The clean world's candidates and what today's gate says of them."""
    project = _project(base)
    first, last = base.month.shift(1 - JUDGED_MONTHS).start, base.month.end
    folder = Path(tempfile.mkdtemp(prefix="clean-", dir=base.folder))
    try:
        world.copy_data(base.clean, folder)
        with world.deployment(folder, base.now, base.sources):
            verdicts = judge.judge(project.company, project.catalog, first, last)
            return measure.cells(project.catalog, first, last), measure.outcomes(verdicts, ())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
