"""Exceptions from the rules: findings that a company accepts for a while, with the reason, in `exceptions.yml`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path

from pydantic import Field

from metrics.core import yaml_file
from metrics.core.errors import NyckeltalError, Problems, did_you_mean
from metrics.core.yaml_file import Strict
from metrics.definitions.company import Company
from metrics.lint.finding import Finding

NOT_NEEDED = "exception_not_needed"


class LintException(Strict):
    """A finding that is accepted until a day."""

    rule: str = Field(description="The rule, as `kpi check` names it.")
    subject: str = Field(description="What the finding is of: a KPI, an objective, an owner or `company`.")
    reason: str = Field(min_length=3, max_length=1000, description="Why it is accepted.")
    until: date = Field(description="The last day on which it is; from then on the finding is reported again.")


class ExceptionsFile(Strict):
    """The findings of `kpi check` that the company accepts for a while. The file may be missing."""

    exceptions: tuple[LintException, ...] = Field(description="The exceptions, each for one rule and one subject.")


def path(company: Company) -> Path:
    """The file of the company's exceptions."""
    return company.path / "exceptions.yml"


def read(company: Company, rules: Collection[str]) -> tuple[LintException, ...]:
    """The company's exceptions; none without the file. Raises Problems for mistakes and rules that don't exist."""
    file = path(company)
    if not file.exists():
        return ()
    exceptions = yaml_file.load(file, ExceptionsFile).exceptions
    document = yaml_file.read(file)
    problems = [
        NyckeltalError(
            f"there is no rule '{exception.rule}'{did_you_mean(exception.rule, list(rules))}",
            file=file,
            line=yaml_file.line_of(document, ("exceptions", number, "rule")),
            field="rule",
            expected=" or ".join(sorted(rules)),
        )
        for number, exception in enumerate(exceptions)
        if exception.rule not in rules
    ]
    first = {(one.rule, one.subject): number for number, one in reversed(list(enumerate(exceptions)))}
    problems += [
        NyckeltalError(
            f"there is an exception from {one.rule} of {one.subject} already; keep one of the two",
            file=file,
            line=yaml_file.line_of(document, ("exceptions", number)),
        )
        for number, one in enumerate(exceptions)
        if first[one.rule, one.subject] != number
    ]
    if problems:
        raise Problems(problems)
    return exceptions


def without_accepted(
    findings: Sequence[Finding], exceptions: Sequence[LintException], rules_run: Collection[str], day: date
) -> list[Finding]:
    """The findings that no exception accepts on that day, and a finding for each exception that is no longer needed.

    An exception is only checked if its rule is among `rules_run`, the rules that looked for findings.
    """
    accepted = {(exception.rule, exception.subject) for exception in exceptions if exception.until >= day}
    found = {(finding.rule, finding.subject) for finding in findings}
    unneeded = [
        Finding(
            NOT_NEEDED,
            exception.subject,
            f"{exception.rule} finds nothing here: remove the exception from exceptions.yml",
        )
        for exception in exceptions
        if exception.rule in rules_run and (exception.rule, exception.subject) not in found
    ]
    return [finding for finding in findings if (finding.rule, finding.subject) not in accepted] + unneeded
