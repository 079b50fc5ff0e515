"""Names and texts as SQL and dbt's Jinja have them."""

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
    """The text as a comment of one line of a dbt model. Blanks part what Jinja or SQL would read in it."""
    return "-- " + _BLOCK_COMMENT.sub(" ", _JINJA.sub("{ ", one_line(text)))


def jinja(text: str) -> str:
    """The template that Jinja renders to that text."""
    return _JINJA.sub("{{ '{' }}", text)
