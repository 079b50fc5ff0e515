"""Hostile and unusual texts are shown as texts on the terminal and in pages, and have no effect."""

from __future__ import annotations

import ast
import io
import json
import re
import sys
import unicodedata
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from rich.table import Table
from rich.tree import Tree

from metrics.core.deployment import PROJECT
from metrics.core.text import visible
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration import markdown
from orchestration.assets.publication import publication_assets
from orchestration.cli import app, terminal
from tests import hostile, warehouse_factory
from tests.warehouse_factory import Warehouse, cells, kpi

ALL = pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS.keys())
PRINTING = sorted({*(PROJECT / "orchestration").rglob("*.py")} - {PROJECT / "orchestration/cli/terminal.py"})


def obeyed(printed: str) -> list[str]:
    """The characters that a terminal could obey."""
    return [sign for sign in printed if sign not in "\n\t" and unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")]


def shown(renderable: object) -> str:
    """The output of the console for an object, with lines of any length."""
    stream = io.StringIO()
    terminal.PlainConsole(file=stream, width=30_000).print(renderable)
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
    for renderable, count in ((text, 1), (terminal.styled(text, (text, "bold")), 2), (table, 5), (tree, 2)):
        printed = shown(renderable)
        for line in lines:
            assert printed.count(line.strip()) >= count


@ALL
def test_the_progress_of_a_stage_is_shown_as_it_is(text: str) -> None:
    stream = io.StringIO()
    with terminal.PlainConsole(file=stream, width=30_000, force_terminal=True).status(terminal.styled(text)) as status:
        status.update(terminal.styled(text))
    assert visible(text).split("\n")[0].strip() in stream.getvalue()
    assert "\x1b[31mred" not in stream.getvalue() and "\x9b" not in stream.getvalue()


@ALL
def test_json_is_the_same_value_without_control_characters(text: str, capsys: pytest.CaptureFixture[str]) -> None:
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


@ALL
def test_dagsters_markdown_shows_the_text_and_nothing_else(text: str) -> None:
    tokens = [token for token in MarkdownIt().parse(markdown.plain(text)) if token.type != "inline" or token.children]
    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}
    parts = [part for token in tokens for part in token.children or ()]
    assert {part.type for part in parts} <= {"text", "softbreak", "text_special"}
    shown = "".join(part.content or "\n" for part in parts)
    assert shown.split() == visible(text).split()


@pytest.mark.parametrize("owner", ["a b@c.se", "<img>@x.se", "x@y", "anna", "cfo@example.com", "-a@b.se", "a@b.se\n"])
def test_dagster_loads_with_any_owner(owner: str) -> None:
    catalog = Catalog.read(Company.load())
    kpis = tuple(kpi.model_copy(update={"owner": owner}) for kpi in catalog.kpis)
    (spec, *_) = publication_assets(Company.load(), catalog.model_copy(update={"kpis": kpis})).specs
    assert list(spec.owners) == ([owner] if owner == "cfo@example.com" else [])


class Page(HTMLParser):
    """A page's tags, the names of their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_names_and_reasons_are_shown_as_texts_by_every_command_and_in_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A company, KPI, owner, members, a feed's fault and a reason with hostile names: published, held, decided on."""
    warehouse = warehouse_factory.make(tmp_path, monkeypatch)
    texts = [text for text in hostile.TEXTS.values() if "\udcff" not in text]
    everything = " ".join(texts)
    catalog = warehouse.catalog

    def of_hostile_name(warehouse: Warehouse) -> Catalog:
        return catalog.model_copy(update={"company": everything, "kpis": tuple(warehouse.kpis)})

    monkeypatch.setattr(Warehouse, "catalog", property(of_hostile_name))
    monkeypatch.setattr(Catalog, "read", staticmethod(lambda _: warehouse.catalog))
    monkeypatch.setattr(Company, "load", staticmethod(lambda *_: warehouse.company))
    kpi_texts = dict.fromkeys(("name", "description", "owner", "target_note"), everything)
    values = {"2026-01": cells(len(texts), **dict.fromkeys(texts, 1.0))}
    warehouse.add(kpi(target=None, **kpi_texts), values)
    warehouse.judge("2026-01-01", "2026-02-28")
    assert warehouse.publish("2026-01-01", "2026-02-28").published
    warehouse.feed("orders", outstanding=everything, watermark=date(2026, 1, 31))
    values["2026-02"] = cells(-len(texts), **dict.fromkeys(texts, -1.0))
    warehouse.add(kpi(target=None, **kpi_texts), values)
    warehouse.judge("2026-01-01", "2026-02-28")
    warehouse.publish("2026-01-01", "2026-02-28")

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["kpi", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        printed = capsys.readouterr()
        assert not ended.value.code, printed.err[-500:]
        assert not obeyed(printed.out + printed.err)
        return printed.out

    for arguments in (
        ["list"],
        ["show", "revenue"],
        ["show", "revenue", "--segment", "country"],
        ["status"],
        ["held"],
        ["held", "revenue"],
        ["as-of", "2026-03-05"],
        ["revisions", "revenue"],
        ["sql", "from kpi.observations"],
        ["sql", "from kpi.catalog"],
    ):
        assert run(*arguments) and json.loads(run(*arguments, "--json"))
    run("reject", "revenue", "2026-02", "--by", "controller", "--reason", everything[:1000])
    assert visible(texts[0]) in run("held")
    run("docs")
    pages = {path.stem: Page(path.read_text()) for path in (tmp_path / "docs").iterdir()}
    for page in pages.values():
        assert not page.tags & {"script", "img", "b"}
        assert not {name for name in page.attributes if name.startswith("on")}
        for text in texts:
            assert " ".join(visible(text).split()) in " ".join(page.text.split())


def test_an_argument_that_cannot_be_stored_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        sys, "argv", ["kpi", "reject", "revenue", "2026-01", "--reason", hostile.TEXTS["half a character"]]
    )
    with pytest.raises(SystemExit, match="2"):
        app.main()
    assert capsys.readouterr().err == "✗ argument 5: is not UTF-8 text, so it can't be stored\n"
