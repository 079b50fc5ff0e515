"""A leading KPI moved before another KPI, where its outcomes have enough published history to say so.

A leading KPI is looked at because it tells what will come. One that moves before nothing warns nobody: look for one
that does, or call it lagging. Outcomes are the lagging KPIs in use of its objective and of those above it.
"""

from __future__ import annotations

from collections.abc import Iterator

from publishing.lint.record import Record


def findings(record: Record) -> Iterator[tuple[str, str]]:
    if record.leads_to and record.leads_to["verdict"] == "leads nothing":
        text = record.leads_to["text"]
        yield record.kpi_id, f"{text[:1].lower()}{text[1:]}"
