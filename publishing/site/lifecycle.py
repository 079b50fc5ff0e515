"""What the site says of a KPI's life: its reviews, opinions on retiring it, when it was retired, what replaced it."""

from __future__ import annotations

from metrics.definitions.catalog import CatalogKpi
from publishing.lint.record import PERIODS
from publishing.site.rows import Decision, Opinion
from publishing.site.texts import Texts


class Lifecycle(Texts):
    """Makes what the pages say of reviews and retirement."""

    def retired(self, kpi: CatalogKpi) -> str:
        """Since when it isn't used any more; empty for a KPI in use."""
        return self.language.t("Retired on {day}", day=self.language.day(kpi.retired.on)) if kpi.retired else ""

    def replacement(self, kpi: CatalogKpi) -> CatalogKpi | None:
        """The KPI that replaced it; None for a KPI in use, and where none did."""
        replaced_by = kpi.retired.replaced_by if kpi.retired else None
        return next((other for other in self.content.catalog.kpis if other.kpi_id == replaced_by), None)

    def predecessors(self, kpi: CatalogKpi) -> list[CatalogKpi]:
        """The retired KPIs that it replaced."""
        kpis = self.content.catalog.kpis
        return [other for other in kpis if other.retired and other.retired.replaced_by == kpi.kpi_id]

    def review(self, kpi: CatalogKpi) -> str:
        """When it was reviewed last, with what outcome, and when its review is due."""
        review, t, language = self.content.reviews[kpi.kpi_id], self.language.t, self.language
        parts = [t("never reviewed")]
        if review.reviewed_on:
            parts = [t("last on {day} by {name}", day=language.day(review.reviewed_on), name=review.reviewed_by)]
            parts += [t(review.outcome)] if review.outcome else []
        parts += [t("due on {day}", day=language.day(review.due_on))] if review.due_on else []
        return ", ".join(parts)

    def attainment(self, kpi: CatalogKpi) -> str:
        """In how many of the year's closed periods (of years: four) it met its target; empty where none had one."""
        freq = kpi.target_freq or kpi.main_freq
        closed = [total for total in self.content.series(kpi, freq) if not self.is_open(kpi, total.period)]
        attained = [total.target_status == "on target" for total in closed[-PERIODS[freq][0] :] if total.target_status]
        if not attained:
            return ""
        return self.language.t("in {met} of the {count} newest periods", met=sum(attained), count=len(attained))

    def opinions(self, kpi: CatalogKpi) -> list[Opinion]:
        """The opinions that count on retiring it."""
        return [opinion for opinion in self.content.opinions.get(kpi.kpi_id, []) if opinion.proposal == "retire"]

    def outcome(self, decision: Decision) -> str:
        """The outcome of a review in words: " (keep)"; empty for other decisions."""
        return f" ({self.language.t(decision.outcome)})" if decision.outcome else ""
