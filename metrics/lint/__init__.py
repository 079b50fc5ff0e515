"""The lint of KPI definitions: applies every rule in `rules/` to every KPI.

A rule is a module with a docstring that says what must hold, and a function `findings(kpi, company, layer)` that yields
a NyckeltalError for each violation.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules

from metrics.compiler.semantic_layer import SemanticLayer
from metrics.core.errors import NyckeltalError
from metrics.definitions.company import Company
from metrics.definitions.kpi import Kpi
from metrics.lint import rules

RULES = tuple(import_module(f"{rules.__name__}.{module.name}") for module in iter_modules(rules.__path__))


def findings(kpis: Iterable[Kpi], company: Company, layer: SemanticLayer) -> list[NyckeltalError]:
    """The violations of all rules by all KPIs."""
    return [finding for kpi in kpis for rule in RULES for finding in rule.findings(kpi, company, layer)]
