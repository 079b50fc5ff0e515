"""Hostile and unusual texts are shown as texts, on the terminal and in pages; nothing of them takes effect."""

from __future__ import annotations

import ast
import io
import json
import re
import unicodedata
from pathlib import Path

import pytest
from rich.table import Table
from rich.tree import Tree

from metrics.company import PROJECT
from metrics.text import visible
from orchestration import terminal
from tests import hostile

ALL = pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS.keys())
PRINTING = sorted({*(PROJECT / "orchestration").rglob("*.py")} - {PROJECT / "orchestration/terminal.py"})


def obeyed(printed: str) -> list[str]:
    """The characters that a terminal could obey."""
    return [sign for sign in printed if sign not in "\n\t" and unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")]


def shown(thing: object) -> str:
    """What the console prints of a thing, where lines are as long as they need be."""
    stream = io.StringIO()
    terminal.PlainConsole(file=stream, width=30_000).print(thing)
    assert not obeyed(stream.getvalue())
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", stream.getvalue())
    return stream.getvalue()


@ALL
def test_the_terminal_shows_a_text_as_it_is(text: str) -> None:
    table = Table(title=text, caption=text)
    table.add_column(text)
    table.add_row(text)
    table.add_row(terminal.styled((text, "red"), text))
    tree = Tree(text)
    tree.add(text)
    lines = re.split("[\n\t]", visible(text))
    for thing, count in ((text, 1), (terminal.styled(text, (text, "bold")), 2), (table, 5), (tree, 2)):
        printed = shown(thing)
        for line in lines:
            assert printed.count(line.strip()) >= count


@ALL
def test_what_is_under_way_is_shown_as_it_is(text: str) -> None:
    stream = io.StringIO()
    with terminal.PlainConsole(file=stream, width=30_000, force_terminal=True).status(terminal.styled(text)) as status:
        status.update(terminal.styled(text))
    assert visible(text).split("\n")[0].strip() in stream.getvalue()
    assert "\x1b[31mred" not in stream.getvalue() and "\x9b" not in stream.getvalue()


@ALL
def test_json_says_the_same_and_moves_no_terminal(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_json({text: [text]})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {text: [text]}
    assert not obeyed(printed)


@pytest.mark.parametrize("path", PRINTING, ids=lambda path: path.name)
def test_nothing_else_prints_or_reads_markup(path: Path) -> None:
    tree = list(ast.walk(ast.parse(path.read_text())))
    called = {node.func for node in tree if isinstance(node, ast.Call)}
    names = {node.id for node in called if isinstance(node, ast.Name)}
    methods = {node.attr for node in called if isinstance(node, ast.Attribute)}
    modules = {node.module for node in tree if isinstance(node, ast.ImportFrom)}
    assert not names & {"Console", "Text", "print"}
    assert not methods & {"from_markup", "assemble", "echo", "secho"}
    assert "rich.markup" not in modules
