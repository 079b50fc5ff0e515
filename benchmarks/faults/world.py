"""Base worlds without a fault, and fault worlds made from them: the pipeline's stages, called one after the other."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from unittest.mock import patch

from benchmarks.reality.companies import COMPANIES, REAL_FILES, Lived
from data_quality import warehouse
from data_quality.gate import judge, keys
from data_quality.gate.verdict import Verdict
from data_quality.ledger.store import Ledger
from data_quality.release import eligibility, snapshot
from data_quality.release.release import publish
from data_quality.release.result import Held
from data_quality.release.unsettled import unsettled
from metrics.core import clock
from metrics.core.deployment import PROJECT, ledger_path
from metrics.core.periods import Period, parse, periods_between
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.company import Company
from metrics.versioning.lineage import Lineage
from orchestration.dbt import builds
from orchestration.dbt import project as dbt_project
from orchestration.dbt.manifest import prepared_manifest
from orchestration.ingest.load import ingest

JUDGED_DAYS_AFTER = 3
"""A month is judged on the morning of its third day after, with the files of all days before that."""
MONTHS_RUN = 14
"""A base world was run for so many months at most, so that its feeds' states span a year; the first run took in all
before."""
LINKED_DAYS = 100
"""Of older source files only those delivered so many days before are there: the others are in the warehouse."""
_SOURCES_OF_A_BASE = (
    *("sample_company", "tests/adventureworks", "tests/ravenstack", "dbt_project", "metrics", "orchestration"),
    *("benchmarks/faults/world.py", "benchmarks/reality/companies.py", "benchmarks/reality/files.py"),
    "data_quality/gate/profiles",
)


@dataclass(frozen=True)
class Base:
    """A base world of a company at a month: its sources on the day when the month is judged, and two data folders.

    `before` is the data folder on the day when the month before was judged; `clean` has published the month, too.
    `company_folder` is the company's definition.
    """

    folder: Path
    company_folder: Path
    month: Period

    @property
    def now(self) -> datetime:
        """When the month is judged."""
        return judged_at(self.month)

    @property
    def sources(self) -> Path:
        return self.folder / "sources"

    @property
    def before(self) -> Path:
        return self.folder / "before"

    @property
    def clean(self) -> Path:
        return self.folder / "clean"


@dataclass(frozen=True)
class Project:
    """A company with its catalogue and lineage."""

    company: Company
    catalog: Catalog
    lineage: Lineage

    @staticmethod
    def load(folder: Path) -> Project:
        """Parses dbt's project into the data folder in force, where it was not parsed yet."""
        company = Company.load(folder)
        return Project(company, Catalog.read(company), Lineage(prepared_manifest(company)))

    def kpis_of(self, feed: str) -> frozenset[str]:
        """The KPIs that have the feed upstream."""
        return frozenset(kpi.kpi_id for kpi in self.catalog.kpis if kpi.supplied and feed in kpi.feeds)


def judged_at(month: Period) -> datetime:
    """The moment at which a month is judged (UTC)."""
    return datetime.combine(month.end + timedelta(days=JUDGED_DAYS_AFTER), time(6), UTC)


@contextmanager
def deployment(data: Path, now: datetime, sources: Path) -> Iterator[None]:
    """The environment of one data folder at one moment."""
    variables = {
        "NYCKELTAL_DATA_DIR": str(data),
        "NYCKELTAL_SOURCE_DIR": str(sources),
        "NYCKELTAL_NOW": now.isoformat(),
    }
    with patch.dict(os.environ, variables):
        for name in ("NYCKELTAL_COMPANY", "NYCKELTAL_LEDGER", "NYCKELTAL_PSEUDONYM_KEY"):
            os.environ.pop(name, None)
        yield


def deliver(company: Lived, sources: Path, month: Period) -> None:
    """Writes what the source systems had delivered when the month is judged."""
    now = judged_at(month)
    company.deliver(REAL_FILES, sources, now.date() - timedelta(days=1))
    delivered = (now - timedelta(hours=2)).timestamp()
    for path in sources.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_mtime > now.timestamp():
            os.utime(path, (delivered, delivered))


def take_in(project: Project, kpis: Sequence[CatalogKpi]) -> None:
    """Ingests what is new and builds those KPIs with all that is upstream of them, data tests included."""
    ingest(project.company)
    builds.prepare_tables(project.catalog)
    builds.outdate(project.catalog)
    # A test that needs a model of other KPIs, too, isn't run, as that model isn't there.
    options = ["--exclude-resource-type", "unit_test", "--indirect-selection", "buildable"]
    command = ["build", *options, "--select", *(f"+{kpi.model}" for kpi in kpis)]
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        results = dbt_project.build(project.company, command, lambda _: None)
    builds.record(project.catalog, project.lineage, results)


def judged_and_published(project: Project, month: Period) -> tuple[list[Verdict], Sequence[Held]]:
    """What a run judges: the month, and all that isn't settled. Gives the verdicts, and what is held after it."""
    company, catalog = project.company, project.catalog
    judged = judge.judge(company, catalog, month.start, month.end, also=unsettled(catalog))
    return judged, publish(company, catalog, *keys.history(catalog)).held


def release(project: Project, held: Sequence[Held]) -> None:
    """Let owners release, all at once, what is held and can be decided on."""
    company, catalog, ledger = project.company, project.catalog, Ledger.open(ledger_path(), make=False)
    for held_key in held:
        if held_key.candidate_hash is not None:
            ledger.decide(
                held_key.kpi_id,
                "release",
                reason="looked at, and right",
                decided_by=company.roles.deciders(catalog.kpi(held_key.kpi_id).domain)[0],
                freq=held_key.freq,
                time_period=held_key.time_period,
                candidate_hash=held_key.candidate_hash,
                checks=held_key.checks,
            )
    publish(company, catalog, *keys.history(catalog))


def refused(project: Project, first: date, last: date) -> tuple[Held, ...]:
    """What a release of the judged periods that end in [first, last] would hold. Nothing is released."""
    with warehouse.connect() as connection:
        offered = snapshot.read(connection, project.catalog, first, last)
    ledger = Ledger.open(ledger_path(), make=False)
    return eligibility.assess(offered, ledger, project.catalog, clock.today(project.company.time_zone)).held


def base_of(folder: Path, company: str, month: Period, months_run: int) -> Base:
    """The base world of the company of that name, as `base` makes it."""
    return base(folder, next(lived for lived in COMPANIES if lived.name == company), month, months_run)


def base(folder: Path, company: Lived, month: Period, months_run: int = MONTHS_RUN) -> Base:
    """The base world at that month, below `folder`. It is made anew if code or data changed.

    It is run for so many months before that month, or from the company's first run on. Owners release what is held.
    """
    made = Base(folder / company.name / month.code, company.folder, month)
    stamp = made.folder / "stamp"
    fingerprint = f"{_fingerprint()} {months_run}"
    if stamp.exists() and stamp.read_text() == fingerprint:
        return made
    shutil.rmtree(made.folder, ignore_errors=True)
    made.before.mkdir(parents=True)
    data = made.before
    for judged in periods_between("M", max(parse(company.first_run), month.shift(-months_run)).start, month.end):
        if judged == month:
            copy_data(made.before, made.clean)
            data = made.clean
        deliver(company, made.sources, judged)
        with deployment(data, judged_at(judged), made.sources):
            project = Project.load(company.folder)
            take_in(project, [kpi for kpi in project.catalog.kpis if kpi.supplied])
            _, held = judged_and_published(project, judged)
            if judged != month:
                release(project, held)
    stamp.write_text(fingerprint)
    return made


def copy_data(source: Path, goal: Path) -> None:
    """A data folder of its own with the other's state: the ledger's files, which are never changed, as hard links."""
    goal.mkdir(parents=True, exist_ok=True)
    for name in ("warehouse.duckdb", "pseudonym.key"):
        shutil.copy2(source / name, goal / name)
    if (source / "ledger").exists():
        shutil.copytree(source / "ledger", goal / "ledger", copy_function=os.link)
    if (source / "dbt").exists():
        shutil.copytree(source / "dbt", goal / "dbt", symlinks=True)


def link_sources(source: Path, goal: Path, now: datetime) -> None:
    """The source files delivered lately, as hard links."""
    oldest = (now - timedelta(days=LINKED_DAYS)).timestamp()
    for path in source.rglob("*"):
        here = goal / path.relative_to(source)
        if path.is_dir():
            here.mkdir(parents=True, exist_ok=True)
        elif path.is_symlink():
            here.parent.mkdir(parents=True, exist_ok=True)
            here.symlink_to(path.resolve())
        elif path.stat().st_mtime >= oldest:
            here.parent.mkdir(parents=True, exist_ok=True)
            here.hardlink_to(path)


def _fingerprint() -> str:
    """A hash of all that a base world is made by; what judges by its statistics isn't among it."""
    digest = hashlib.sha256()
    for root in _SOURCES_OF_A_BASE:
        place = PROJECT / root
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.suffix in (".py", ".sql", ".yml", ".json"):
                digest.update(f"{path.relative_to(PROJECT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()
