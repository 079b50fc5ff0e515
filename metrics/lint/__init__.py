"""The lint of KPI definitions: applies every rule in `rules/` to every KPI.

There are three kinds of rules, by what they read and what becomes of what they find. Each rule is a module.
- `rules/`: what must hold for a definition to be computed. Such a rule reads a KPI and the semantic layer:
  `findings(kpi, company, layer)` yields a NyckeltalError for each violation. These are mistakes: nothing runs with one.
- `governance/`: how the company manages its KPIs. Such a rule reads the whole catalogue; see `finding.py`.
- `publishing/lint/rules/`: what the published values say of a KPI. Such a rule reads a KPI's record; see
  `publishing/lint/`.
What the last two find changes nothing, and `exceptions.yml` can accept it for a while.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules

from metrics.compiler.semantic_layer import SemanticLayer
from metrics.core.errors import NyckeltalError
from metrics.definitions.company import Company
from metrics.definitions.kpis.kpi import Kpi
from metrics.lint import rules

RULES = tuple(import_module(f"{rules.__name__}.{module.name}") for module in iter_modules(rules.__path__))


def findings(kpis: Iterable[Kpi], company: Company, layer: SemanticLayer) -> list[NyckeltalError]:
    """The violations of all rules by all KPIs."""
    return [finding for kpi in kpis for rule in RULES for finding in rule.findings(kpi, company, layer)]
