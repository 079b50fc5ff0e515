"""All findings of `kpi check`: findings on the definitions (`metrics/lint`), and findings on what was published.

`rules/` has the rules on what was published; they read only the published file. Findings that the company accepts are
left out.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from metrics.core.deployment import published_path
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from metrics.lint import exceptions, finding
from metrics.lint.finding import Finding
from metrics.lint.rule import apply, rules_of
from publishing.analysis.relevance import leads_to
from publishing.language import Language, language
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


def of_review(kpi_id: str, day: date, lang: str = "en") -> dict[str, Any]:
    """What a review looks at beside the facts of `answers.reviews`.

    `relevance` has what of the KPI's published record speaks against its target or its use, in sentences; `leads_to`
    whether it leads (`analysis.relevance`), None for a KPI that isn't leading. Its review is left out. In the language
    `lang`, as far as the rules' findings have words in it.
    """
    elsewhere = ("review_overdue", "leads_nothing")
    speaking = [one for one in published_findings(day) if one.subject == kpi_id and one.rule not in elsewhere]
    return {"relevance": [_said(one.problem, language(lang)) for one in speaking], "leads_to": leads_to(kpi_id, lang)}


def _said(problem: str, words: Language) -> str:
    """A finding about the past year in the language: its sentence has the number of periods at its end."""
    said, _, periods = problem.partition(" the past ")
    count, _, name = periods.partition(" ")
    key = f"{said} the past {{periods}}"
    return words.t(key, periods=f"{count} {words.t(name)}") if key in words.words else problem
