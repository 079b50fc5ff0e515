"""What a KPI's page shows: how it is going, whether it can be trusted, its charts, vintages, definition and checks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from markupsafe import Markup

from data_quality.gate.incidents import FAILINGS
from data_quality.ledger.former_checks import present_name
from metrics.core.segments import member_words
from metrics.definitions.catalog import CatalogKpi
from metrics.definitions.kpis.targets import gap_to, nearest_end
from publishing.answers.reasons import Reasons
from publishing.site import objectives_page
from publishing.site.charts import Point, State, line_chart, shared_range, with_gaps
from publishing.site.rows import Cell, Finding, Total, Vintage
from publishing.site.scorecard import SIGNS, Row, Scorecard
from publishing.site.texts import FREQ_TITLES, Note

_MEMBERS_SHOWN = 12
_MISSES_SHOWN = 6


class Miss(NamedTuple):
    """A KPI that misses its target: by how much, and what made most of the change since it last reached it."""

    row: Row
    gap: str
    cause: str


class KpiPages(Scorecard):
    """Makes what the KPIs' pages show."""

    def kpi_facts(self, kpi: CatalogKpi, sentences: Mapping[str, str]) -> dict[str, Any]:
        """The variables of a KPI's page. `sentences` say, by check, when it passes."""
        checks = self.content.newest_checks.get(kpi.kpi_id, [])
        order = {"fail": 0, "not_evaluated": 1, "pass": 2, "not_applicable": 3}
        return {
            "kpi": kpi,
            "row": self.row(kpi),
            "objective_path": objectives_page.path(self, kpi),
            "target_facts": objectives_page.target_facts(self, kpi),
            "initiatives": objectives_page.initiatives(self, kpi),
            "period_targets": objectives_page.period_targets(self, kpi),
            "signs": SIGNS,
            "checks": [
                (check, sentences.get(check["check"], check["check"]))
                for check in sorted(checks, key=lambda check: order[check["outcome"]])
            ],
            "incidents": [found for found in self.content.incidents if kpi.kpi_id in found.kpi_ids],
            "decisions": [
                decision
                for decision in self.content.decisions
                if decision.kpi_id == kpi.kpi_id and decision.incident_id is None
            ],
            "freq_titles": FREQ_TITLES,
            "here": "",
        }

    def misses(self) -> tuple[list[Miss], str]:
        """The key KPIs that miss their target, off target before at risk and the widest miss first.

        Without key KPIs among them it is the supporting ones. The text says what they are, and how many miss in all;
        it is empty where no other does.
        """
        order = {"off target": 0, "at risk": 1}
        missing = [kpi for kpi in self.content.catalog.live if self.content.scores[kpi.kpi_id].status in order]
        level = "key" if any(kpi.level == "key" for kpi in missing) else "supporting"

        def rank(kpi: CatalogKpi) -> tuple[int, float]:
            total = self.content.newest(kpi, self.content.scores[kpi.kpi_id].freq or kpi.main_freq)
            assert total is not None and total.obs_value is not None and total.target is not None
            width = abs(total.obs_value - total.target) / (abs(total.target) or 1.0)
            return order[self.content.scores[kpi.kpi_id].status], -width

        listed = sorted((kpi for kpi in missing if kpi.level == level), key=rank)[:_MISSES_SHOWN]
        misses = [Miss(self.row(kpi), " ".join(self.headline(kpi)), self.cause(kpi)) for kpi in listed]
        if len(missing) == len(misses):
            return misses, ""
        t = self.language.t
        shown = t(
            "Above are key KPIs, six at most, those that miss most."
            if level == "key"
            else "Above are six KPIs, those that miss most."
        )
        words = "In all, {off} KPIs are off target and {risk} at risk; they are marked below."
        statuses = [self.content.scores[kpi.kpi_id].status for kpi in missing]
        return misses, f"{shown} {t(words, off=statuses.count('off target'), risk=statuses.count('at risk'))}"

    def cause(self, kpi: CatalogKpi) -> str:
        """What made most of the shown value's change since it last reached its target; empty where that isn't known.

        Where it has come nearer to the target, only by how much: what did that isn't why it misses it.
        """
        answer = self.content.reasons.get(kpi.kpi_id, {}).get("target")
        if answer is None or answer["value"]["period"] != self.content.scores[kpi.kpi_id].time_period:
            return ""
        reasons = Reasons(self.language, answer, kpi.unit, self.content.catalog.reporting_currency, self.members)
        if not reasons.has_change:
            return ""
        t, since = self.language.t, self.language.period(answer["compared_with"]["period"], short=True)
        if (reasons.change > 0) == (kpi.direction == "up"):
            change = reasons.size(reasons.change)
            return t("Since {since} it has come nearer to it by {change}.", since=since, change=change)
        changed = t("Since {since} it has changed by {change}.", since=since, change=reasons.added(reasons.change))
        cause = reasons.leading_cause()
        return f"{changed} {t('What adds most: {cause}.', cause=cause)}" if cause else changed

    def headline(self, kpi: CatalogKpi) -> list[str]:
        """How the KPI is going, in sentences."""
        score, t = self.content.scores[kpi.kpi_id], self.language.t
        total = self.content.newest(kpi, score.freq or kpi.main_freq)
        if total is None:
            return [t("Nothing is published.")]
        if total.obs_value is None:
            return [t("The value of {period} is suppressed.", period=self.language.period(total.time_period))]
        sentences = []
        if score.status == "not mature":
            day = self.language.day(self.closes_on(kpi, total.period))
            sentences.append(t("Later events still count: it is compared with the target after {day}.", day=day))
        elif total.target is not None:
            gap = gap_to(total.obs_value, total.target, total.target_to)
            end = nearest_end(total.obs_value, total.target, total.target_to)
            if kpi.change_kind == "difference" and kpi.unit == "fraction":
                shown = self.change_text(kpi, abs(gap)).lstrip("+")
            elif kpi.change_kind == "difference":
                shown = self.value(kpi, abs(gap))
            else:  # of a target of 0 there is no share
                shown = self.change_text(kpi, abs(gap / end)).lstrip("+") if end else self.value(kpi, abs(gap))
            goal = f"{self.goal(kpi, total.target, total.target_to)} {self.freq_words(kpi.target_freq)}".strip()
            words = "{gap} above the target of {target}." if gap >= 0 else "{gap} below the target of {target}."
            if gap == 0 and total.target_to is not None:
                words = "It is within the target of {target}."
            sentences.append(t(words, gap=shown, target=goal))
        elif kpi.target is None and kpi.target_note:
            sentences.append(kpi.target_note)
        return sentences

    def trust(self, kpi: CatalogKpi) -> list[Note]:
        """Whether the newest value can be trusted, in sentences."""
        score, t = self.content.scores[kpi.kpi_id], self.language.t
        total = self.content.newest(kpi, score.freq or kpi.main_freq)
        notes = []
        if total is not None:
            closes = self.closes_on(kpi, total.period)
            if self.is_open(kpi, total.period):
                text = t("Provisional: it may be revised until {day}.", day=self.language.day(closes))
                notes.append(Note("provisional", text))
            else:
                words = (
                    "Final: its period was open until {day}. It changes only by a person's decision or a changed"
                    " definition."
                )
                notes.append(Note("quiet", t(words, day=self.language.day(closes))))
            if total.obs_status == "U":
                notes.append(Note("flagged", t("It is based on fewer observations than is reliable.")))
            if total.obs_status == "B":
                notes.append(Note("flagged", t("The series breaks here: don't compare it with the period before.")))
        checks = self.content.newest_checks.get(kpi.kpi_id, [])
        evaluated = [check for check in checks if check["outcome"] != "not_applicable"]
        failed = [check for check in evaluated if check["outcome"] != "pass"]
        checked = self.content.newest(kpi, kpi.main_freq)  # the checks are those of the main frequency
        of_another = checked is not None and total is not None and checked.time_period != total.time_period

        def of_period(text: str) -> str:
            """The text; if the checks are about another period than the one shown, with that period."""
            if not of_another or checked is None:
                return text
            written = t("{period}: {text}", period=self.language.period(checked.time_period), text=text)
            return written[0].upper() + written[1:]

        if evaluated and not failed:
            notes.append(Note("quiet", of_period(self._all_passed(len(evaluated)))))
        elif failed and total is not None and not of_another and (name := self.released_by(kpi, total)):
            notes.append(Note("flagged", t("A check held it, and {name} released it; see below.", name=name)))
        elif failed:
            text = "{failed} of {count} checks gave a warning; see the checks below."
            notes.append(Note("flagged", of_period(t(text, failed=len(failed), count=len(evaluated)))))
        if newest_held := self.newest_held(kpi):
            text = "{period} is held until someone decides; this is the newest published value."
            sentence = t(text, period=self.language.period(newest_held))
            notes.append(Note("waiting", sentence[0].upper() + sentence[1:]))
        elif score.held:
            count = self.language.count(score.held, "period waits for a decision", "periods wait for a decision")
            notes.append(Note("waiting", f"{count}."))
        if due := self.content.review_due(kpi):
            notes.append(Note("review", t("Its review is due since {day}.", day=self.language.day(due))))
        return notes

    def _all_passed(self, count: int) -> str:
        if count == 1:
            return self.language.t("The one check that applies passed.")
        return self.language.t("All {count} checks that apply passed.", count=count)

    def released_by(self, kpi: CatalogKpi, total: Total) -> str | None:
        """Who released the held value of the total's period; None where it wasn't held."""
        key = kpi.kpi_id, total.freq, total.time_period
        found = self.content.findings.get(kpi.kpi_id, [])
        if any((row.kpi_id, row.freq, row.time_period) == key and row.state == "released" for row in found):
            rows = (row for row in self.content.decisions if (row.kpi_id, row.freq, row.time_period) == key)
            return next((row.decided_by for row in rows if row.decision == "release"), None)
        return None

    def reasons(self, kpi: CatalogKpi) -> list[str]:
        """Why the value of the scorecard moved, in sentences; where it misses its target, since it last reached it."""
        answers = self.content.reasons.get(kpi.kpi_id, {})
        currency = self.content.catalog.reporting_currency
        previous, target = (
            Reasons(self.language, answers[name], kpi.unit, currency, self.members) if name in answers else None
            for name in ("previous", "target")
        )
        sentences = previous.sentences() if previous else []
        if target and target.has_change and target.answer["value"]["target_attained"] is False:
            sentences += target.target()
            if (
                not previous
                or not previous.has_change
                or (previous.answer["compared_with"]["period"] != target.answer["compared_with"]["period"])
            ):
                sentences += [target.parts(), *target.segments()]
        return [sentence for sentence in dict.fromkeys(sentences) if sentence]

    def chart(self, kpi: CatalogKpi, freq: str, width: int, height: int) -> Markup:
        """The chart of the totals at a frequency."""
        points = self.points(kpi, freq)
        title = f"{kpi.name}, {self.language.t(FREQ_TITLES[freq])}"
        return line_chart(
            points,
            title,
            lambda values: self.language.axis(values, kpi.unit),
            width=width,
            height=height,
            target_word=lambda targets: self.language.t(
                "target {value}", value=" – ".join(self.value(kpi, target, with_unit=False) for target in targets)
            ),
        )

    def marks(self, kpi: CatalogKpi) -> list[str]:
        """The marks in the KPI's charts that need to be explained."""
        points = [point for freq in self.freqs(kpi) for point in self.points(kpi, freq)]
        found = {mark for point in points for mark in (*point.marks, point.state)}
        found |= {"revised"} if any(point.first_value is not None for point in points) else set()
        of_main = self.points(kpi, kpi.main_freq)
        found |= {"usual"} if any(point.usual is not None for point in of_main) else set()
        return [
            mark
            for mark in ("usual", "provisional", "suppressed", "held", "flagged", "revised", "break")
            if mark in found
        ]

    def freqs(self, kpi: CatalogKpi) -> list[str]:
        """The frequencies with a chart: the main one, then quarters and years."""
        others = [freq for freq in ("M", "Q", "A") if freq in kpi.freqs and freq != kpi.main_freq]
        return [freq for freq in (kpi.main_freq, *others) if self.content.series(kpi, freq)]

    def segments(self, kpi: CatalogKpi) -> list[tuple[str, list[tuple[str, str, Markup, int]], int]]:
        """Per segment its members with chart, newest value and number of suppressed periods; and how many are left out.

        The charts of a segment have the same axis. Members without any value or suppressed period are left out.
        """
        by_segment: dict[str, dict[str, list[Cell]]] = defaultdict(lambda: defaultdict(list))
        for cell in self.content.cells.get(kpi.kpi_id, []):
            by_segment[cell.segment][cell.member].append(cell)
        segments = []
        for segment, members in by_segment.items():
            series = {
                member: with_gaps([self._cell_point(kpi, cell) for cell in cells]) for member, cells in members.items()
            }
            order = sorted(members, key=lambda member: -(members[member][-1].obs_value or 0))
            shown = order[:_MEMBERS_SHOWN]
            low_high = shared_range(series[member] for member in shown)
            charts = []
            for member in shown:
                newest, name = members[member][-1], self.member(segment, member)
                hidden = sum(cell.obs_status == "Q" for cell in members[member])
                chart = line_chart(
                    series[member], f"{kpi.name}, {name}",
                    lambda values: self.language.axis(values, kpi.unit),
                    width=250, height=120, low_high=low_high,
                )  # fmt: skip
                value = self.language.t("suppressed") if newest.obs_status == "Q" else self.value(kpi, newest.obs_value)
                charts.append((name, value, chart, hidden))
            segments.append((segment, charts, len(order) - len(shown)))
        return segments

    def member(self, segment: str, member: str) -> str:
        return self.language.t("unknown") if member == "_U" else member_words(segment, member, self.members)

    def _cell_point(self, kpi: CatalogKpi, cell: Cell) -> Point:
        period, hidden = cell.period, cell.obs_status == "Q"
        value = self.language.t("suppressed") if hidden else self.value(kpi, cell.obs_value)
        state: State = "suppressed" if hidden else "provisional" if self.is_open(kpi, period) else "normal"
        return Point(period, cell.obs_value, f"{self.language.period(cell.time_period)}: {value}", state)

    def history(self, kpi: CatalogKpi) -> list[tuple[Total, list[Vintage]]]:
        """The totals of the main frequency, newest first, with their vintages, oldest first."""
        vintages: dict[str, list[Vintage]] = defaultdict(list)
        for vintage in self.content.vintages.get((kpi.kpi_id, kpi.main_freq), []):
            vintages[vintage.time_period].append(vintage)
        return [(total, vintages[total.time_period]) for total in reversed(self.content.series(kpi, kpi.main_freq))]

    def what_fails(self, check: Mapping[str, Any]) -> str:
        """What is wrong where the check fails, as a sentence."""
        name = present_name(check["check"])
        return f"{self.language.title(FAILINGS.get(name, name))}."

    def findings(self, kpi: CatalogKpi) -> list[Finding]:
        """The KPI's held periods and those with a warning, newest first."""
        return sorted(self.content.findings.get(kpi.kpi_id, []), key=lambda finding: finding.period.end, reverse=True)
