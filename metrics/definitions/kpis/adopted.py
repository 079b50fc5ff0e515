"""A company's KPIs: each adopts a standard definition, or has a definition of its own in the same file."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from pydantic import Field

from metrics.core import yaml_file
from metrics.core.errors import NyckeltalError, Problems, did_you_mean
from metrics.core.periods import Freq
from metrics.core.segments import singles
from metrics.definitions.calendar import DEFAULT
from metrics.definitions.company import Company
from metrics.definitions.kpis.adoption import COMBINATIONS, Adoption
from metrics.definitions.kpis.gate_settings import GateSettings
from metrics.definitions.kpis.kpi import Definition, Kpi, read_entries, standard_definitions

_DOMAIN = re.compile(r"[a-z][a-z0-9_]*")


class OwnKpi(Adoption, Definition):
    """A KPI that the company defines itself: what it means, and that the company has put it to work.

    Every file with a `metric` defines one. If its id is that of a standard definition, it replaces that one.
    """

    kpi: str = Field(
        pattern=r"^[a-z][a-z0-9_]*$", description="Its id in code and tables, which is also the file's name."
    )
    freqs: tuple[Freq, ...] = Field(
        min_length=1, description="The frequencies at which it has a meaning, and is published."
    )
    segments: tuple[str, ...] = Field(
        default=(), description=f"The segments by which it is cut: entities or dimensions of its metric.{COMBINATIONS}"
    )
    gate: GateSettings = Field(default_factory=dict, description="Checks that differ from their defaults, by name.")
    definition_version: int = Field(
        ge=1, description="The version of the definition. Raise it with every change by which values may change."
    )

    @property
    def definition(self) -> Definition:
        """What it means."""
        fields = {name: getattr(self, name) for name in Definition.model_fields}
        return Definition(**fields | {"segments": tuple(singles(self.segments))})

    @property
    def adoption(self) -> Adoption:
        """Its adoption. Checks and version are those of the definition."""
        names = Adoption.model_fields.keys() - {"gate", "definition_version"}
        return Adoption(**{name: getattr(self, name) for name in names})


def adopted_kpis(company: Company) -> list[Kpi]:
    """The company's KPIs, sorted by domain and id. The folder in which a KPI's definition lies is its domain.

    Raises Problems: every finding in every file at once.
    """
    standard = standard_definitions()
    entries, findings = read_entries(company.path / "kpis", lambda file: _entry_class(file, standard.keys()))
    findings += _wrong_domains(sorted({file.parent for _, file in entries.values()}))
    findings += _misplaced(company.path / "kpis")
    kpis = []
    for kpi_id, (entry, file) in entries.items():
        if isinstance(entry, OwnKpi):
            kpis.append(Kpi(file.parent.name, entry.definition, entry.adoption, file, file))
        elif kpi_id in standard:
            definition, definition_file = standard[kpi_id]
            kpis.append(Kpi(definition_file.parent.name, definition, entry, definition_file, file))
        else:
            findings.append(
                NyckeltalError(
                    f"there is no standard definition '{kpi_id}'{did_you_mean(kpi_id, list(standard))}",
                    file=file,
                    line=1,
                    field="kpi",
                    expected="the id of one, or a whole definition in this file (`kpi new kpi` writes one)",
                )
            )
    if not entries and not findings:
        findings.append(NyckeltalError("the company has adopted no KPI", file=company.path / "kpis"))
    if findings:
        raise Problems(findings)
    return sorted(kpis, key=lambda kpi: (kpi.domain, kpi.id))


def _entry_class(file: Path, standard: Collection[str]) -> type[Adoption]:
    """The class of a file's content: OwnKpi for a whole definition, else Adoption.

    A whole definition has a metric or, if the KPI isn't standard, any other key that only a definition has.
    """
    keys = set(yaml_file.read(file))
    definition_keys = keys & (Definition.model_fields.keys() - Adoption.model_fields.keys())
    is_own = "metric" in keys or (bool(definition_keys) and file.stem not in standard)
    return OwnKpi if is_own else Adoption


def _misplaced(folder: Path) -> list[NyckeltalError]:
    """A finding for each YAML file that would be passed over: not in the folder of a domain, or with another ending."""
    read = set(folder.glob("*/*.yml"))
    files = sorted(file for file in folder.rglob("[!.]*") if file.suffix in (".yml", ".yaml") and file not in read)
    return [
        NyckeltalError("isn't where KPIs are read", file=file, expected="kpis/<domain>/<kpi>.yml") for file in files
    ]


def _wrong_domains(folders: list[Path]) -> list[NyckeltalError]:
    return [
        NyckeltalError("can't be the name of a domain", file=folder, found=folder.name, expected="a to z, digits and _")
        for folder in folders
        if not _DOMAIN.fullmatch(folder.name) or folder.name == DEFAULT
    ]
