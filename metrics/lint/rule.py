"""How rules are found and applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from inspect import signature
from pkgutil import iter_modules
from types import ModuleType
from typing import Any


def rules_of(package: ModuleType) -> dict[str, ModuleType]:
    """The rules of a package by their names."""
    names = [module.name for module in iter_modules(package.__path__)]
    return {name: import_module(f"{package.__name__}.{name}") for name in names}


def apply(rules: Mapping[str, ModuleType], **readable: object) -> Iterator[tuple[str, Any]]:
    """The name of a rule and what it yields, for each violation. `readable` has what rules may read, by parameter."""
    for name, rule in rules.items():
        read = {parameter: readable[parameter] for parameter in signature(rule.findings).parameters}
        for finding in rule.findings(**read):
            yield name, finding
