"""A company folder, read and validated: the company, its objectives, calendar, roles and feeds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from metrics.core import yaml_file
from metrics.core.deployment import PROJECT
from metrics.core.errors import NyckeltalError, Problems, did_you_mean
from metrics.core.yaml_file import Strict
from metrics.definitions.calendar import DEFAULT, Calendar
from metrics.definitions.feeds import Feed, FeedFile
from metrics.definitions.objectives import Initiative, Objective, read_objectives
from metrics.definitions.roles import Roles

DEFINITIONS = PROJECT / "metrics" / "kpis"  # a folder for each domain, with the standard definitions of its KPIs


class CompanyFile(Strict):
    """Who the company is."""

    name: str = Field(description="The company's name, as tables and pages show it.")
    reporting_currency: str = Field(
        pattern="^[A-Z]{3}$",
        description="The currency into which amounts are converted, by its ISO 4217 code, such as `SEK`.",
    )
    members: dict[str, dict[str, dict[str, str]]] = Field(
        default_factory=dict,
        description="Names of the members of segments in other languages, by language, segment and member, for"
        " `kpi site --lang`. A member without one is shown as it is.",
    )


@dataclass(frozen=True)
class Company:
    """A company folder, read and validated."""

    path: Path
    name: str
    reporting_currency: str
    calendar: Calendar
    objectives: dict[str, Objective]
    feeds: dict[str, Feed]
    roles: Roles = field(default_factory=Roles)  # without the file nobody may decide
    initiatives: dict[str, Initiative] = field(default_factory=dict)
    members: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)

    @property
    def time_zone(self) -> str:
        """The time zone in which its days begin, such as Europe/Stockholm."""
        return self.calendar.time_zone

    @staticmethod
    def load(path: Path | str | None = None) -> Company:
        """The company at `path`, else at `NYCKELTAL_COMPANY`, else the sample company.

        Raises NyckeltalError, or Problems for several, when the folder doesn't exist or one of its files has mistakes.
        """
        folder = Path(path or os.environ.get("NYCKELTAL_COMPANY") or PROJECT / "sample_company").resolve()
        if not folder.is_dir():
            raise NyckeltalError("there is no such company folder", file=folder)
        company_file = yaml_file.load(folder / "company.yml", CompanyFile)
        strategy = read_objectives(folder)
        return Company(
            path=folder,
            name=company_file.name,
            reporting_currency=company_file.reporting_currency,
            calendar=_calendar(folder / "calendar.yml"),
            objectives=strategy.objectives,
            initiatives=strategy.initiatives,
            feeds=_feeds(folder / "feeds"),
            roles=_roles(folder / "roles.yml"),
            members=company_file.members,
        )


def _calendar(file: Path) -> Calendar:
    calendar = yaml_file.load(file, Calendar)
    _require_domains(file, "closes_after", calendar.closes_after)
    return calendar


def _roles(file: Path) -> Roles:
    if not file.exists():
        return Roles()
    roles = yaml_file.load(file, Roles)
    _require_domains(file, "decides", roles.decides)
    _require_domains(file, "refactors", roles.refactors)
    return roles


def _require_domains(file: Path, field: str, groups: Iterable[str]) -> None:
    """Raises Problems when a key of the field is neither `default` nor a domain, the company's own among them."""
    folders = (*DEFINITIONS.iterdir(), *(file.parent / "kpis").glob("*"))
    domains = sorted({folder.name for folder in folders if folder.is_dir()})
    document = yaml_file.read(file)
    findings = [
        NyckeltalError(
            f"there is no group of KPIs '{group}'{did_you_mean(group, domains)}",
            file=file,
            line=yaml_file.line_of(document, (field, group)),
            field=field,
            expected=f"{DEFAULT} or a domain: {', '.join(domains)}",
        )
        for group in groups
        if group not in (DEFAULT, *domains)
    ]
    if findings:
        raise Problems(findings)


def _feeds(folder: Path) -> dict[str, Feed]:
    feeds: dict[str, Feed] = {}
    findings: list[NyckeltalError] = []
    for file in sorted(folder.glob("*.yml")):
        try:
            feed_file = yaml_file.load(file, FeedFile)
        except Problems as problems:
            findings += problems.findings
            continue
        document = yaml_file.read(file)
        for name, spec in feed_file.feeds.items():
            line = yaml_file.line_of(document, ("feeds", name)) or 1
            # The warehouse doesn't distinguish tables by the case of their names.
            namesake = next((feed for feed in feeds.values() if feed.name.lower() == name.lower()), None)
            if namesake is not None:
                problem = f"feed '{name}' is defined in {namesake.file.name}:{namesake.line} too"
                problem += f", as '{namesake.name}'" if namesake.name != name else ""
                findings.append(NyckeltalError(problem, file=file, line=line))
            fields = {key: getattr(spec, key) for key in type(spec).model_fields}
            feeds[name] = Feed(name=name, system=feed_file.system, file=file, line=line, **fields)
    if findings:
        raise Problems(findings)
    if not feeds:
        raise NyckeltalError("the company has no feeds", file=folder, expected="at least one <system>.yml")
    return feeds
