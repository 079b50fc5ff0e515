"""What the page for people who work with the data shows: feeds, and what the gate found."""

from __future__ import annotations

from collections import Counter, defaultdict

from metrics.definitions.catalog import CatalogKpi
from publishing.site.texts import Texts


class DataPage(Texts):
    """Makes what the page shows."""

    def feeds(self) -> list[tuple[str, list[CatalogKpi]]]:
        """The feeds, and the KPIs that are computed from each."""
        by_feed: dict[str, list[CatalogKpi]] = defaultdict(list)
        for kpi in self.content.catalog.kpis:
            for feed in kpi.feeds:
                by_feed[feed].append(kpi)
        return sorted(by_feed.items())

    def failing_checks(self) -> list[tuple[str, Counter[str]]]:
        """The checks that failed in the newest verdict of a period, with the number of periods by state; most first."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for findings in self.content.findings.values():
            for finding in findings:
                for check in finding.failing:
                    counts[check][finding.state] += 1
        return sorted(counts.items(), key=lambda entry: -entry[1].total())
