"""Escapes texts for Markdown, such as descriptions on Dagster's pages and mails: no image or link takes effect."""

from __future__ import annotations

import re

from metrics.core.text import visible

# Characters that Markdown interprets: anywhere or at the edge of a word (_MARK), and at the beginning of a line.
_MARK = re.compile(r":(?=//)|(?<=www)\.|[\\`*\[\]<>&#!|~$]|(?<![^\W_])_|_(?![^\W_])")
_BEGINNING = re.compile(r"^([ \t]*(?:\d+(?=[.)])|(?=[-+=])))", re.MULTILINE)


def plain(text: str) -> str:
    """The Markdown that renders as this text."""
    return _BEGINNING.sub(r"\1\\", _MARK.sub(r"\\\g<0>", visible(text)))
