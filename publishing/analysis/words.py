"""Sentences about what the analysis found, in the languages of the site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from publishing.language import Language

if TYPE_CHECKING:
    from publishing.analysis.watch import KpiShift

_A_PERIOD = {"W": "a week", "M": "a month", "Q": "a quarter", "A": "a year"}
_LEVEL = {
    True: "{kpi} has been about {level} since {since}: {size} more than its season and trend before led to expect.",
    False: "{kpi} has been about {level} since {since}: {size} less than its season and trend before led to expect.",
}
_TREND = {
    True: "The trend of {kpi} changed in {since}: it rises by {size} {period} more than before.",
    False: "The trend of {kpi} changed in {since}: it rises by {size} {period} less than before.",
}
_RELATION = {
    True: "{kpi} and {other} no longer move together as before: since {since} {kpi} is {size} higher than {other} leads"
    " to expect.",
    False: "{kpi} and {other} no longer move together as before: since {since} {kpi} is {size} lower than {other} leads"
    " to expect.",
}
_BENT_RELATION = {
    True: "{kpi} and {other} no longer move together as before: since {since} {kpi} rises by {size} {period} more than"
    " {other} leads to expect.",
    False: "{kpi} and {other} no longer move together as before: since {since} {kpi} rises by {size} {period} less than"
    " {other} leads to expect.",
}


def shift_sentence(shift: KpiShift, entry: Mapping[str, Any], other: str, language: Language) -> str:
    """The shift in a sentence. `entry` has the KPI's name, unit and currency; `other` is the name of `shift.beside`."""
    is_level = shift.kind == "level"
    own, of_relation = (_LEVEL, _RELATION) if is_level else (_TREND, _BENT_RELATION)
    texts = own if shift.beside is None else of_relation
    kind = "relative" if shift.is_relative else "difference"
    unit, currency = entry["unit"], entry["currency"]
    if shift.is_relative or unit == "fraction":
        size = language.change(abs(shift.size), kind, unit, currency).lstrip("+")
    else:
        size = language.value(abs(shift.size), unit, currency)
    sentence = language.t(
        texts[shift.size > 0],
        kpi=entry["name"],
        other=other,
        level=language.value(shift.level, unit, currency),
        since=language.period(shift.since.code),
        size=size,
        period=language.t(_A_PERIOD[shift.freq]),
    )
    if not shift.earlier_steps:
        return sentence
    steps = ", ".join(language.period(period.code) for period in shift.earlier_steps)
    return f"{sentence} {language.t('Earlier steps of its level are taken into account: {steps}.', steps=steps)}"
