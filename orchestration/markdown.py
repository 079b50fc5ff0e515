"""Texts for Dagster's pages, which show every description as Markdown: no image is loaded, nothing is left out."""

from __future__ import annotations

import re

from metrics.core.text import visible

# What means something to Markdown anywhere or at the edge of a word, and at the beginning of a line.
_MARK = re.compile(r":(?=//)|[\\`*\[\]<>&#!|~$]|(?<![^\W_])_|_(?![^\W_])")
_BEGINNING = re.compile(r"^([ \t]*(?:\d+(?=[.)])|(?=[-+=])))", re.MULTILINE)


def plain(text: str) -> str:
    """The Markdown that shows the text as it is."""
    return _BEGINNING.sub(r"\1\\", _MARK.sub(r"\\\g<0>", visible(text)))
