"""Prints the findings of `kpi check`, by rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding

from metrics.lint.finding import Finding
from orchestration.cli.terminal import styled


def print_findings(terminal: Console, findings: Sequence[Finding]) -> None:
    """Print the findings below the name of their rule; nothing without any."""
    by_rule: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_rule[finding.rule].append(finding)
    for rule, rule_findings in by_rule.items():
        terminal.print(styled((f"{rule} ({len(rule_findings)})", "bold yellow")))
        for finding in rule_findings:
            text = styled((finding.subject, "bold"), f": {finding.problem}")
            terminal.print(Padding(text, (0, 0, 0, 2), expand=False), highlight=False)
    if findings:
        terminal.print(f"{_count(findings)}; docs/reference/lint.md says why each rule matters.", style="dim")


def print_count(terminal: Console, findings: Sequence[Finding]) -> None:
    """Print how many findings there are, and where they are listed; nothing without any."""
    if findings:
        terminal.print(styled((f"{_count(findings)} on how KPIs are managed:", "yellow"), " `kpi check` lists them."))


def _count(findings: Sequence[Finding]) -> str:
    return f"{len(findings)} finding{'s' * (len(findings) != 1)}"
