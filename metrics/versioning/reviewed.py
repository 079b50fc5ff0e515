"""The reviewed definitions of a company's KPIs, `definitions.yml`: what each version was, and which changes were none.

A definition that is another one than the newest reviewed needs a higher version, or an entry by which somebody says
that its values stay equal, a refactoring. The file is written here, and never by hand.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import Field

from metrics.core import clock, yaml_file
from metrics.core.errors import NyckeltalError, Problems, did_you_mean
from metrics.core.yaml_file import Strict
from metrics.definitions.company import Company
from metrics.definitions.kpi import Kpi
from metrics.definitions.roles import among

_TITLE = """\
# The reviewed definitions of each KPI, oldest first: the version, the hash of all code that its values depend on, and
# of the newest one the hash of each model's part. Written by `kpi compile` and `kpi refactored`; commit it, don't edit.
"""


class Reviewed(Strict):
    """One definition of a KPI."""

    version: int = Field(description="Its version.")
    hash: str = Field(description="The hash of all code that its values depend on.")
    refactoring: str | None = Field(
        default=None, description="The reason why its values equal those of the definition before it."
    )
    by: str | None = Field(default=None, description="Who said so; recorded, not authenticated.")
    on: date | None = Field(default=None, description="The day on which it was said.")
    parts: dict[str, str] = Field(default_factory=dict, description="Of the newest one, the hash of each model's part.")


class DefinitionsFile(Strict):
    """The reviewed definitions of each KPI. Written by `kpi compile` and `kpi refactored`; never by hand."""

    definitions: dict[str, tuple[Reviewed, ...]] = Field(description="By KPI its definitions, oldest first.")


Record = Mapping[str, tuple[Reviewed, ...]]


@dataclass(frozen=True)
class Current:
    """A KPI's definition as it stands: its hash, and the hash of each model's part."""

    kpi: Kpi
    hash: str
    parts: Mapping[str, str]


def path(company: Company) -> Path:
    """Where the company's record lies."""
    return company.path / "definitions.yml"


def read(company: Company) -> Record:
    """The reviewed definitions by KPI, oldest first; none where nothing was compiled yet. Raises NyckeltalError."""
    file = path(company)
    return yaml_file.load(file, DefinitionsFile).definitions if file.exists() else {}


def findings(record: Record, currents: Sequence[Current]) -> list[NyckeltalError]:
    """The definitions that nobody reviewed."""
    return [problem for one in currents if (problem := _problem(record.get(one.kpi.id, ()), one)) is not None]


def with_new(record: Record, currents: Sequence[Current]) -> Record:
    """The record with new KPIs and new versions; of KPIs that are adopted no more it is kept."""
    added = {one.kpi.id: Reviewed(version=one.kpi.version, hash=one.hash, parts=dict(one.parts)) for one in currents}
    known = {kpi_id: entries[-1].version for kpi_id, entries in record.items()}
    new = {kpi_id: entry for kpi_id, entry in added.items() if entry.version > known.get(kpi_id, 0)}
    return _appended(record, new)


def with_refactorings(
    record: Record, currents: Sequence[Current], kpi_ids: Collection[str], reason: str, by: str, on: date
) -> Record:
    """The record with an entry for each of those KPIs, by which its definition gives the values of the one before.

    Raises NyckeltalError for a KPI whose definition needs no such entry.
    """
    new = {}
    for one in currents:
        if one.kpi.id in kpi_ids:
            if not is_changed(record.get(one.kpi.id, ()), one):
                raise NyckeltalError(f"the definition of {one.kpi.id} is a reviewed one; there is nothing to record")
            new[one.kpi.id] = Reviewed(
                version=one.kpi.version, hash=one.hash, refactoring=reason, by=by, on=on, parts=dict(one.parts)
            )
    return _appended(record, new)


def is_changed(entries: Sequence[Reviewed], current: Current) -> bool:
    """Whether the definition is none that was reviewed under its version, the newest one."""
    newest = entries[-1] if entries else None
    known = {entry.hash for entry in entries if entry.version == current.kpi.version}
    return newest is not None and newest.version == current.kpi.version and current.hash not in known


def text(record: Record) -> str:
    """The file's text."""
    lines = [f"{_TITLE}definitions:"]
    for kpi_id, entries in sorted(record.items()):
        lines.append(f"  {kpi_id}:")
        for entry in entries:
            newest = entry is entries[-1]
            facts = entry.model_dump(mode="json", exclude_none=True, exclude=None if newest else {"parts"})
            parts = facts.pop("parts", {})
            stated = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in facts.items()]
            lines += [f"    {'-' if not n else ' '} {fact}" for n, fact in enumerate(stated)]
            if parts:
                lines += ["      parts:", *(f'        {name}: "{part}"' for name, part in sorted(parts.items()))]
    return "\n".join(lines) + "\n"


def _appended(record: Record, new: Mapping[str, Reviewed]) -> Record:
    return {
        kpi_id: (*record.get(kpi_id, ()), *([new[kpi_id]] if kpi_id in new else ())) for kpi_id in {**record, **new}
    }


def _problem(entries: Sequence[Reviewed], current: Current) -> NyckeltalError | None:
    if not entries:
        return None
    newest, kpi = entries[-1], current.kpi
    if kpi.version < newest.version:
        return _at(kpi, f"was {newest.version} in a reviewed definition", kpi.version, f"{newest.version} or more")
    if not is_changed(entries, current):
        return None
    names = sorted({*newest.parts, *current.parts})
    changed = [name for name in names if newest.parts.get(name) != current.parts.get(name)]
    return _at(
        kpi,
        f"{kpi.id} changed in {', '.join(changed)} (hash {newest.hash} became {current.hash})",
        kpi.version,
        f"{kpi.version + 1} where values change (in the standard definition if it is the project's change); "
        f'where they stay equal, run `kpi refactored {kpi.id} --reason "…" --by …`',
    )


def _at(kpi: Kpi, problem: str, found: int, expected: str) -> NyckeltalError:
    field = "definition_version"
    line = yaml_file.line_of(yaml_file.read(kpi.adoption_file), (field,)) or 1
    return NyckeltalError(problem, file=kpi.adoption_file, line=line, field=field, found=found, expected=expected)


def review(company: Company, currents: Sequence[Current], *, released: bool = True) -> Record:
    """The company's reviewed definitions, with new KPIs and new versions.

    While nothing was `released`, a changed definition takes the place of what was recorded: no value depends on that.
    Raises Problems for definitions that changed under the same version, and which nobody called a refactoring.
    """
    record = read(company)
    if not released:
        record = {kpi_id: entries for kpi_id, entries in record.items() if kpi_id not in unreviewed(company, currents)}
    if problems := findings(record, currents):
        raise Problems(problems)
    return with_new(record, currents)


def unreviewed(company: Company, currents: Sequence[Current]) -> list[str]:
    """The KPIs whose definition changed under the same version, and which nobody called a refactoring."""
    record = read(company)
    return [one.kpi.id for one in currents if is_changed(record.get(one.kpi.id, ()), one)]


def record_refactoring(
    company: Company, currents: Sequence[Current], kpi_ids: Sequence[str] | None, reason: str, by: str
) -> list[str]:
    """Writes down that the changed definitions of those KPIs (None for every changed one) give the same values.

    Returns their ids. Raises NyckeltalError for a KPI that isn't adopted, or whose definition isn't changed, and
    Problems when roles.yml doesn't name the person for the domain of one.
    """
    record = read(company)
    by_id = {one.kpi.id: one for one in currents}
    for kpi_id in kpi_ids or ():
        if kpi_id not in by_id:
            raise NyckeltalError(f"no KPI '{kpi_id}' is adopted{did_you_mean(kpi_id, list(by_id))}")
    changed = [kpi_id for kpi_id, one in by_id.items() if is_changed(record.get(kpi_id, ()), one)]
    chosen = changed if kpi_ids is None else list(kpi_ids)
    person = _refactorer(company, [by_id[kpi_id].kpi for kpi_id in chosen], by)
    today = clock.today(company.time_zone)
    entries = with_refactorings(record, currents, chosen, reason, person, today)
    path(company).write_text(text(entries), encoding="utf-8")
    return chosen


def _refactorer(company: Company, kpis: Sequence[Kpi], by: str) -> str:
    """The person's name as the company spells it. Raises Problems when the person may not say it of a KPI's domain."""
    file, person = company.path / "roles.yml", by
    problems = []
    for domain in dict.fromkeys(kpi.domain for kpi in kpis):
        allowed = company.roles.refactorers(domain)
        named = among(by, allowed)
        person = named or person
        if named is None:
            expected = " or ".join(allowed) or f"names under `refactors` or `decides`, by domain ({domain})"
            problem = f"may not record a refactoring for {domain}"
            problems.append(NyckeltalError(problem, file=file, field="by", found=by, expected=expected))
    if problems:
        raise Problems(problems)
    return person
