"""All findings of `kpi check`: findings on the definitions (`metrics/lint`), and findings on what was published.

`rules/` has the rules on what was published; they read only the published file. Findings that the company accepts are
left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from metrics.core.deployment import published_path
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from metrics.lint import exceptions, finding
from metrics.lint.finding import Finding
from metrics.lint.rule import apply, rules_of
from publishing.lint import rules
from publishing.lint.record import records

RULES = rules_of(rules)


def findings(company: Company, catalog: Catalog, day: date) -> list[Finding]:
    """The findings that the company doesn't accept on that day, by rule, and one for each exception without a finding.

    Without a published file, the rules on what was published aren't run.
    Raises Problems for mistakes in `exceptions.yml`.
    """
    accepted = exceptions.read(company, {*finding.RULES, *RULES})
    all_findings = list(finding.findings(company, catalog))
    rules_run = set(finding.RULES)
    if published_path().exists():
        all_findings += published_findings(day)
        rules_run |= set(RULES)
    return exceptions.without_accepted(all_findings, accepted, rules_run, day)


def published_findings(day: date) -> list[Finding]:
    """The findings on what was published. Raises NyckeltalError without a published file."""
    by_kpi = [
        Finding(rule, subject, problem)
        for record in records()
        for rule, (subject, problem) in apply(RULES, record=record, day=day)
    ]
    return sorted(by_kpi, key=lambda finding: finding.rule)


def relevance(kpi_id: str, day: date) -> Iterator[str]:
    """The findings on the KPI's published record that speak against its target or its use, except an overdue review."""
    for published_finding in published_findings(day):
        if published_finding.subject == kpi_id and published_finding.rule != "review_overdue":
            yield published_finding.problem
