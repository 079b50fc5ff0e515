"""What the gate and a release found, in another language: sentences stored in English are recognised and translated.

So a ledger keeps one text, in every language that is added later and of every release that was made before. What
people wrote isn't translated, nor are names of feeds, columns and members.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Protocol

_NUMBER = r"[+-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?"
# What a name in braces stands for; a digit at its end tells two of a kind apart. Other names stand for any text.
_KINDS = {
    "number": _NUMBER,
    "share": rf"{_NUMBER} ?%",
    "day": r"\d{4}-\d\d-\d\d",
    "month": r"\d{4}-\d\d",
    "word": r"[\w.-]+",
    "segment": r"\w+",
    "column": r"[^:;]+",
    "code": r"\d{4}[\w-]*",
    "change": r"[+-](?:(?!; ).)+",
}
_TEXT = r"(?:(?!; ).)+"
_NAME = re.compile(r"\{(\w+)\}")
_PART = "; "  # between the sentences of a finding


class Writer(Protocol):
    """Writes numbers and names of segments as a language does."""

    def restated(self, number: str) -> str: ...

    def segment(self, segment: str) -> str: ...


def translated(text: str, translations: Mapping[str, str], writer: Writer) -> str | None:
    """The finding by `translations`, sentences by the English ones; None where one of its sentences isn't known.

    Names in braces stand for what varies.
    """
    if whole := _sentence(text, translations, writer):
        return whole
    parts = [_sentence(part, translations, writer) for part in text.split(_PART)]
    known = [part for part in parts if part is not None]
    return _PART.join(known) if len(known) == len(parts) else None


def _sentence(text: str, translations: Mapping[str, str], writer: Writer) -> str | None:
    for english, other in translations.items():
        if match := _pattern(english).fullmatch(text):
            values = match.groupdict().items()
            return other.format_map({name: _value(name, value, translations, writer) for name, value in values})
    return None


def _value(name: str, text: str, translations: Mapping[str, str], writer: Writer) -> str:
    """What stands for a name: a number, a segment, a sentence, or else a text that stays as it is."""
    if name == "segment":
        return writer.segment(text)
    if re.fullmatch(rf"{_NUMBER} ?%?", text):
        return writer.restated(text)
    return _sentence(text, translations, writer) or text


@cache
def _pattern(english: str) -> re.Pattern[str]:
    """The regular expression of a sentence with names in braces."""
    parts = _NAME.split(english)
    named = [
        f"(?P<{part}>{_KINDS.get(part.rstrip('0123456789'), _TEXT)})" if place % 2 else re.escape(part)
        for place, part in enumerate(parts)
    ]
    return re.compile("".join(named), re.DOTALL)
