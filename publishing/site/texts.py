"""Texts and series that several pages share: values, targets, changes and statuses in words, points of charts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from math import inf
from typing import NamedTuple

from markupsafe import Markup, escape

from metrics.core.periods import Period
from metrics.core.text import visible
from metrics.definitions.catalog import CatalogKpi
from metrics.definitions.kpis.targets import ValidTarget
from publishing.language import MINUS, NOTHING, Language
from publishing.site.charts import Point, State, with_gaps
from publishing.site.content import Content
from publishing.site.rows import Total
from publishing.usual_changes import says_nothing

_FREQ_WORDS = {"W": "a week", "M": "a month", "Q": "a quarter", "A": "a year"}
_LONGEST_UNIT = 7  # characters that stand beside a number
FREQ_TITLES = {"W": "by week", "M": "by month", "Q": "by quarter", "A": "by year"}


class Change(NamedTuple):
    """A change: its text, whether it goes up or down, and whether that is better or worse ("" where it is neither).

    The tone "usual" means that the change is within the KPI's usual variation, and so neither better nor worse. `sort`
    is the number to sort it by, "" without one.
    """

    text: str
    way: str
    tone: str
    sort: float | str


class Note(NamedTuple):
    """A short remark on a KPI. `kind`: waiting, flagged, provisional, quiet."""

    kind: str
    text: str


@dataclass(frozen=True)
class Texts:
    """Writes what the content holds in a language."""

    content: Content
    language: Language
    _points: dict[tuple[str, str], list[Point]] = field(default_factory=dict)

    @property
    def names(self) -> dict[str, str]:
        """The KPIs' names, by kpi_id."""
        return {kpi.kpi_id: kpi.name for kpi in self.content.catalog.kpis}

    @property
    def members(self) -> dict[str, dict[str, str]]:
        """Names of members in the page's language, by segment: the company's own, and the KPIs that goals serve."""
        return self.content.catalog.member_names(self.language.code)

    def incident(self, title: str) -> str:
        """An incident's title in the page's language."""
        english = self.content.english_names
        return self.language.incident(title, {english[kpi_id]: name for kpi_id, name in self.names.items()})

    def value(self, kpi: CatalogKpi, value: float | None, *, with_unit: bool = True) -> str:
        return self.language.value(value, kpi.unit, self.content.catalog.reporting_currency, with_unit=with_unit)

    def shown(self, kpi: CatalogKpi, total: Total, *, with_unit: bool = True) -> str:
        """The total's value, or the word for why there is none."""
        if total.obs_status == "Q":
            return self.language.t("suppressed")
        return self.value(kpi, total.obs_value, with_unit=with_unit)

    def unit_apart(self, kpi: CatalogKpi) -> str:
        """The KPI's unit where it is so long that it needs a line of its own beside a number; else empty."""
        unit = self.language.unit(kpi.unit, self.content.catalog.reporting_currency) if kpi.unit != "fraction" else ""
        return unit if len(unit) > _LONGEST_UNIT else ""

    def found(self, text: str) -> Markup:
        """What a check found, in the page's language where that has words for it, else in English."""
        told = self.language.finding(text)
        return Markup('<span lang="en">{}</span>').format(visible(text)) if told is None else escape(visible(told))

    def target(self, kpi: CatalogKpi) -> str:
        """The target with its frequency: at least 20.0 M SEK a month; of the shown period where it varies.

        Empty without one.
        """
        if kpi.target is None:
            return ""
        t = self.language.t
        least = {"up": "at least {value}", "down": "at most {value}"}.get(kpi.direction, "{value}")
        if shown := self.target_of_period(kpi):
            period, target = shown
            of_period = t(least, value=self.value(kpi, target.value))
            return t("{target} for {period}; it varies", target=of_period, period=self.language.period(period))
        stated = t(least, value=self.goal(kpi, kpi.target, kpi.target_to))
        return f"{stated} {self.freq_words(kpi.target_freq)}".strip()

    def goal(self, kpi: CatalogKpi, target: float | None, target_to: float | None, *, with_unit: bool = True) -> str:
        """The target's value, or the two ends of its band."""
        currency = self.content.catalog.reporting_currency
        return self.language.target(target, target_to, kpi.unit, currency, with_unit=with_unit)

    def target_of_period(self, kpi: CatalogKpi) -> tuple[str, ValidTarget] | None:
        """The shown period and its target, of a KPI with targets of single periods; None for another one."""
        score = self.content.scores[kpi.kpi_id]
        total = self.content.newest(kpi, score.freq or kpi.main_freq)
        if not kpi.target_by_period or total is None or total.target is None:
            return None
        return total.time_period, next(target for target in kpi.targets if target.covers(total.period.start))

    def freq_words(self, freq: str | None) -> str:
        return self.language.t(_FREQ_WORDS[freq]) if freq else ""

    def change_text(self, kpi: CatalogKpi, change: float | None) -> str:
        return self.language.change(change, kpi.change_kind, kpi.unit, self.content.catalog.reporting_currency)

    def changes(self, kpi: CatalogKpi, total: Total) -> tuple[Change, Change]:
        """The total's changes since the period before and a year ago. For a year both are equal; the first is empty."""
        known = self.content.usual.get((kpi.kpi_id, total.freq))
        on_before, on_year_ago = known.are_usual(*total.values) if known else (None, None)
        year_ago = self.change(kpi, total.change_year_ago, usual=on_year_ago is True)
        if total.freq == "A":
            return Change("", "", "", ""), year_ago
        return self.change(kpi, total.change_previous, usual=on_before is True), year_ago

    def change(self, kpi: CatalogKpi, change: float | None, *, usual: bool = False) -> Change:
        """The change in words; `usual` where it lies within the KPI's usual variation."""
        text = self.change_text(kpi, change)
        if change is not None and says_nothing(change, kpi.change_kind, usual=usual):
            return Change(NOTHING, "", "usual", "")
        if change is None or text == NOTHING:
            return Change(text, "", "", "")
        way = "up" if text.startswith("+") else "down" if text.startswith(MINUS) else ""
        better = {"up": "up", "down": "down"}.get(kpi.direction)
        tone = "" if better is None or not way else "better" if way == better else "worse"
        return Change(text, way, "usual" if usual else tone, change)

    def closes_on(self, kpi: CatalogKpi, period: Period) -> date:
        return self.content.catalog.closes_on(kpi, period)

    def is_open(self, kpi: CatalogKpi, period: Period) -> bool:
        """Whether the period was open at the newest release."""
        return self.content.release.realtime_start <= self.closes_on(kpi, period)

    def status_words(self, kpi: CatalogKpi, total: Total) -> str:
        """The total's status in words: provisional, suppressed, few observations, series break, estimated, final."""
        words = {"Q": "suppressed", "O": "no value", "M": "no value"}
        words |= {"U": "few observations", "B": "series break", "E": "estimated"}
        found = [words[total.obs_status]] if total.obs_status in words else []
        found += ["provisional"] if self.is_open(kpi, total.period) else []
        return ", ".join(self.language.t(word) for word in found or ["final"])

    def points(self, kpi: CatalogKpi, freq: str) -> list[Point]:
        """The series of totals as points of a chart, with the held periods that have no value."""
        key = kpi.kpi_id, freq
        if key not in self._points:
            self._points[key] = self._new_points(kpi, freq)
        return self._points[key]

    def _new_points(self, kpi: CatalogKpi, freq: str) -> list[Point]:
        """The points of a KPI's chart: each total with its state and marks, and held periods without a value."""
        findings = {
            finding.time_period: finding
            for finding in self.content.findings.get(kpi.kpi_id, [])
            if finding.freq == freq
        }
        firsts: dict[str, float] = {}
        for vintage in self.content.vintages.get((kpi.kpi_id, freq), []):
            if vintage.revision_type and vintage.previous_value is not None:
                firsts.setdefault(vintage.time_period, vintage.previous_value)
        points, known = [], self.content.usual.get((kpi.kpi_id, freq))
        for total in self.content.series(kpi, freq):
            finding = findings.pop(total.time_period, None)
            marks = [mark for mark, holds in (
                ("flagged", finding is not None and finding.state == "flagged"),
                ("break", total.obs_status == "B" or kpi.breaks_in(total.period)),
            ) if holds]  # fmt: skip
            held = finding is not None and finding.held
            state: State = (
                "suppressed" if total.obs_status == "Q"
                else "held" if held and total.obs_value is None
                else "provisional" if self.is_open(kpi, total.period)
                else "normal"
            )  # fmt: skip
            if held and total.obs_value is not None:
                marks.append("held")
            label = f"{self.language.period(total.time_period)}: {self.shown(kpi, total)}"
            if (status := self.status_words(kpi, total)) != self.language.t("final"):
                label += f" ({status})" if total.obs_status != "Q" else ""
            first = firsts.get(total.time_period)
            targets = _ends(kpi.target_at(freq, total.period.start))
            earlier = total.values[1:]
            usual = self._within_bounds(kpi, known.expected(*earlier) if known and "break" not in marks else None)
            points.append(Point(total.period, total.obs_value, label, state, tuple(marks), first, targets, usual))
        since = points[0].period.start if points else date.min
        for finding in findings.values():
            if finding.held and finding.period.start >= since:
                label = f"{self.language.period(finding.time_period)}: {self.language.t('held')}"
                targets = _ends(kpi.target_at(freq, finding.period.start))
                points.append(Point(finding.period, None, label, "held", targets=targets))
        return with_gaps(sorted(points, key=lambda point: point.period))

    @staticmethod
    def _within_bounds(kpi: CatalogKpi, usual: tuple[float, float] | None) -> tuple[float, float] | None:
        """The range, cut to values that the KPI can have."""
        if usual is None:
            return None
        lower = -inf if kpi.lower_bound is None else kpi.lower_bound
        upper = inf if kpi.upper_bound is None else kpi.upper_bound
        return min(max(usual[0], lower), upper), min(max(usual[1], lower), upper)


def _ends(target: ValidTarget | None) -> tuple[float, ...]:
    """The target's value, or the two ends of its band; empty without one."""
    return tuple(end for end in (target.value, target.target_to) if end is not None) if target else ()
