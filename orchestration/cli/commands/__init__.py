"""The commands of `kpi`, found by themselves: each module of this package has a Typer `app` with one group of commands.

To add a command, write it into the module of its group, or add a module with an `app`. The commands of an `app` without
a name are commands of `kpi`; an `app` with a name, such as "ledger", is a group: `kpi ledger verify`. `HELP_ORDER` is
the place of a module's commands in `kpi --help`; modules without it come last.

A command module imports heavy libraries inside its functions, so that every command starts quickly.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import typer


def command_groups() -> list[typer.Typer]:
    """The `app` of every module in this package, in the order of the help."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    ordered = sorted(modules, key=lambda module: getattr(module, "HELP_ORDER", len(modules)))
    return [module.app for module in ordered]
