"""The languages of what people read: its words, and numbers, periods and dates as each language writes them.

A KPI's name and description in another language stand in its definition. What people wrote stays as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from metrics.core.errors import NyckeltalError
from metrics.core.periods import parse
from metrics.core.segments import words
from metrics.core.text import with_currency
from publishing.language.findings import translated
from publishing.language.swedish import SWEDISH
from publishing.language.swedish.findings import FINDINGS

_ENGLISH_MONTHS = "January February March April May June July August September October November December"
_SWEDISH_MONTHS = "januari februari mars april maj juni juli augusti september oktober november december"
_NO_BREAK = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"


@dataclass(frozen=True)
class Language:
    """A language: `words` translates the English words of the site, `large` names a million, a billion and a trillion.

    `group` is the sign between thousands, `point` the sign before decimals. `findings` translates sentences that are
    stored in English.
    """

    code: str
    own_name: str
    words: Mapping[str, str]
    months: tuple[str, ...]
    group: str
    point: str
    large: tuple[str, str, str]
    percentage_points: str
    findings: Mapping[str, str] = field(default_factory=dict)

    def t(self, english: str, **values: object) -> str:
        """The text in this language. `{name}` in it is replaced by a value."""
        text = self.words.get(english, english)
        return text.format(**values) if values else text  # a text from the catalogue may hold braces

    def title(self, english: str) -> str:
        """The text in this language, beginning with a capital letter."""
        text = self.t(english)
        return text[:1].upper() + text[1:]

    def in_sentences(self) -> Language:
        """The same, for texts that have room: Swedish percentage points are spelt out."""
        return replace(self, percentage_points=self.t("percentage points")) if self.code == "sv" else self

    def segment(self, segment: str) -> str:
        """The segment's name; for a combination the names of its parts, such as channel × country."""
        return " × ".join(self.t(part.replace("_", " ")) for part in words(segment).split(" × "))

    def incident(self, title: str, names: Mapping[str, str]) -> str:
        """An incident's title, which names a feed or a KPI. `names` has the KPIs' names by their English ones.

        What has no word in this language stays as it is.
        """
        subject, _, wrong = title.rpartition(": ")
        if not subject or wrong not in self.words:
            return title
        feed = subject.removeprefix("Feed ")
        named = self.t("Feed {name}", name=feed) if feed != subject else subject
        return f"{names.get(subject, named)}: {self.t(wrong)}"

    def finding(self, english: str) -> str | None:
        """What a check found, or why a value was revised, which is stored in English; None where no words are known."""
        return translated(english, self.findings, self) if self.findings else english

    def revision(self, revision_type: str | None, reason: str | None) -> str:
        """Why a value was revised. The reason of a decision (C) is in the words of who decided; empty without one."""
        stated = reason or ""
        return stated if revision_type == "C" else self.finding(stated) or stated

    def restated(self, number: str) -> str:
        """A number, or a share in per cent, that was written in English."""
        swapped = number.replace(",", self.group).replace(".", self.point).replace("-", MINUS)
        return f"{swapped.removesuffix('%').rstrip()}{_NO_BREAK}%" if number.endswith("%") else swapped

    def count(self, number: int, one: str, many: str) -> str:
        """A number of things: 1 value, 1,204 values."""
        return f"{self.decimal(number, 0)} {self.t(one if number == 1 else many)}"

    def decimal(self, value: float, digits: int, *, sign: bool = False) -> str:
        """A number with that many decimals; a smaller one that isn't 0 has its first two digits."""
        tiny = value != 0 and abs(value) < 0.5 * 10**-digits
        shown = 1 - math.floor(math.log10(abs(value))) if tiny else digits
        text = f"{value:{'+' * sign},.{shown}f}"
        text = text.rstrip("0") if tiny else text
        return text.replace(",", "\0").replace(".", self.point).replace("\0", self.group).replace("-", MINUS)

    def value(
        self,
        value: float | None,
        unit: str,
        currency: str,
        *,
        with_unit: bool = True,
        step: float | None = None,
        like: float | None = None,
    ) -> str:
        """A value in its unit: 12.3 %, 21.5 M SEK, 3,881 SEK, 6.05 hours. A dash for no value.

        It has as many decimals as let a change of `step`, in the KPI's unit, be seen. Beside `like`, a number of
        millions or more, it is stated in the same ones, with two decimals.
        """
        if value is None:
            return NOTHING
        if unit == "fraction":
            return f"{self.decimal(value * 100, _decimals(1, step, 0.01))}{_NO_BREAK}%"
        label = self.unit(unit, currency)
        text = self._sized(value, step, like, whole=unit in ("count", "persons"))
        return f"{text}{_NO_BREAK}{label}" if label and with_unit else text

    def target(
        self, target: float | None, target_to: float | None, unit: str, currency: str, *, with_unit: bool = True
    ) -> str:
        """A target: its value, or the two ends of a band, of which `target_to` is the upper one."""
        shown = self.value(target, unit, currency, with_unit=with_unit)
        if target_to is None:
            return shown
        upper = self.value(target_to, unit, currency, with_unit=with_unit)
        return self.t("{lower} to {upper}", lower=shown, upper=upper)

    def unit(self, unit: str, currency: str) -> str:
        """The text after a number of that unit; empty for numbers of things and for ratios."""
        known = {"currency": currency, "count": "", "ratio": "", "persons": ""}
        return known[unit] if unit in known else with_currency(self.t(unit), currency)

    def change(self, change: float | None, kind: str, unit: str, currency: str) -> str:
        """A change as the published tables have it: +7.2 %, +0.4 pp, or +1.6 points. A dash for none.

        `kind` is that of `kpi.catalog`: relative or difference.
        """
        if change is None or not math.isfinite(change):
            return NOTHING
        is_own_unit = kind == "difference" and unit != "fraction"
        rounded = round(change if is_own_unit else change * 100, 1)
        text = self.decimal(rounded, 1, sign=True) if rounded else self.decimal(0, 1)
        label = self.percentage_points if kind == "difference" else "%"
        return f"{text}{_NO_BREAK}{self.unit(unit, currency) if is_own_unit else label}".rstrip(_NO_BREAK)

    def axis(self, values: Sequence[float], unit: str) -> list[str]:
        """The labels of an axis, without unit but %: all with the same number of decimals, as few as they need."""
        factor, suffix = (100.0, "%") if unit == "fraction" else (1.0, "")
        if not suffix:
            size = max(map(abs, values))
            for limit, name in zip((1e12, 1e9, 1e6), reversed(self.large), strict=True):
                if size >= limit:
                    factor, suffix = 1 / limit, name
                    break
        scaled = [value * factor for value in values]
        exact = (
            digits for digits in range(4) if all(abs(round(v, digits) - v) < 1e-9 * max(1, abs(v)) for v in scaled)
        )
        digits = next(exact, 4)
        return [f"{self.decimal(value, digits)}{_NO_BREAK}{suffix}".strip() for value in scaled]

    def period(self, code: str, *, short: bool = False) -> str:
        """A period: October 2026, Q4 2026, week 48 2026, 2026. `short` has the first three letters of the month."""
        period = parse(code)
        if period.freq == "M":
            name = self.months[period.start.month - 1]
            return f"{name[:3] if short else name} {period.start.year}"
        if period.freq == "Q":
            return self.t("Q{quarter} {year}", quarter=code[-1], year=period.start.year)
        return self.t("week {week} {year}", week=int(code[-2:]), year=code[:4]) if period.freq == "W" else code

    def day(self, day: date) -> str:
        """A day: 7 Nov 2026."""
        return f"{day.day} {self.months[day.month - 1][:3]} {day.year}"

    def moment(self, moment: datetime) -> str:
        """A moment, in the time zone that it has: 7 Nov 2026, 16:37."""
        return f"{self.day(moment.date())}, {moment:%H:%M}"

    def _sized(self, value: float, step: float | None, like: float | None, *, whole: bool) -> str:
        size = abs(value)
        for limit, name in zip((1e12, 1e9, 1e6), reversed(self.large), strict=True):
            if like is not None and abs(like) >= limit:
                return f"{self.decimal(round(value / limit, 2), 2)}{_NO_BREAK}{name}"
        for limit, name in zip((1e12, 1e9, 1e6), reversed(self.large), strict=True):
            if round(size) >= limit:
                return f"{self.decimal(value / limit, _decimals(1, step, limit))}{_NO_BREAK}{name}"
        return self.decimal(value, 0 if whole else _decimals(0 if size >= 1000 else 1 if size >= 100 else 2, step, 1))


_MOST_DECIMALS = 6


def _decimals(least: int, step: float | None, scale: float) -> int:
    """The decimals of a number in units of `scale`: enough for `step` to be two units of the last one, or more."""
    needed = math.ceil(-math.log10(abs(step) / scale / 2)) if step else least
    return min(max(least, needed), _MOST_DECIMALS)


LANGUAGES = {
    "en": Language("en", "English", {}, tuple(_ENGLISH_MONTHS.split()), ",", ".", ("M", "bn", "tn"), "pp"),
    "sv": Language(
        *("sv", "Svenska", SWEDISH, tuple(_SWEDISH_MONTHS.split()), _NO_BREAK, ",", ("mn", "md", "bn"), "pe"), FINDINGS
    ),
}


def language(code: str) -> Language:
    """The language of that code. Raises NyckeltalError for another code."""
    if code not in LANGUAGES:
        raise NyckeltalError("nothing is written in that language", found=code, expected=" or ".join(LANGUAGES))
    return LANGUAGES[code]
