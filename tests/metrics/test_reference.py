"""The reference pages say what the models and the input contracts say, and leave no key without a meaning."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from metrics.core.deployment import PROJECT
from metrics.reference import FILES, models_in, pages
from orchestration.cli import reference as commands
from publishing.lint import reference as rules


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for name, field in model.model_fields.items():
        for inner, _ in models_in(field.annotation, name):
            yield from models(inner)


@pytest.mark.parametrize("path", ["docs/reference/yaml_files.md", "docs/reference/input_entities.md"])
def test_the_pages_are_up_to_date(path: str) -> None:
    """`python -m metrics.reference`, or UPDATE_SNAPSHOTS=1, writes them anew."""
    if os.environ.get("UPDATE_SNAPSHOTS"):
        (PROJECT / path).write_text(pages()[path], encoding="utf-8")
    assert (PROJECT / path).read_text(encoding="utf-8") == pages()[path]


def test_the_page_of_commands_is_up_to_date() -> None:
    """`python -m orchestration.cli.reference`, or UPDATE_SNAPSHOTS=1, writes it anew."""
    if os.environ.get("UPDATE_SNAPSHOTS"):
        commands.PAGE.write_text(commands.page(), encoding="utf-8")
    assert commands.PAGE.read_text(encoding="utf-8") == commands.page()


def test_the_page_of_rules_is_up_to_date() -> None:
    """`python -m publishing.lint.reference`, or UPDATE_SNAPSHOTS=1, writes it anew."""
    if os.environ.get("UPDATE_SNAPSHOTS"):
        rules.PAGE.write_text(rules.page(), encoding="utf-8")
    assert rules.PAGE.read_text(encoding="utf-8") == rules.page()


@pytest.mark.parametrize("file", FILES)
def test_every_key_has_a_meaning(file: str) -> None:
    for model in models(FILES[file]):
        assert model.__doc__ != BaseModel.__doc__
        unsaid = [
            name for name, field in model.model_fields.items() if not (field.description or "").endswith((".", "…"))
        ]
        assert not unsaid, f"{model.__name__} has fields without a description: {unsaid}"


def test_every_file_of_the_sample_company_is_of_a_listed_kind() -> None:
    company = PROJECT / "sample_company"
    patterns = [name.replace("<system>", "*").replace("<domain>", "*").replace("<kpi>", "*") for name in FILES]
    for file in company.rglob("*.yml"):
        place = file.relative_to(company)
        assert place.parts[0] in ("compiled", "models") or any(place.match(pattern) for pattern in patterns), place
