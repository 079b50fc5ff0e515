"""Every check of the gate, found in the folders beside this module."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from data_quality.gate.checks import computation, result, rows, values
from data_quality.gate.checks.check import LEVELS, Check, LimitOf

CHECKS: tuple[Check, ...] = tuple(
    import_module(f"{family.__name__}.{module.name}").CHECK
    for family in (computation, rows, values, result)
    for module in sorted(pkgutil.iter_modules(family.__path__), key=lambda module: module.name)
)
NAMES = tuple(check.name for check in CHECKS)
STATISTICAL = tuple(check.name for check in CHECKS if check.by_chance)
LIMITS = tuple(LimitOf(check, level) for check in CHECKS for level in LEVELS)
"""The limits of all checks, in the order of CHECKS: a KPI may set a limit for which the check has no default."""
