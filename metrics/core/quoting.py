"""Quotes names and texts for SQL and for dbt's Jinja."""

from __future__ import annotations

import re

from metrics.core.text import one_line

_JINJA = re.compile(r"\{(?=[{%#])")
_BLOCK_COMMENT = re.compile(r"(?<=\*)(?=/)|(?<=/)(?=\*)")


def identifier(name: str) -> str:
    """The name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """The text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def comment(text: str) -> str:
    """The text as a one-line comment in a dbt model. A blank breaks up what Jinja or SQL would interpret in it."""
    return "-- " + _BLOCK_COMMENT.sub(" ", _JINJA.sub("{ ", one_line(text)))


def jinja(text: str) -> str:
    """A Jinja template that renders to exactly that text."""
    return _JINJA.sub("{{ '{' }}", text)
