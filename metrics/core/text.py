"""Text to show: control characters of text from outside as escapes such as `\\x1b`, short paths, units."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

# Control characters except tab and line feed, line and paragraph separators, characters that change the direction of
# the text, codes of no character, and halves of surrogate pairs, which names of files can contain and no terminal can
# print.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]")
_INVISIBLE = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"  # letters and marks that nothing is printed for
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# A spreadsheet takes a cell that begins like this for a formula (OWASP, "CSV Injection"; full-width forms too).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_LINE_BREAKS = re.compile(r"[\t\n]")


def storable(text: str) -> bool:
    """Whether a file or database can store the text: it has no NUL character and no half of a surrogate pair."""
    return _UNSTORABLE.search(text) is None


def invisible(text: str) -> str:
    """The characters of the text that can't be seen: control characters, marks of direction, of no width or meaning."""
    return "".join(sign for sign in text if sign in _BLANK or unicodedata.category(sign) in _INVISIBLE)


def has_figures(text: str) -> bool:
    """Whether the text has digits or other signs that stand for a number, such as ½, ² or Ⅳ."""
    return any(unicodedata.category(sign).startswith("N") for sign in text)


def visible(text: str) -> str:
    r"""The text with its control characters as escapes, such as `\x1b`. Tabs and line feeds stay."""
    return _UNPRINTABLE.sub(_escaped, text)


def one_line(text: str) -> str:
    r"""The visible text with its tabs and line feeds as escapes, too: `\t`, `\n`."""
    return _LINE_BREAKS.sub(_escaped, visible(text))


def no_formula(text: str) -> str:
    """The text for a CSV file: with a `'` before it if a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def short_path(path: Path | str) -> str:
    """The path relative to the working directory if it lies below it, else as it is."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except (ValueError, OSError):  # it lies elsewhere, or the working directory was deleted
        return str(path)


def _escaped(character: re.Match[str]) -> str:
    return character[0].encode("unicode_escape").decode("ascii")


def with_currency(unit: str, currency: str) -> str:
    """The unit with the reporting currency in the place of its name: MWh per million SEK."""
    return re.sub(r"\bcurrency\b", currency, unit)
