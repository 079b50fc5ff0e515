"""All output to the terminal goes through here: one console, text with styles, JSON and CSV.

No text is read as Rich's markup, because any text can come from data or files: styles are given with `styled` only.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from metrics.core.text import no_formula, visible

DONE = ("✓ ", "green")
FAILED = ("✗ ", "red")
WIDTH_WITHOUT_TERMINAL = 120
# Characters that JSON doesn't escape and that could control a terminal; in JSON they can only be inside texts.
_UNSHOWN_IN_JSON = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class PlainConsole(Console):
    """A console that shows a text as it is: without markup and emoji codes, and with control characters spelt out."""

    def render_str(self, text: str, **options: Any) -> Text:
        """The text to show; `options` are Rich's."""
        return super().render_str(visible(text), **{**options, "markup": False, "emoji": False})


def console(*, stderr: bool = False) -> Console:
    """A console on the present standard output or error; 120 characters wide where no terminal or COLUMNS says else."""
    stream = sys.stderr if stderr else sys.stdout
    has_width = stream.isatty() or "COLUMNS" in os.environ
    return PlainConsole(file=stream, width=None if has_width else WIDTH_WITHOUT_TERMINAL)


def styled(*parts: str | tuple[str, str] | Text) -> Text:
    """The parts joined into one text; a part with a style is (text, style), such as ("hold", "red")."""
    return Text.assemble(*(_part(part) for part in parts))


def print_json(value: Any, default: Callable[[Any], Any] = str) -> None:
    """Print the value as JSON; `default` converts objects that JSON has no form for."""
    text = json.dumps(value, default=default, ensure_ascii=False, indent=1)
    typer.echo(_UNSHOWN_IN_JSON.sub(lambda character: f"\\u{ord(character[0]):04x}", text))


def print_text(text: str) -> None:
    """Print a text as it is, without wrapping it: with its control characters as escapes."""
    typer.echo(visible(text))


def print_csv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows as CSV, with a header. A text that a spreadsheet would take for a formula gets a `'` before it."""
    as_text = visible if sys.stdout.isatty() else str
    for row in (names, *rows):
        line = io.StringIO(newline="")
        cells = [as_text(no_formula(value)) if isinstance(value, str) else value for value in row]
        csv.writer(line).writerow(cells)  # with another line terminator it would not quote a carriage return
        typer.echo(line.getvalue().removesuffix("\r\n"))


def _part(part: str | tuple[str, str] | Text) -> str | tuple[str, str] | Text:
    if isinstance(part, str):
        return visible(part)
    return part if isinstance(part, Text) else (visible(part[0]), part[1])
