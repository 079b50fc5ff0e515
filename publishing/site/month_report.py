"""The report of a month: at most ten points on what it brought, the worst first, each with what it is linked to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date
from itertools import takewhile
from pathlib import Path

import duckdb

from metrics.core.errors import NyckeltalError
from metrics.core.periods import Period, parse
from metrics.definitions.catalog import CatalogKpi
from metrics.definitions.kpis.targets import gap_to, nearest_end
from publishing import reader
from publishing.answers import Against, Answer, why
from publishing.answers.reasons import Reasons
from publishing.language import Language, language
from publishing.site import content, shifts
from publishing.site.content import Content
from publishing.site.rows import Total, Vintage
from publishing.site.scorecard import Scorecard
from publishing.site.shifts import ShiftNote
from publishing.statuses import REVISIONS

MOST_SENTENCES = 10
_MOST_MOVED = 2  # where the others are about missed targets
_MOST_NAMED = 12
_MARK = "\0"  # around what becomes a link in a sentence: a KPI's id and the period, or a page and the text
Answers = Mapping[str, Mapping[Against, Answer]]


@dataclass(frozen=True)
class Part:
    """A part of a sentence. Where it names a KPI, its id and the period of which its page has the numbers.

    Where its numbers are on another page of the site, the name of that `page`.
    """

    text: str
    kpi_id: str = ""
    period: str = ""
    page: str = ""


@dataclass(frozen=True)
class _KpiMonth:
    """A KPI's total of the period that ended with the month, at the frequency of its target where that ended, too.

    `times_usual` is how many times its usual distance from the median the more unusual of its two changes is, that on
    `compared_with`; None where it isn't known.
    """

    kpi: CatalogKpi
    total: Total
    times_usual: float | None = None
    compared_with: Against = "previous"

    @property
    def misses(self) -> bool:
        return self.total.target_attained is False

    @property
    def miss(self) -> float:
        """How far it misses its target, as a share of it; of a band, of the end that it lies beyond."""
        assert self.total.target is not None and self.total.obs_value is not None
        return abs(self.gap) / (abs(nearest_end(self.total.obs_value, self.total.target, self.total.target_to)) or 1.0)

    @property
    def gap(self) -> float:
        """How much it lies above its target, or below it where that is less than 0."""
        return gap_to(self.total.obs_value or 0.0, self.total.target or 0.0, self.total.target_to)


@dataclass(frozen=True)
class MonthReport(Scorecard):
    """Writes the report of one month. `answers` are those of `kpi why` for the periods of `codes`.

    `shifted` are the notes of `kpi watch`, the most certain first.
    """

    month: Period = field(default_factory=lambda: parse("1970-01"))
    answers: Answers = field(default_factory=dict)
    shifted: Sequence[ShiftNote] = ()

    @property
    def is_newest(self) -> bool:
        """Whether it is the report of the newest closed month. Only that report lists what waits and what is due."""
        return self.month.code == self.closed_month_code()

    @property
    def title(self) -> str:
        period = self.language.period(self.month.code)
        return self.language.t("The month: {period}", period=period)

    def codes(self) -> dict[str, str]:
        """The period of each KPI that the report looks at, by kpi_id."""
        return {kpi_month.kpi.kpi_id: kpi_month.total.time_period for kpi_month in self.kpis_of_month()}

    def kpis_of_month(self) -> list[_KpiMonth]:
        """The KPIs in use with a value of a month, quarter or year that ended with the month."""
        kpi_months = []
        for kpi in self.content.catalog.live:
            freqs = dict.fromkeys((kpi.target_freq or kpi.main_freq, "M", "Q", "A"))
            totals = (
                total
                for freq in freqs
                for total in self.content.series(kpi, freq)
                if total.period.end == self.month.end and total.obs_value is not None and freq != "W"
            )
            if total := next(totals, None):
                kpi_months.append(self._kpi_month(kpi, total))
        return kpi_months

    def _kpi_month(self, kpi: CatalogKpi, total: Total) -> _KpiMonth:
        usual = self.content.usual.get((kpi.kpi_id, total.freq))
        value, previous, year_ago = total.values
        times: dict[Against, float | None] = {}
        if usual and value is not None and previous is not None and total.change_previous is not None:
            times["previous"] = usual.times_before(value - previous)
        if usual and value is not None and year_ago is not None and total.change_year_ago is not None:
            times["year_ago"] = usual.times_year_ago(value - year_ago)
        compared_with = max(times, key=lambda against: times[against] or 0, default=None)
        return (
            _KpiMonth(kpi, total, times.get(compared_with), compared_with) if compared_with else _KpiMonth(kpi, total)
        )

    def sentences(self) -> list[list[Part]]:
        """The sentences, the worst first: at most MOST_SENTENCES, each in parts."""
        kpis = self.kpis_of_month()
        missing = [kpi_month for kpi_month in kpis if kpi_month.misses]
        missing.sort(key=lambda kpi_month: (kpi_month.total.target_status == "at risk", -kpi_month.miss))
        moved = [kpi_month for kpi_month in kpis if (kpi_month.times_usual or 0) > 1 and not kpi_month.misses]
        moved.sort(key=lambda kpi_month: -(kpi_month.times_usual or 0))
        shifted, revised, waiting = self._shifted(), self._revised(), self._waiting()
        last = [text for text in (shifted, revised, self._reviews(), self._closing()) if text]
        first = [text for text in (self._summary(kpis, missing), waiting) if text]
        if not (missing or moved or shifted or revised or waiting):
            first.append(self._quiet())
        room = MOST_SENTENCES - len(first) - len(last)
        told_moved = moved[: max(min(_MOST_MOVED, room // 2), room - len(missing))]
        for_missing = room - len(told_moved)
        told = missing if len(missing) <= for_missing else missing[: for_missing - 1]
        texts = [*first, *map(self._missed, told)]
        if len(told) < len(missing):
            texts.append(self._others_missed(missing[len(told) :]))
        texts += map(self._moved, told_moved)
        if others := moved[len(told_moved) :]:
            texts[-1] += f" {self._others_moved(others)}" if told_moved else ""
        texts += last
        return [self._parts(text) for text in texts]

    def as_answer(self) -> Answer:
        """The month, the title, and the sentences with the KPIs that they name, for programs."""
        sentences = [
            {
                "text": "".join(part.text for part in parts),
                "kpis": [part.kpi_id for part in parts if part.kpi_id],
                "numbers": [{"kpi_id": part.kpi_id, "period": part.period} for part in parts if part.kpi_id],
            }
            for parts in self.sentences()
        ]
        release = self.content.release
        return {
            "month": self.month.code,
            "title": self.title,
            "release": release.sequence,
            "published_on": release.realtime_start.isoformat(),
            "sentences": sentences,
        }

    def _summary(self, kpis: Sequence[_KpiMonth], missing: Sequence[_KpiMonth]) -> str:
        reached = sum(kpi_month.total.target_attained is True for kpi_month in kpis)
        risk = sum(kpi_month.total.target_status == "at risk" for kpi_month in missing)
        words = "Targets of periods that ended with {month}: {counts}"
        counts = self.language.t(
            "{reached} reached, {risk} at risk, {off} off target.", reached=reached, risk=risk, off=len(missing) - risk
        )
        linked = f"{_MARK}index.html:{counts}{_MARK}" if self.is_newest else counts
        return self.language.t(words, month=self._month, counts=linked) if kpis else ""

    def _missed(self, kpi_month: _KpiMonth) -> str:
        """The sentences on a missed target: by how much, since when, and what moved the value."""
        kpi, total = kpi_month.kpi, kpi_month.total
        reasons, gap = self._reasons(kpi, "target"), kpi_month.gap
        facts = {
            "kpi": self._link(kpi_month),
            "value": self.value(kpi, total.obs_value),
            "period": self.language.period(total.time_period),
            "goal": self.goal(kpi, total.target, total.target_to),
            "gap": reasons.size(gap, gap) if reasons and reasons.has_change else self._gap(kpi, gap),
            "since": self._missed_since(kpi_month),
        }
        words = (
            "{kpi} misses its target: {value} in {period}, {gap} above the target of {goal}."
            if gap > 0
            else "{kpi} misses its target: {value} in {period}, {gap} below the target of {goal}."
        )
        text = self.language.t(words, **facts)
        if total.target_status == "at risk":
            text += f" {self.language.t('It is at risk.')}"
        if facts["since"]:
            text += f" {self.language.t('It has missed it since {since}.', **facts)}"
        if reasons is None or not reasons.has_change:
            return text
        is_nearer = reasons.change * gap < 0
        since = self.language.t(
            "Since {since} it has come nearer to it by {change}."
            if is_nearer
            else "Since {since} it has changed by {change}.",
            since=self.language.period(reasons.answer["compared_with"]["period"]),
            change=reasons.size(reasons.change) if is_nearer else reasons.added(reasons.change),
        )
        # What brought it nearer isn't why it misses its target.
        return " ".join([text, since, *([] if is_nearer else self._additions(reasons))])

    def _additions(self, reasons: Reasons) -> list[str]:
        cause = reasons.leading_cause()
        return [self.language.t("What adds most: {cause}.", cause=cause)] if cause else []

    def _moved(self, kpi_month: _KpiMonth) -> str:
        """The sentences on an unusual change, and what added most to it."""
        kpi, total = kpi_month.kpi, kpi_month.total
        is_year_ago = kpi_month.compared_with == "year_ago"
        change = total.change_year_ago if is_year_ago else total.change_previous
        facts = {
            "kpi": self._link(kpi_month),
            "value": self.value(kpi, total.obs_value),
            "period": self.language.period(total.time_period),
            "change": self.change_text(kpi, change),
        }
        tone = self.change(kpi, change).tone
        facts["tone"] = f" ({self.language.t(tone)})" if tone else ""
        text = (
            self.language.t("{kpi} changed unusually: {value} in {period}, {change} on a year ago{tone}.", **facts)
            if is_year_ago
            else self.language.t(
                "{kpi} changed unusually: {value} in {period}, {change} on the period before{tone}.", **facts
            )
        )
        reasons = self._reasons(kpi, kpi_month.compared_with)
        return " ".join([text, *(self._additions(reasons) if reasons and reasons.has_change else [])])

    def _others_moved(self, others: Sequence[_KpiMonth]) -> str:
        words = "{count} more changed unusually: {kpis}."
        return self.language.t(words, count=len(others), kpis=self._names(others))

    def _others_missed(self, others: Sequence[_KpiMonth]) -> str:
        words = "{count} more miss their target, by less: {kpis}."
        if any(kpi_month.total.target_status == "at risk" for kpi_month in others):
            words = "{count} more miss their target, by less, or are at risk: {kpis}."
        return self.language.t(words, count=len(others), kpis=self._names(others))

    def _names(self, others: Sequence[_KpiMonth]) -> str:
        names = [self._link(kpi_month) for kpi_month in others[:_MOST_NAMED]]
        if len(others) > _MOST_NAMED:
            names.append(self.language.t("and {count} more", count=len(others) - _MOST_NAMED))
        return ", ".join(names)

    def _revised(self) -> str:
        """The totals that were revised after the month before had closed; in an earlier month's report only its own."""
        since = self._closed_on(self.month.shift(-1))
        until = date.max if self.is_newest else self._closed_on(self.month)
        revised = [
            (kpi, vintage) for kpi, vintage in self.revisions() if since < vintage.realtime_start <= until
        ]  # fmt: skip
        if not revised:
            return ""
        kpi, vintage = max(revised, key=lambda entry: _relative(entry[1]))
        return self.language.t(
            "{totals} revised since {day}; most of all {kpi}, {period}, from {before} to {now} ({reason}).",
            totals=self.language.count(len(revised), "total was", "totals were"),
            day=self.language.day(since), kpi=self._link_to(kpi, vintage.freq, vintage.time_period),
            period=self.language.period(vintage.time_period), before=self.value(kpi, vintage.previous_value),
            now=self.value(kpi, vintage.obs_value), reason=self.language.t(REVISIONS[vintage.revision_type or "R2"]),
        )  # fmt: skip

    def _shifted(self) -> str:
        """The most certain shift of a KPI's level, trend or relation to another, and which other KPIs shifted."""
        if not self.shifted or not self.is_newest:
            return ""
        first, *others = self.shifted
        sentence = first.sentence.replace(first.kpi.name, f"{_MARK}{first.kpi.kpi_id}:{_MARK}", 1)
        names = list(dict.fromkeys(f"{_MARK}{note.kpi.kpi_id}:{_MARK}" for note in others if note.kpi != first.kpi))
        more = [self.language.t("Others that shifted: {kpis}.", kpis=", ".join(names[:_MOST_NAMED]))] if names else []
        return " ".join([sentence, *more])

    def _waiting(self) -> str:
        """The sentence on incidents that wait for a decision; empty in reports of earlier months."""
        held = self.open_incidents("held") if self.is_newest else []
        if not held:
            return ""
        kpis = dict.fromkeys(kpi.kpi_id for _, of_incident in held for kpi in of_incident)
        names = [f"{_MARK}{kpi_id}:{_MARK}" for kpi_id in list(kpis)[:3]]
        if len(kpis) > 3:
            names.append(self.language.t("and {count} more", count=len(kpis) - 3))
        first = min(incident.since for incident, _ in held)
        return self.language.t(
            "{incidents} for a decision, the oldest since {day}; newer values aren't published of: {kpis}.",
            incidents=self.language.count(len(held), "incident waits", "incidents wait"),
            day=self.language.day(first), kpis=", ".join(names),
        )  # fmt: skip

    def _reviews(self) -> str:
        """The sentence on the reviews that are due, with three KPIs; empty in reports of earlier months."""
        due = self.reviews_due() if self.is_newest else []
        if not due:
            return ""
        names = [f"{_MARK}{kpi.kpi_id}:{_MARK}" for kpi, _ in due[:3]]
        if len(due) > 3:
            names.append(self.language.t("and {count} more", count=len(due) - 3))
        reviews = self.language.count(len(due), "review is due", "reviews are due")
        return self.language.t("{reviews}: {kpis}.", reviews=reviews, kpis=", ".join(names))

    def _closing(self) -> str:
        closings = self.closings(("M",)) if self.is_newest else []
        if not closings:
            return ""
        day, period, domains = closings[0]
        words = "{period} closes first in {domains}, on {day}."
        return self.language.t(words, day=day, period=period, domains=", ".join(domains))

    def _quiet(self) -> str:
        return self.language.t(
            "A quiet month: no target was missed, nothing changed unusually, and nothing was revised."
        )

    def _missed_since(self, kpi_month: _KpiMonth) -> str:
        """The first of several periods in a row that missed their target; empty where this is the first.

        Of the periods that the site shows: where all of them did, the oldest one with a word that it may be longer.
        """
        series = self.content.series(kpi_month.kpi, kpi_month.total.freq)
        until = [total for total in series if total.time_period <= kpi_month.total.time_period]
        missed = list(takewhile(lambda total: total.target_attained is False, reversed(until)))
        if len(missed) < 2:
            return ""
        first = self.language.period(missed[-1].time_period)
        return self.language.t("{period} or earlier", period=first) if len(missed) == len(until) else first

    def _reasons(self, kpi: CatalogKpi, against: Against) -> Reasons | None:
        answer = self.answers.get(kpi.kpi_id, {}).get(against)
        currency = self.content.catalog.reporting_currency
        return Reasons(self.language, answer, kpi.unit, currency, self.members) if answer else None

    def _gap(self, kpi: CatalogKpi, gap: float) -> str:
        if kpi.unit == "fraction":
            return self.language.change(abs(gap), "difference", kpi.unit, "").lstrip("+")
        return self.value(kpi, abs(gap))

    def _closed_on(self, month: Period) -> date:
        """The day after which the month was closed in every domain."""
        domains = {kpi.domain for kpi in self.content.catalog.kpis}
        return max(self.content.catalog.calendar.closes_on(month.end, domain) for domain in domains)

    @property
    def _month(self) -> str:
        return self.language.period(self.month.code)

    def _link(self, kpi_month: _KpiMonth) -> str:
        return self._link_to(kpi_month.kpi, kpi_month.total.freq, kpi_month.total.time_period)

    def _link_to(self, kpi: CatalogKpi, freq: str, code: str) -> str:
        """A mark for the KPI's name; its page has the values of the main frequency, period by period."""
        return f"{_MARK}{kpi.kpi_id}:{code if freq == kpi.main_freq else ''}{_MARK}"

    def _parts(self, text: str) -> list[Part]:
        parts = []
        for place, piece in enumerate(text.split(_MARK)):
            if place % 2 == 0:
                parts += [Part(piece)] if piece else []
            else:
                name, rest = piece.split(":", 1)
                is_kpi = name in self.names
                parts.append(Part(self.names[name], name, rest) if is_kpi else Part(rest, page=name))
        return parts


def _relative(vintage: Vintage) -> float:
    """The size of a revision relative to the value before it."""
    if vintage.obs_value is None or vintage.previous_value is None:
        return 0.0
    return abs(vintage.obs_value - vintage.previous_value) / (abs(vintage.previous_value) or math.inf)


def report_of(
    published: Path, rows: Content, words: Language, month: Period, shifted: Sequence[ShiftNote]
) -> MonthReport:
    """The report of a month, from the content of the published file, why its values moved, and what shifted."""
    words = words.in_sentences()
    empty = MonthReport(rows, words, month=month)
    with duckdb.connect(str(published), read_only=True) as connection:
        answers = why.of_periods(connection, empty.codes(), ("previous", "year_ago", "target"))
    return MonthReport(rows, words, month=month, answers=answers, shifted=shifted)


def read(month: str, code: str, as_of: date | None = None) -> MonthReport:
    """The report of a closed month such as 2026-10, by default of the newest one, in the language of that code.

    A report doesn't change after the next month has closed. The report of an earlier month is written from what was
    published on the last day on which it was the newest one, or from the first release if that is younger. `as_of` is
    another day to write it for.
    Raises NyckeltalError for another text or language, where nothing is published, or the month isn't closed.
    """
    day = as_of or _last_day_as_newest(month)
    with reader.as_it_stood(day) if day else nullcontext():
        return _written(month, code)


def _last_day_as_newest(month: str) -> date | None:
    """The day for which the report of an earlier month is written; None stands for the newest release.

    It is the last day on which the month was the newest closed one, or the day of the first release if that is later.
    """
    (released,) = reader.query("select min(realtime_start) as first, max(realtime_start) as last from kpi.releases")
    catalog = reader.newest_catalog()
    period = parse(month) if month else None
    if period is None or period.freq != "M":
        return None
    closes = (catalog.calendar.closes_on(period.next().end, domain) for domain in {kpi.domain for kpi in catalog.kpis})
    day = max(*closes, released["first"])
    return day if day < released["last"] else None


def _written(month: str, code: str) -> MonthReport:
    """The report from what is read now, which may be what was published on a past day."""
    chosen = language(code)
    published, catalog = reader.source(), reader.newest_catalog().in_language(chosen.code)
    site_content = content.read(published, catalog)
    newest = Scorecard(site_content, chosen).closed_month_code()
    period = parse(month or newest)
    if period.freq != "M":
        raise NyckeltalError("is no month", field="MONTH", found=month, expected="such as 2026-10")
    if period.code > newest:
        raise NyckeltalError("isn't closed yet", field="MONTH", found=month, expected=f"{newest} or earlier")
    report = report_of(published, site_content, chosen, period, shifts.read(published, catalog, chosen))
    if not report.codes():
        raise NyckeltalError("nothing is published for this month", field="MONTH", found=month)
    return report
