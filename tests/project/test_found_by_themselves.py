"""Readers and commands are found by their modules: each module has what the finder expects, and none is left out."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from metrics.core.errors import NyckeltalError
from metrics.definitions.company import Company
from orchestration.cli import commands
from orchestration.cli.app import app
from orchestration.ingest import readers
from orchestration.ingest.sources.files import feed_files
from tests.ingest_company import IngestCompany

FORMATS = sorted(path.stem for path in Path(readers.__file__).parent.glob("[a-z]*.py"))


def test_a_feed_may_have_each_format_that_has_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    company = IngestCompany(tmp_path)
    for file_format in FORMATS:
        company.feed(f"{file_format}_rows", format=file_format)
    readers.require_known_formats(company.feeds.values())
    company.feed("orders", format="cvs")
    with pytest.raises(
        NyckeltalError, match=r"feeds\.orders\.format: there is no such format \(did you mean 'csv'\?\)"
    ):
        readers.require_known_formats(company.feeds.values())
    monkeypatch.setattr(Company, "load", staticmethod(lambda: SimpleNamespace(feeds=company.feeds)))
    refused = CliRunner().invoke(app, ["check"]).exception
    assert isinstance(refused, NyckeltalError) and "expected csv or excel or jsonl or parquet" in str(refused)


@pytest.mark.parametrize("file_format", FORMATS)
def test_files_in_a_folder_are_chosen_by_the_extensions_of_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_format: str
) -> None:
    monkeypatch.setenv("NYCKELTAL_SOURCE_DIR", str(tmp_path / "sources"))
    company = IngestCompany(tmp_path)
    company.feed("orders", path="orders", format=file_format)
    extensions = readers.reader(file_format).EXTENSIONS
    names = sorted(f"orders/{place}{extension}" for place, extension in enumerate(extensions))
    for name in [*names, "orders/readme.md"]:
        company.write(name, "")
    assert [file.name for file in feed_files(company.feeds["orders"])] == names


def test_each_command_module_adds_its_commands() -> None:
    groups = commands.command_groups()
    modules = [path.stem for path in Path(commands.__file__).parent.glob("[a-z]*.py")]
    assert len(groups) == len(modules)
    all_commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for group in groups:
        added = typer.main.get_group(group)
        name = group.info.name
        assert {name} <= set(all_commands) if isinstance(name, str) else set(added.commands) <= set(all_commands)
