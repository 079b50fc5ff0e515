"""The page `docs/reference/commands.md`: every command of `kpi` with its arguments and options, from the commands.

`python -m orchestration.cli.reference` writes it. To change the page, change the function of the command.
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc
from typing import Any

import typer

from metrics.core.deployment import PROJECT
from orchestration.cli.app import app

PAGE = PROJECT / "docs" / "reference" / "commands.md"
_HEAD = """# The commands

<!-- Written by `python -m orchestration.cli.reference`; change the commands, not this page. -->

`kpi COMMAND --help` shows the same. A command ends with status 0. It ends with status 2 when what it was given is
wrong, and with status 1 where the text below says so."""


def page() -> str:
    """The page."""
    commands = list(_commands(typer.main.get_command(app), "kpi"))
    lines = [f"| [`{name}`](#{name.replace(' ', '-')}) | {_paragraphs(command)[0]} |" for name, command in commands]
    parts = [_HEAD, "\n".join(["| command | what it does |", "| --- | --- |", *lines])]
    for name, command in commands:
        context = typer.Context(command)
        usage = _plain(" ".join(command.collect_usage_pieces(context)))
        parts += [f"## `{name}`", f"`{name} {usage}`", *_paragraphs(command)]
        records = [record for parameter in command.params if (record := parameter.get_help_record(context))]
        if records:
            rows = [f"| `{_cell(_plain(record[0]))}` | {_cell(record[1])} |" for record in records]
            parts.append("\n".join(["| argument or option | meaning |", "| --- | --- |", *rows]))
    return "\n\n".join(parts) + "\n"


def _commands(group: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command below a group, with its full name."""
    for key, command in group.commands.items():
        full = f"{name} {key}"
        if hasattr(command, "commands"):
            yield from _commands(command, full)
        else:
            yield full, command


def _plain(usage: str) -> str:
    """A usage without typer's second brackets: KPI and not {KPI}, [KPI] and not [[KPI]]."""
    for marks, plain in ((" []...", ""), ("…]...", "…"), ("[[", "["), ("]]", "]"), ("{", ""), ("}", "")):
        usage = usage.replace(marks, plain)
    return usage


def _paragraphs(command: Any) -> list[str]:
    """The paragraphs of a command's help, each on one line."""
    return [" ".join(part.split()) for part in cleandoc(command.help or "").split("\n\n")]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
