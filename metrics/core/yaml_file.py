"""Reads a YAML file into a pydantic model and reports every mistake with its line."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import AliasEvent, ScalarEvent
from ruamel.yaml.reader import ReaderError

from metrics.core.errors import NyckeltalError, Problems, did_you_mean
from metrics.core.text import one_line, storable

MAX_DEPTH = 50


class Strict(BaseModel):
    """A model of a part of a YAML file: it refuses unknown keys, infinity and NaN; its values can't be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Refused(ComposerError):
    """YAML that is valid but not supported here."""

    def __init__(self, problem: str, event: Any) -> None:
        super().__init__(None, None, problem, event.start_mark)


class _PlainComposer(Composer):
    """Refuses what lets a small file grow without limit, and texts that no file or database can store."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The next node, as the base class composes it."""
        event = self.parser.peek_event()
        if isinstance(event, AliasEvent):
            raise _Refused(f"an alias (*{event.anchor}) is not supported; write the value out", event)
        if isinstance(event, ScalarEvent) and event.value == "<<" and not event.style:
            raise _Refused("a merge key (<<) is not supported; write its keys out", event)
        if isinstance(event, ScalarEvent) and not storable(event.value):
            raise _Refused(r"a text holds a character that can't be stored (\0, or half of a surrogate pair)", event)
        if self.depth == MAX_DEPTH:
            raise _Refused(f"nested more than {MAX_DEPTH} levels deep", event)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


Model = TypeVar("Model", bound=BaseModel)


def load(path: Path, model: type[Model]) -> Model:
    """The file as `model`.

    Raises Problems: one finding per mistake, with file, line and field.
    """
    document = read(path)
    try:
        return model.model_validate(_plain(document))
    except ValidationError as error:
        raise Problems([_finding(path, document, model, mistake) for mistake in error.errors()]) from None


def read(path: Path) -> CommentedMap:
    """The file's mapping with its line numbers, in ruamel's round-trip types. It is shared: don't change it.

    Raises NyckeltalError when the file doesn't exist, isn't YAML, or its top level isn't a mapping.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise NyckeltalError("there is no such file", file=path) from None
    return parsed(path, content)


def parsed(path: Path, content: bytes) -> CommentedMap:
    """The same for a text that the file has, or is going to have."""
    try:
        document = _parsed(content)
    except _Refused as error:
        raise NyckeltalError(error.problem, file=path, line=error.problem_mark.line + 1) from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise NyckeltalError(f"not valid YAML: {error.problem}", file=path, line=line) from None
    except ReaderError as error:
        problem = f"not valid YAML: character U+{error.character:04X} must be written as an escape"
        raise NyckeltalError(f"{problem}, at character {error.position + 1} of the file", file=path) from None
    except UnicodeDecodeError as error:
        raise NyckeltalError(f"not UTF-8 text: {error.reason} at byte {error.start}", file=path) from None
    except ValueError as error:  # a date such as 2026-02-30; the parser doesn't report its line
        raise NyckeltalError(f"not valid YAML: {error}", file=path) from None
    if not isinstance(document, CommentedMap):
        raise NyckeltalError("the file's top level is not a mapping", file=path, line=1, expected="`key: value` lines")
    if repeated := list(_repeated_keys(document)):
        raise Problems(
            [
                NyckeltalError(f"the key {one_line(name)} is there twice", file=path, line=line)
                for name, line in repeated
            ]
        )
    return document


@lru_cache(maxsize=1000)  # a process reads the same files several times, and a hundred lines take 50 ms
def _parsed(content: bytes) -> Any:
    parser = YAML(typ="rt")
    parser.Composer = _PlainComposer
    return parser.load(content)


def line_of(document: Any, keys: tuple[int | str, ...]) -> int | None:
    """The 1-based line of the deepest of `keys` that the document has."""
    line: int | None = None
    node = document
    for key in keys:
        if isinstance(node, CommentedMap) and (own_keys := [own for own in node if _name(own) == str(key)]):
            line = node.lc.key(own_keys[0])[0] + 1
            node = node[own_keys[0]]
        elif isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
            line = node.lc.item(key)[0] + 1
            node = node[key]
    return line


def _repeated_keys(node: Any) -> Iterator[tuple[str, int]]:
    """The keys that are the same text as one before in their mapping, such as 2026 and "2026"; with their lines."""
    if isinstance(node, CommentedMap):
        names: set[str] = set()
        for key, value in node.items():
            if _name(key) in names:
                yield _name(key), node.lc.key(key)[0] + 1
            names.add(_name(key))
            yield from _repeated_keys(value)
    elif isinstance(node, CommentedSeq):
        for value in node:
            yield from _repeated_keys(value)


def _plain(node: Any) -> Any:
    """The node as plain dictionaries and lists, with the keys as texts."""
    if isinstance(node, dict):
        return {_name(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    return node


def _name(key: Any) -> str:
    """A key as it is written in the file: YAML reads an unquoted `null` or `true` as a value that isn't a text."""
    return "null" if key is None else str(key).lower() if isinstance(key, bool) else str(key)


def _finding(path: Path, document: CommentedMap, model: type[BaseModel], error: Any) -> NyckeltalError:
    """A mistake that pydantic reports, as an error with file, line and field."""
    keys = tuple(key for key in error["loc"] if key != "[key]")  # pydantic adds "[key]" where a key itself is wrong
    field = one_line(".".join(str(key) for key in keys))
    line = line_of(document, keys) or 1
    if error["type"] == "extra_forbidden":
        siblings = _fields_beside(model, keys)
        problem = f"unknown key{did_you_mean(str(keys[-1]), siblings)}"
        return NyckeltalError(problem, file=path, line=line, field=field, expected=f"one of {', '.join(siblings)}")
    if error["type"] == "missing":
        return NyckeltalError("is required but missing", file=path, line=line, field=field)
    message = error["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    value = error["input"] if isinstance(error["input"], str | int | float | bool) else None
    return NyckeltalError(message, file=path, line=line, field=field, found=value)


def _fields_beside(model: type[BaseModel], keys: tuple[int | str, ...]) -> list[str]:
    """The keys that the model allows beside the last of `keys`; sorted."""
    current: type[BaseModel] = model
    for key in keys[:-1]:
        field = current.model_fields.get(str(key))
        if field is None:
            continue
        inner = _models_in(field.annotation)
        if inner:
            current = inner[0]
    return sorted(field.alias or name for name, field in current.model_fields.items())


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]
