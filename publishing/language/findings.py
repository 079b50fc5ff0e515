"""What the gate and a release found, in another language: their sentences, stored in English, are read and told anew.

So a ledger keeps one text, in every language that is added later and of every release that was made before. What
people wrote isn't translated, nor are names of feeds, columns and members.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

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


class Sentences:
    """Translates findings. `translations` are sentences by the English ones, with names in braces for what varies.

    `number` and `segment` write a number and a segment's name as the language does.
    """

    def __init__(
        self, translations: Mapping[str, str], number: Callable[[str], str], segment: Callable[[str], str]
    ) -> None:
        self._patterns = [(_pattern(english), other) for english, other in translations.items()]
        self._number, self._segment = number, segment

    def finding(self, text: str) -> str | None:
        """The finding in the language; None where one of its sentences isn't known."""
        if whole := self._sentence(text):
            return whole
        parts = [self._sentence(part) for part in text.split(_PART)]
        known = [part for part in parts if part is not None]
        return _PART.join(known) if len(known) == len(parts) else None

    def _sentence(self, text: str) -> str | None:
        for pattern, other in self._patterns:
            if match := pattern.fullmatch(text):
                return other.format_map({name: self._value(name, value) for name, value in match.groupdict().items()})
        return None

    def _value(self, name: str, text: str) -> str:
        """What stands for a name: a number, a sentence, or else a text that stays as it is."""
        if name == "segment":
            return self._segment(text)
        if re.fullmatch(rf"{_NUMBER} ?%?", text):
            return self._number(text)
        return self._sentence(text) or text


@cache
def _pattern(english: str) -> re.Pattern[str]:
    """The regular expression of a sentence with names in braces."""
    parts = _NAME.split(english)
    named = [
        f"(?P<{part}>{_KINDS.get(part.rstrip('0123456789'), _TEXT)})" if place % 2 else re.escape(part)
        for place, part in enumerate(parts)
    ]
    return re.compile("".join(named), re.DOTALL)
