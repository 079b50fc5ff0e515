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

from data_quality import admission, gate, offer, warehouse
from data_quality.admission import Held
from data_quality.ledger import Ledger
from data_quality.release import publish
from metrics import clock, dbt_project
from metrics.catalog import Catalog, CatalogKpi
from metrics.company import PROJECT, Company, ledger_path
from metrics.lineage import Lineage
from metrics.periods import Period, periods_between
from orchestration import builds
from orchestration.ingest.load import ingest
from orchestration.manifest import prepared_manifest
from sample_company.simulator.__main__ import START
from sample_company.simulator.run import simulate
from sample_company.simulator.timeline import Span

JUDGED_DAYS_AFTER = 3
"""A month is judged on the morning of its third day after, with the files of all days before that."""
MONTHS_RUN = 14
"""A base world was run for so many months, so that its feeds' states span a year; the first run took in all before."""
LINKED_DAYS = 100
"""Of older source files only those delivered so many days before are there: the others are in the warehouse."""
_SOURCES_OF_A_BASE = (
    *("sample_company", "dbt_project", "metrics", "orchestration", "benchmarks/faults/world.py"),
    *(f"data_quality/{name}.py" for name in ("column_kinds", "column_statistics", "feed_states", "feed_statistics")),
)


@dataclass(frozen=True)
class Setting:
    """What is simulated: the scale of customers, the seed, the first day."""

    scale: float = 1.0
    seed: int = 1
    start: date = START


@dataclass(frozen=True)
class Base:
    """A base world at a month: its sources on the day when the month is judged, and two data folders.

    `before` is as of the day when the month before was judged, `clean` has taken in and published the month too.
    """

    folder: Path
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
    def load(folder: Path = PROJECT / "sample_company") -> Project:
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


def deliver(sources: Path, month: Period, setting: Setting) -> None:
    """Writes what the source systems had delivered when the month is judged."""
    last = judged_at(month).date() - timedelta(days=1)
    simulate(sources, Span(setting.start, last, seed=setting.seed, scale=setting.scale))


def take_in(project: Project, kpis: Sequence[CatalogKpi]) -> None:
    """Ingests what is new and builds those KPIs with all that is upstream of them, data tests included."""
    ingest(project.company)
    builds.prepare_tables(project.catalog)
    builds.outdate(project.catalog)
    select = ["--select", *(f"+{kpi.model}" for kpi in kpis)]
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        results = dbt_project.build(project.company, ["build", *select], lambda _: None)
    builds.record(project.catalog, project.lineage, results)


def refused(project: Project, first: date, last: date) -> tuple[Held, ...]:
    """What a release of the judged periods that end in [first, last] would hold. Nothing is released."""
    with warehouse.connect() as connection:
        offered = offer.read(connection, project.catalog, first, last)
    ledger = Ledger.open(ledger_path(), make=False)
    return admission.admit(offered, ledger, project.catalog, clock.today(project.company.time_zone)).held


def base(folder: Path, month: Period, setting: Setting) -> Base:
    """The base world at that month below `folder`: the one that is there, or a new one where code or data differ."""
    made = Base(folder / month.code, month)
    stamp = made.folder / "stamp"
    fingerprint = f"{_fingerprint()} {setting}"
    if stamp.exists() and stamp.read_text() == fingerprint:
        return made
    shutil.rmtree(made.folder, ignore_errors=True)
    made.before.mkdir(parents=True)
    data, first = made.before, setting.start
    for judged in periods_between("M", max(first, month.shift(-MONTHS_RUN).start), month.end):
        if judged == month:
            copy_data(made.before, made.clean)
            data = made.clean
        deliver(made.sources, judged, setting)
        with deployment(data, judged_at(judged), made.sources):
            project = Project.load()
            take_in(project, [kpi for kpi in project.catalog.kpis if kpi.supplied])
            gate.judge(project.company, project.catalog, first, judged.end)
            publish(project.company, project.catalog, first, judged.end)
        first = judged.next().start
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
