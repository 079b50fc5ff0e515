"""Text from outside, as it may be shown: control characters are written out, so that none of them takes effect."""

from __future__ import annotations

import re

# Control characters but tab and line feed, line and paragraph separators, what turns the direction of the text around
# it, and halves of characters, which the names of files can hold and nothing can print.
_UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LINE_BREAKS = re.compile(r"[\t\n]")


def storable(text: str) -> bool:
    """Whether a file or database can hold the text: it has no NUL character and no half of a surrogate pair."""
    return _UNSTORABLE.search(text) is None


def visible(text: str) -> str:
    r"""The text with its control characters written out, such as `\x1b`. Tabs and line feeds stay."""
    return _UNSHOWN.sub(_written_out, text)


def one_line(text: str) -> str:
    r"""The visible text with its tabs and line feeds written out, too: `\t`, `\n`."""
    return _LINE_BREAKS.sub(_written_out, visible(text))


def _written_out(character: re.Match[str]) -> str:
    return character[0].encode("unicode_escape").decode("ascii")
