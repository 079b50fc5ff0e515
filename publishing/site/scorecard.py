"""What the scorecard shows: the counts above it, its rows, and the lists below it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, get_args

from markupsafe import Markup

from metrics.core.periods import earlier, parse, period_of
from metrics.definitions.catalog import CatalogKpi
from metrics.definitions.objectives import PERSPECTIVES
from publishing.duckdb_file import strategy
from publishing.language import NOTHING
from publishing.site.charts import sparkline
from publishing.site.lifecycle import Lifecycle
from publishing.site.rows import Incident, Total, Vintage
from publishing.site.texts import Change, Note

SIGNS = {"on target": "on", "at risk": "risk", "off target": "off"}  # all other statuses have the sign "none"
_SPARK_PERIODS = {"W": 26, "M": 24, "Q": 8, "A": 10}
_LISTED = 8


class Newer(NamedTuple):
    """The newest value at another frequency than the shown one, of a period that begins later; `number` as of Row."""

    period: str
    value: str
    number: str
    previous: Change
    year_ago: Change


@dataclass(frozen=True)
class Row:
    """A KPI's row of the scorecard. `newer` is empty where the shown value is the newest one.

    `number` is the value with its unit, unless that is long: then it is in `unit`, and is the target's too.
    """

    kpi: CatalogKpi
    sign: str
    status: str
    period: str
    value: str
    number: str
    unit: str
    newer: list[Newer]
    target: str
    target_freq: str
    previous: Change
    year_ago: Change
    rolling: str
    spark: Markup
    notes: list[Note]


@dataclass(frozen=True)
class Group:
    """The rows of an objective or a domain."""

    name: str
    description: str
    rows: list[Row]
    facts: str = ""  # of an objective: attainment, owner, horizon


class Scorecard(Lifecycle):
    """Makes what the scorecard shows."""

    def closed_month(self) -> str:
        """The newest month that has closed in every domain, in words."""
        return self.language.period(self.closed_month_code())

    def closed_month_code(self) -> str:
        """The newest month that has closed in every domain. Cohorts, which close later, are ignored."""
        calendar, day = self.content.catalog.calendar, self.content.release.realtime_start
        domains = {kpi.domain for kpi in self.content.catalog.kpis}
        month = period_of("M", day).shift(-1)
        while any(calendar.closes_on(month.end, domain) >= day for domain in domains):
            month = month.shift(-1)
        return month.code

    def tiles(self) -> list[tuple[str, int, str]]:
        """The eight counts above the scorecard: word, number, and the sign that belongs to it."""
        scores = self.content.scores.values()
        statuses = Counter(score.status for score in scores)
        counts = [
            ("off target", statuses["off target"], "off"),
            ("at risk", statuses["at risk"], "risk"),
            ("on target", statuses["on target"], "on"),
            ("no target", statuses["no target"], "none"),
            ("provisional", sum(bool(score.provisional) for score in scores), "open"),
            ("waiting for a decision", len(self.open_incidents("held")), "waiting"),
            ("with a warning in 12 months", len(self.open_incidents("flagged")), "flagged"),
            ("reviews due", len(self.reviews_due()), "review"),
        ]
        return [(self.language.title(word), count, sign) for word, count, sign in counts]

    def other_counts(self) -> list[str]:
        """How many KPIs have a status that no tile counts: 2 not compared, 1 suppressed."""
        statuses = Counter(score.status for score in self.content.scores.values())
        counts = [
            ("not compared", statuses["not compared"]),
            ("not mature", statuses["not mature"]),
            ("suppressed", statuses["suppressed"]),
            ("nothing published", statuses["nothing published"] + statuses["not supplied"]),
            ("no longer in use", statuses["retired"]),
        ]
        return [f"{count} {self.language.t(word)}" for word, count in counts if count]

    def groups(self, by: str) -> list[Group]:
        """The rows by `objective`, in the order of their perspectives, or by `domain`; key KPIs come first.

        Retired KPIs are a group of their own, the last.
        """
        objectives = self.content.catalog.objectives
        by_key: dict[str, list[CatalogKpi]] = defaultdict(list)
        if by == "objective":
            order = get_args(PERSPECTIVES)
            by_key |= {key: [] for key in sorted(objectives, key=lambda key: order.index(objectives[key].perspective))}
        for kpi in self.content.catalog.live:
            by_key[kpi.objective if by == "objective" else kpi.domain].append(kpi)
        groups = []
        for key, kpis in by_key.items():
            objective = objectives.get(key) if by == "objective" else None
            name = objective.name if objective else key if by == "objective" else self.language.t(key).capitalize()
            rows = [self.row(kpi) for kpi in sorted(kpis, key=lambda kpi: kpi.level != "key")]
            if rows:
                facts = self._facts(key) if objective else ""
                groups.append(Group(name, objective.description if objective else "", rows, facts))
        if retired := [self.row(kpi) for kpi in self.content.catalog.kpis if kpi.is_retired]:
            t = self.language.t
            text = "No longer in use; what was published of them stays, and no later period is."
            groups.append(Group(t("Retired"), t(text), retired))
        return groups

    def _facts(self, key: str) -> str:
        """How far an objective is attained, who answers for it, and by when."""
        t, objective = self.language.t, self.content.catalog.objectives[key]
        statuses = {kpi_id: score.status for kpi_id, score in self.content.scores.items()}
        rows = strategy.objectives(self.content.catalog, statuses)
        share = next(row["attainment"] for row in rows if row["objective"] == key)
        percent = f"{self.language.decimal((share or 0) * 100, 0)}\N{NO-BREAK SPACE}%"
        attained = t("{share} attained", share=percent) if share is not None else t("not judged")
        horizon = t("by {day}", day=self.language.day(objective.horizon)) if objective.horizon else t("no horizon")
        return " · ".join((attained, objective.owner or t("no owner"), horizon))

    def row(self, kpi: CatalogKpi) -> Row:
        score = self.content.scores[kpi.kpi_id]
        t, freq = self.language.t, score.freq or kpi.main_freq
        total = self.content.newest(kpi, freq) if score.time_period else None
        spark_points = self.points(kpi, kpi.main_freq)[-_SPARK_PERIODS[kpi.main_freq] :]
        unit = self.unit_apart(kpi)
        target, target_to = (total.target, total.target_to) if total else (kpi.target, kpi.target_to)
        values = [point for point in spark_points if point.value is not None]
        spark_title = (
            t("{name}: {first} to {last}", name=kpi.name, first=values[0].label, last=values[-1].label)
            if values
            else ""
        )
        nothing = Change(NOTHING, "", "", "")
        previous, year_ago = self.changes(kpi, total) if total else (nothing, nothing)
        return Row(
            kpi=kpi,
            sign=SIGNS.get(score.status, "none"),
            status=self.language.title(score.status),
            period=self.language.period(total.time_period, short=True) if total else "",
            value=self.shown(kpi, total) if total else NOTHING,
            number=self.shown(kpi, total, with_unit=not unit) if total else NOTHING,
            unit=unit if total and total.obs_value is not None else "",
            newer=self.newer(kpi, total) if total else [],
            target=self.goal(kpi, target, target_to, with_unit=not unit) if target is not None else NOTHING,
            target_freq=self.freq_words(kpi.target_freq) if target is not None else "",
            previous=previous,
            year_ago=year_ago,
            rolling=self.value(kpi, total.rolling_12_months, with_unit=not unit) if total else NOTHING,
            spark=sparkline(
                spark_points,
                spark_title,
                off_target=kpi.target_at(kpi.main_freq) is not None and score.status == "off target",
            ),
            notes=self.notes(kpi),
        )

    def newer(self, kpi: CatalogKpi, shown: Total) -> list[Newer]:
        """The newest values of months, quarters and years that begin after the shown total's period."""
        period, with_unit = self.language.period, not self.unit_apart(kpi)
        newest = (self.content.newest(kpi, freq) for freq in ("M", "Q", "A") if freq in kpi.freqs)
        return [
            Newer(
                period(total.time_period, short=True),
                self.shown(kpi, total),
                self.shown(kpi, total, with_unit=with_unit),
                *self.changes(kpi, total),
            )
            for total in newest
            if total and total.period.start > shown.period.start
        ]

    def notes(self, kpi: CatalogKpi) -> list[Note]:
        """What a reader has to know of the KPI's newest values."""
        score, count, t = self.content.scores[kpi.kpi_id], self.language.count, self.language.t
        notes = []
        if kpi.retired:
            replacement = self.replacement(kpi)
            by = f"; {t('replaced by {name}', name=replacement.name)}" if replacement else ""
            notes.append(Note("quiet", f"{self.retired(kpi)}{by}"))
        if score.held:
            newest_held = self.newest_held(kpi)
            text = (
                t("{period} waits for a decision", period=self.language.period(newest_held, short=True))
                if newest_held
                else count(score.held, "period waits for a decision", "periods wait for a decision")
            )
            notes.append(Note("waiting", text))
        findings = self.content.findings.get(kpi.kpi_id, [])
        if flagged := sum(finding.state == "flagged" and self.is_recent(finding.period.end) for finding in findings):
            notes.append(Note("flagged", count(flagged, "warning in 12 months", "warnings in 12 months")))
        if score.provisional:
            notes.append(Note("provisional", t("provisional")))
        if score.status == "not supplied":
            notes.append(Note("quiet", t("no data from: {entities}", entities=", ".join(kpi.missing_entities))))
        if kpi.paused:
            notes.append(Note("quiet", t("paused: {reason}", reason=kpi.paused)))
        if suppressed := self.suppressed(kpi):
            notes.append(Note("quiet", count(suppressed, "segment member suppressed", "segment members suppressed")))
        if due := self.content.review_due(kpi):
            notes.append(Note("review", t("review due since {day}", day=self.language.day(due))))
        return notes

    def newest_held(self, kpi: CatalogKpi) -> str | None:
        """The held period that follows the newest published value at the frequency that is shown; None without one."""
        score = self.content.scores[kpi.kpi_id]
        held = [
            finding.time_period
            for finding in self.content.findings.get(kpi.kpi_id, [])
            if finding.state == "held" and finding.freq == (score.freq or kpi.main_freq)
        ]
        return max((code for code in held if code > (score.time_period or "")), default=None)

    def suppressed(self, kpi: CatalogKpi) -> int:
        """How many members of segments are suppressed in the newest period of the main frequency."""
        newest = self.content.newest(kpi, kpi.main_freq)
        cells = self.content.cells.get(kpi.kpi_id, [])
        return sum(
            cell.obs_status == "Q" and newest is not None and cell.time_period == newest.time_period for cell in cells
        )

    def reviews_due(self) -> list[tuple[CatalogKpi, str]]:
        """The KPIs whose review is overdue, and since when."""
        due = [(kpi, self.content.review_due(kpi)) for kpi in self.content.catalog.kpis]
        return [(kpi, self.language.day(day)) for kpi, day in due if day]

    def open_incidents(self, state: str) -> list[tuple[Incident, list[CatalogKpi]]]:
        """The incidents in that state with their KPIs; warnings of the last year only."""
        return [
            (incident, self.kpis_of(incident))
            for incident in self.content.incidents
            if incident.state == state and (state == "held" or self.is_recent(incident.until))
        ]

    def is_recent(self, day: date) -> bool:
        """Whether the day is in the year before the newest release."""
        return day >= earlier(self.content.release.realtime_start, "1 year")

    def kpis_of(self, incident: Incident) -> list[CatalogKpi]:
        return [kpi for kpi in self.content.catalog.kpis if kpi.kpi_id in incident.kpi_ids]

    def last_revisions(self) -> list[tuple[CatalogKpi, Vintage]]:
        """The totals that the newest release revised, at the KPI's main frequency first."""
        sequence = self.content.release.sequence
        return [revision for revision in self.revisions() if revision[1].sequence == sequence]

    def restatements(self) -> list[tuple[CatalogKpi, Vintage]]:
        """The totals that changed after their period had closed, newest first."""
        return [revision for revision in self.revisions() if revision[1].is_restatement][:_LISTED]

    def revisions(self) -> list[tuple[CatalogKpi, Vintage]]:
        """All revised totals, the newest first."""
        revised = [
            (kpi, vintage)
            for kpi in self.content.catalog.kpis
            for freq in kpi.freqs
            for vintage in self.content.vintages.get((kpi.kpi_id, freq), [])
            if vintage.revision_type
        ]
        return sorted(revised, key=lambda entry: (entry[1].sequence, entry[1].time_period), reverse=True)

    def closings(self, freqs: Sequence[str] = ("M", "Q", "A")) -> list[tuple[str, str, list[str]]]:
        """The next eight days on which periods of these frequencies close: the day, the period and the domains."""
        by_day: dict[tuple[date, str], list[str]] = defaultdict(list)
        for closing in self.content.closings:
            if parse(closing.time_period).freq in freqs:
                by_day[closing.closes_on, closing.time_period].append(closing.domain)
        return [
            (
                self.language.day(day),
                self.language.period(code),
                list(dict.fromkeys(self.language.t(domain) for domain in domains)),
            )
            for (day, code), domains in by_day.items()
        ][:_LISTED]
