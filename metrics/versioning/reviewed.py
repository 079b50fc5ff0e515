"""The reviewed definitions of a company's KPIs, in `definitions.yml`: the hash of each version and of each refactoring.

A definition whose hash isn't reviewed needs a higher version, or a refactoring: an entry by which a person says that
its values stay equal. The file is written here, and never by hand.
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
from metrics.definitions.kpis.kpi import Kpi
from metrics.definitions.roles import listed_spelling

_TITLE = """\
# The reviewed definitions of each KPI, oldest first: the version, the hash of all code that its values depend on, and
# of the newest one the hash of each model's part. Written by `kpi compile` and `kpi refactored`; commit it, don't edit.
"""


class Reviewed(Strict):
    """One reviewed definition of a KPI."""

    version: int = Field(description="Its version.")
    hash: str = Field(description="The hash of all code that its values depend on.")
    refactoring: str | None = Field(
        default=None, description="The reason why its values equal those of the definition before it."
    )
    by: str | None = Field(default=None, description="Who recorded the refactoring; not authenticated.")
    on: date | None = Field(default=None, description="The day on which it was recorded.")
    parts: dict[str, str] = Field(
        default_factory=dict, description="Only of the newest definition: the hash of each model's part."
    )


class DefinitionsFile(Strict):
    """The reviewed definitions of each KPI. Written by `kpi compile` and `kpi refactored`; never by hand."""

    definitions: dict[str, tuple[Reviewed, ...]] = Field(description="The definitions of each KPI, oldest first.")


_MODELS_NAMED = 3
_ADVICE = (
    "Where values change, raise the definition_version: of the standard definition if the change is the project's."
    ' Where they stay equal, run `kpi refactored KPI… --reason "…" --by …`.'
)
Record = Mapping[str, tuple[Reviewed, ...]]


@dataclass(frozen=True)
class CurrentDefinition:
    """A KPI's current definition: its hash, and the hash of each model's part."""

    kpi: Kpi
    hash: str
    parts: Mapping[str, str]


def path(company: Company) -> Path:
    """The path of the company's `definitions.yml`."""
    return company.path / "definitions.yml"


def read(company: Company) -> Record:
    """The reviewed definitions by KPI, oldest first; empty before the first compilation. Raises NyckeltalError."""
    file = path(company)
    return yaml_file.load(file, DefinitionsFile).definitions if file.exists() else {}


def findings(record: Record, current_definitions: Sequence[CurrentDefinition]) -> list[NyckeltalError]:
    """An error for each definition that isn't reviewed."""
    problems = (_problem(record.get(current.kpi.id, ()), current) for current in current_definitions)
    return [problem for problem in problems if problem is not None]


def with_new(record: Record, current_definitions: Sequence[CurrentDefinition]) -> Record:
    """The record with an entry for each new KPI and new version. Entries of KPIs that are no longer adopted stay."""
    entries = {
        current.kpi.id: Reviewed(version=current.kpi.version, hash=current.hash, parts=dict(current.parts))
        for current in current_definitions
    }
    newest_versions = {kpi_id: reviewed[-1].version for kpi_id, reviewed in record.items()}
    new = {kpi_id: entry for kpi_id, entry in entries.items() if entry.version > newest_versions.get(kpi_id, 0)}
    return _appended(record, new)


def with_refactorings(
    record: Record,
    current_definitions: Sequence[CurrentDefinition],
    kpi_ids: Collection[str],
    reason: str,
    by: str,
    on: date,
) -> Record:
    """The record with a refactoring for each of those KPIs: its definition gives the same values as the one before.

    Raises NyckeltalError for a KPI whose definition is already reviewed.
    """
    new = {}
    for current in current_definitions:
        kpi = current.kpi
        if kpi.id in kpi_ids:
            if not is_changed(record.get(kpi.id, ()), current):
                raise NyckeltalError(f"the definition of {kpi.id} is already reviewed; there is nothing to record")
            new[kpi.id] = Reviewed(
                version=kpi.version, hash=current.hash, refactoring=reason, by=by, on=on, parts=dict(current.parts)
            )
    return _appended(record, new)


def is_changed(entries: Sequence[Reviewed], current: CurrentDefinition) -> bool:
    """Whether the definition has the newest reviewed version, but a hash that wasn't reviewed under it."""
    newest = entries[-1] if entries else None
    reviewed_hashes = {entry.hash for entry in entries if entry.version == current.kpi.version}
    return newest is not None and newest.version == current.kpi.version and current.hash not in reviewed_hashes


def text(record: Record) -> str:
    """The text of the file `definitions.yml`."""
    lines = [f"{_TITLE}definitions:"]
    for kpi_id, entries in sorted(record.items()):
        lines.append(f"  {kpi_id}:")
        for entry in entries:
            newest = entry is entries[-1]
            values = entry.model_dump(mode="json", exclude_none=True, exclude=None if newest else {"parts"})
            parts = values.pop("parts", {})
            fields = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
            lines += [f"    {'-' if not number else ' '} {field}" for number, field in enumerate(fields)]
            if parts:
                lines += ["      parts:", *(f'        {name}: "{part}"' for name, part in sorted(parts.items()))]
    return "\n".join(lines) + "\n"


def _appended(record: Record, new: Mapping[str, Reviewed]) -> Record:
    return {
        kpi_id: (*record.get(kpi_id, ()), *([new[kpi_id]] if kpi_id in new else ())) for kpi_id in {**record, **new}
    }


def _problem(entries: Sequence[Reviewed], current: CurrentDefinition) -> NyckeltalError | None:
    """Why a definition isn't reviewed, and what to do; None when it is, or its KPI is new."""
    if not entries:
        return None
    newest, kpi = entries[-1], current.kpi
    if kpi.version < newest.version:
        return NyckeltalError(
            f"was {newest.version} in a reviewed definition",
            file=kpi.adoption_file,
            line=_version_line(kpi),
            field="definition_version",
            found=kpi.version,
            expected=f"{newest.version} or more",
        )
    if not is_changed(entries, current):
        return None
    models = sorted({*newest.parts, *current.parts})
    changed_models = [model for model in models if newest.parts.get(model) != current.parts.get(model)]
    more = f" and {len(changed_models) - _MODELS_NAMED} more" if len(changed_models) > _MODELS_NAMED else ""
    problem = f"changed in {', '.join(changed_models[:_MODELS_NAMED])}{more}; definition_version is still {kpi.version}"
    return NyckeltalError(problem, file=kpi.adoption_file, line=_version_line(kpi))


def _version_line(kpi: Kpi) -> int:
    """The line of `definition_version` in the KPI's adoption; 1 where it has none."""
    return yaml_file.line_of(yaml_file.read(kpi.adoption_file), ("definition_version",)) or 1


def review(company: Company, current_definitions: Sequence[CurrentDefinition], *, released: bool = True) -> Record:
    """The company's reviewed definitions, with new KPIs and new versions.

    While nothing was `released`, a changed definition replaces the recorded one: no published value depends on it.
    Raises Problems for definitions that changed under the same version without a recorded refactoring.
    """
    record = read(company)
    if not released:
        record = {
            kpi_id: entries
            for kpi_id, entries in record.items()
            if kpi_id not in unreviewed(company, current_definitions)
        }
    if problems := findings(record, current_definitions):
        raise Problems(problems, advice=_ADVICE)
    return with_new(record, current_definitions)


def unreviewed(company: Company, current_definitions: Sequence[CurrentDefinition]) -> list[str]:
    """The ids of the KPIs whose definition changed under the same version without a recorded refactoring."""
    record = read(company)
    return [current.kpi.id for current in current_definitions if is_changed(record.get(current.kpi.id, ()), current)]


def record_refactoring(
    company: Company,
    current_definitions: Sequence[CurrentDefinition],
    kpi_ids: Sequence[str] | None,
    reason: str,
    by: str,
) -> list[str]:
    """Record that the changed definitions of these KPIs give the same values. None stands for every changed KPI.

    `by` is the person who says so. Returns the ids of the KPIs. Raises NyckeltalError for a KPI that isn't adopted or
    whose definition isn't changed, and Problems when roles.yml doesn't name the person for the domain of a KPI.
    """
    record = read(company)
    by_id = {current.kpi.id: current for current in current_definitions}
    for kpi_id in kpi_ids or ():
        if kpi_id not in by_id:
            raise NyckeltalError(f"no KPI '{kpi_id}' is adopted{did_you_mean(kpi_id, list(by_id))}")
    changed = [kpi_id for kpi_id, current in by_id.items() if is_changed(record.get(kpi_id, ()), current)]
    chosen = changed if kpi_ids is None else list(kpi_ids)
    person = _refactorer(company, [by_id[kpi_id].kpi for kpi_id in chosen], by)
    today = clock.today(company.time_zone)
    entries = with_refactorings(record, current_definitions, chosen, reason, person, today)
    path(company).write_text(text(entries), encoding="utf-8")
    return chosen


def _refactorer(company: Company, kpis: Sequence[Kpi], by: str) -> str:
    """The person's name as roles.yml spells it.

    Raises Problems when the person may not record a refactoring for the domain of one of the KPIs.
    """
    file, person = company.path / "roles.yml", by
    problems = []
    for domain in dict.fromkeys(kpi.domain for kpi in kpis):
        allowed = company.roles.refactorers(domain)
        spelt_name = listed_spelling(by, allowed)
        person = spelt_name or person
        if spelt_name is None:
            expected = " or ".join(allowed) or f"names under `refactors` or `decides`, by domain ({domain})"
            problem = f"may not record a refactoring for {domain}"
            problems.append(NyckeltalError(problem, file=file, field="by", found=by, expected=expected))
    if problems:
        raise Problems(problems)
    return person
