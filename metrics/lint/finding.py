"""Findings: what should be put right in how a company manages its KPIs, though its definitions can be computed.

Mistakes are not findings: `metrics/lint/rules` reports these, always as errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from metrics.core import yaml_file
from metrics.core.errors import NyckeltalError
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from metrics.lint import governance
from metrics.lint.rule import apply, rules_of


@dataclass(frozen=True)
class Finding:
    """What a rule says of a subject: a KPI's id, an objective's key, an owner or `company`."""

    rule: str
    subject: str
    problem: str

    def error(self, company: Company) -> NyckeltalError:
        """The finding as an error at the file of its subject."""
        file, line = place(company, self.subject)
        return NyckeltalError(f"{self.subject}: {self.problem}", file=file, line=line, field=self.rule)


def place(company: Company, subject: str) -> tuple[Path, int | None]:
    """The company's file that has the subject, and the line."""
    adoption = next((company.path / "kpis").glob(f"*/{subject}.yml"), None)
    if adoption is not None:
        return adoption, 1
    if subject in company.objectives:
        file = company.path / "objectives.yml"
        return file, yaml_file.line_of(yaml_file.read(file), ("objectives", subject))
    return company.path / "company.yml", None


RULES = rules_of(governance)


def findings(company: Company, catalog: Catalog) -> Iterator[Finding]:
    """The findings of all rules of governance."""
    for name, (subject, problem) in apply(RULES, company=company, catalog=catalog):
        yield Finding(name, subject, problem)
