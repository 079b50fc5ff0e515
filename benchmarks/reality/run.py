"""`make reality`: replays every company with its real files, and counts which right values the gate holds or flags.

Each company is replayed twice. First with its whole history, on the day when its files end: the first run of a new
adopter. Then from an earlier day, month by month, with the files that existed by then; owners release everything that
is held. A value is right if it is within FAULTY_FROM of its value in the last run, when everything is known. So a fault
that staging repairs makes no wrong value. Wrong values are counted separately, because the gate should hold them.
Values that are held in a month with news, such as a wider range, are also counted separately. `python -m
benchmarks.reality.run --company ravenstack` replays only some companies, and prints the result.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Column, Table

import publishing
from benchmarks.faults import measure, world
from benchmarks.faults.world import Project
from benchmarks.reality.companies import COMPANIES, REAL_FILES, Lived
from data_quality.gate import judge, keys
from data_quality.gate.incidents import Incident
from data_quality.gate.verdict import Verdict
from data_quality.release import decisions
from data_quality.release.pending import open_incidents
from data_quality.release.release import publish
from data_quality.release.unsettled import unsettled
from metrics.core.deployment import PROJECT, published_path
from metrics.core.errors import NyckeltalError
from metrics.core.periods import Period, parse
from metrics.definitions.catalog import Catalog, Key

RESULTS = PROJECT / "benchmarks" / "results" / "reality.json"
RUN_ON_DAY_AFTER = 12
"""A month is judged on the morning of so many days after its end: by then it has closed."""
FAULTY_FROM = 0.05
"""A total that differs by this part from what it is when all is known is wrong: `make faults` counts from it, too."""


@dataclass
class Tally:
    """What the gate said in one or several runs: how many verdicts, which checks held and flagged how many of them, and
    how many by themselves: no other check held, or flagged, them.

    `held_as_news` are those held in a month with news, which aren't in `held`. Verdicts on wrong values are only in
    `wrong`, and those of them that are held or flagged in `wrong_caught`.
    """

    verdicts: int = 0
    held: int = 0
    held_as_news: int = 0
    flagged: int = 0
    wrong: int = 0
    wrong_caught: int = 0
    incidents: int = 0
    decisions: int = 0
    held_by: Counter[str] = field(default_factory=Counter)
    flagged_by: Counter[str] = field(default_factory=Counter)
    held_alone_by: Counter[str] = field(default_factory=Counter)
    flagged_alone_by: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: Verdict, *, is_news: bool = False, is_right: bool = True) -> None:
        """Count a verdict, once for each of its failing checks."""
        if not is_right:
            self.wrong += 1
            self.wrong_caught += verdict.verdict != "publish"
            return
        self.verdicts += 1
        checks = [result.check for result in verdict.failing]
        if verdict.verdict == "hold" and is_news:
            self.held_as_news += 1
        elif verdict.verdict == "hold":
            self.held += 1
            self.held_by.update(result.check for result in verdict.holding)
            if len(verdict.holding) == 1:
                self.held_alone_by[verdict.holding[0].check] += 1
        elif verdict.verdict == "publish_flagged":
            self.flagged += 1
            self.flagged_by.update(checks)
            if len(checks) == 1:
                self.flagged_alone_by[checks[0]] += 1


def main() -> None:
    """Live through what the arguments ask for, print it, and write the results when that is everything."""
    parser = argparse.ArgumentParser(description="Runs real companies as they would be lived, and reports the gate.")
    names = [company.name for company in COMPANIES]
    parser.add_argument("--company", action="append", choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the results are written")
    given = parser.parse_args()
    if not REAL_FILES.is_dir():
        raise SystemExit(f"the real files aren't there: {REAL_FILES}")
    logging.disable(logging.INFO)
    chosen = [company for company in COMPANIES if given.company is None or company.name in given.company]
    results = [result_of(company) for company in chosen]
    show(Console(width=120), results)
    if given.company is None or given.out != RESULTS:
        given.out.write_text(json.dumps({"companies": results}, indent=1) + "\n", encoding="utf-8")


def result_of(company: Lived) -> dict[str, Any]:
    """A company's results, as `reality.json` has them."""
    with tempfile.TemporaryDirectory() as folder:
        first_run, expected = started(company, Path(folder) / "whole")
        monthly, months = lived(company, Path(folder) / "monthly")
    return {
        "company": company.name,
        "first_run": _counts(first_run),
        "monthly": {"months": months, **_counts(monthly), "decisions": monthly.decisions},
        "expected": expected,
    }


def _counts(tally: Tally) -> dict[str, Any]:
    return {
        "verdicts": tally.verdicts,
        "held": tally.held,
        "held_as_news": tally.held_as_news,
        "flagged": tally.flagged,
        "wrong": tally.wrong,
        "wrong_caught": tally.wrong_caught,
        "incidents": tally.incidents,
        "held_by": dict(tally.held_by.most_common()),
        "flagged_by": dict(tally.flagged_by.most_common()),
        "held_alone_by": dict(tally.held_alone_by.most_common()),
        "flagged_alone_by": dict(tally.flagged_alone_by.most_common()),
    }


def started(company: Lived, folder: Path) -> tuple[Tally, dict[str, int]]:
    """A first run over the whole history: what the gate said, and how many of the expected values were published."""
    last = parse(company.last)
    with moment(company, folder, last) as project:
        tally = Tally()
        for verdict in _of_files(company, published_run(project, last)):
            tally.add(verdict)
        tally.incidents = len(_of_periods(company, open_incidents(project.company, project.catalog)))
        return tally, compared(company, project.catalog)


def lived(company: Lived, folder: Path) -> tuple[Tally, int]:
    """A first run, and then a run a month: what the gate said in the monthly ones, and how many there were.

    The last month of the files isn't lived: a month is judged some days later, of which the files have nothing.
    """
    month, last = parse(company.first_run), parse(company.last).shift(-1)
    with moment(company, folder, month) as project:
        published_run(project, month)
        known = {
            failure.key
            for incident in open_incidents(project.company, project.catalog)
            for failure in incident.failures
        }
    tally, months = Tally(), 0
    judged: list[tuple[Verdict, bool, float | None]] = []
    totals: dict[Key, float | None] = {}
    while month.code < last.code:
        month, months = month.next(), months + 1
        with moment(company, folder, month) as project:
            verdicts = _of_files(company, published_run(project, month))
            totals = _totals(project)
            incidents = _of_periods(company, open_incidents(project.company, project.catalog))
            waiting = {failure.key for incident in incidents for failure in incident.held}
            judged += [
                (verdict, month.code in company.new_levels, totals.get(verdict.key))
                for verdict in verdicts
                if verdict.verdict != "hold" or verdict.key in waiting  # else it was released before, and is published
            ]
            new = [
                incident
                for incident in incidents
                if not known & {failure.key for failure in incident.held or incident.failures}
            ]
            known |= {failure.key for incident in incidents for failure in incident.failures}
            tally.incidents += len(new)
            tally.decisions += sum(
                released(project, incident, as_new_level=month.code in company.new_levels)
                for incident in incidents
                if incident.is_held
            )
            logging.getLogger(__name__).warning(
                "%s %s: %s",
                company.name,
                month.code,
                [(incident.incident_id, incident.title, len(incident.held)) for incident in new],
            )
    for verdict, is_news, total in judged:
        now = totals.get(verdict.key)
        is_right = total == now or (None not in (total, now) and _same(total, float(now or 0), FAULTY_FROM))
        tally.add(verdict, is_news=is_news, is_right=is_right)
    return tally, months


def _totals(project: Project) -> dict[Key, float | None]:
    """The totals of all candidates by key, as they are now."""
    cells = measure.cells(project.catalog, *keys.history(project.catalog))
    totals = cells[cells["segment"] == "_T"]
    columns = (totals[name] for name in (*measure.KEY, "obs_value"))
    return {
        (kpi_id, freq, code): None if value != value else float(value)
        for kpi_id, freq, code, value in zip(*columns, strict=True)
    }


def _of_files(company: Lived, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts on periods that the files cover: what ends after them is held, and rightly."""
    return [verdict for verdict in verdicts if verdict.period_end <= parse(company.last).end]


def _of_periods(company: Lived, incidents: Sequence[Incident]) -> list[Incident]:
    """The incidents with a period that ends by the company's last month."""
    last = parse(company.last).end
    return [
        incident
        for incident in incidents
        if any(failure.period.end <= last for failure in incident.held or incident.failures)
    ]


@contextmanager
def moment(company: Lived, folder: Path, month: Period) -> Iterator[Project]:
    """The company on the day on which the month is judged: its files of all days before are there, its models built.

    The project's catalogue has the KPIs that are judged.
    """
    day = month.end + timedelta(days=RUN_ON_DAY_AFTER)
    company.deliver(REAL_FILES, folder / "sources", min(day - timedelta(days=1), parse(company.last).end))
    (folder / "data").mkdir(exist_ok=True)
    with world.deployment(folder / "data", datetime.combine(day, time(12), UTC), folder / "sources"):
        project = Project.load(company.folder)
        kpis = [kpi for kpi in project.catalog.kpis if kpi.supplied and kpi.kpi_id in (company.kpis or [kpi.kpi_id])]
        world.take_in(project, kpis)
        yield replace(project, catalog=project.catalog.model_copy(update={"kpis": tuple(kpis)}))


def compared(company: Lived, catalog: Catalog) -> dict[str, int]:
    """How many values of observable periods are expected, and how many were published, equal to four digits."""
    expected = {
        (kpi_id, *key): value
        for (kpi_id, *key), value in company.expected_values().items()
        if key[0] in catalog.kpi(kpi_id).freqs and catalog.kpi(kpi_id).observes(parse(key[1]))
    }
    query = "select kpi_id, freq, time_period, member, obs_value from kpi.observations"
    publishing.publish()
    with duckdb.connect(str(published_path()), read_only=True) as connection:
        published = {(kpi_id, *key): value for kpi_id, *key, value in connection.execute(query).fetchall()}
    equal = [key for key, value in expected.items() if _same(published.get(key), value)]
    missing = sorted(set(expected) - set(equal))
    if missing:
        logging.getLogger(__name__).warning("%s: not published as expected: %s", company.name, missing)
    return {"compared": len(expected), "equal": len(equal)}


def show(console: Console, results: Sequence[Mapping[str, Any]]) -> None:
    """The results as tables: one of all companies, and for each which checks held and flagged."""
    names = ("run", "right values", "held", "as news", "flagged", "wrong, caught", "incidents", "decisions")
    table = Table(Column("company", no_wrap=True), *names, "as expected", padding=0)
    for result in results:
        first, monthly, expected = result["first_run"], result["monthly"], result["expected"]
        table.add_row(
            result["company"],
            "first",
            *_shares(first),
            str(first["incidents"]),
            "",
            f"{expected['equal']} of {expected['compared']}",
        )
        counts = (str(monthly[name]) for name in ("incidents", "decisions"))
        table.add_row("", f"{monthly['months']} months", *_shares(monthly), *counts, "")
    console.print(table)
    for result in results:
        for run in ("first_run", "monthly"):
            counted = result[run]
            console.print(
                f"{result['company']}, {run}: held by {counted['held_by']}; flagged by {counted['flagged_by']}"
            )


def _shares(counted: Mapping[str, Any]) -> tuple[str, ...]:
    whole = max(counted["verdicts"], 1)
    held, flagged = counted["held"], counted["flagged"]
    return (
        f"{counted['verdicts']:,}",
        f"{held} ({held / whole:.1%})",
        str(counted["held_as_news"]),
        f"{flagged} ({flagged / whole:.1%})",
        f"{counted['wrong_caught']} of {counted['wrong']}",
    )


def published_run(project: Project, month: Period) -> list[Verdict]:
    """What a run judges and publishes: the month, and all that isn't settled. Gives the verdicts."""
    company, catalog = project.company, project.catalog
    judged = judge.judge(company, catalog, month.start, month.end, also=unsettled(catalog))
    publish(company, catalog, *keys.history(catalog))
    return judged


def released(project: Project, incident: Incident, *, as_new_level: bool = False) -> bool:
    """Let an owner release what an incident holds; False where it can't be decided on, as it isn't complete."""
    by = project.company.roles.deciders(incident.lead.kpi.domain)[0]
    company, catalog, name = project.company, project.catalog, incident.incident_id
    try:
        said = "looked at, and right"
        decisions.decide_incident(company, catalog, "release", name, reason=said, by=by, as_new_level=as_new_level)
    except NyckeltalError:
        return False
    return True


def _same(value: float | None, expected: float, tolerance: float = 1e-4) -> bool:
    return value is not None and abs(value - expected) <= tolerance * max(abs(expected), 1e-4)


if __name__ == "__main__":
    main()
