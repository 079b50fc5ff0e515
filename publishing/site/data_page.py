"""What the page for people who work with the data shows: feeds, and what the gate found."""

from __future__ import annotations

from collections import Counter, defaultdict

from metrics.definitions.catalog import CatalogKpi
from publishing.site.rows import FeedRow
from publishing.site.texts import Texts

_CADENCES = {
    "hourly": "every hour",
    "daily": "every day",
    "weekly": "every week",
    "monthly": "monthly",
    "yearly": "yearly",
    "once": "once",
}


class DataPage(Texts):
    """Makes what the page shows."""

    def feeds(self) -> list[tuple[str, FeedRow | None, list[CatalogKpi]]]:
        """The feeds: name, row (None in a release of an older version), and the KPIs that are computed from it."""
        by_feed: dict[str, list[CatalogKpi]] = {feed: [] for feed in self.content.feeds}
        for kpi in self.content.catalog.kpis:
            for feed in kpi.feeds:
                by_feed.setdefault(feed, []).append(kpi)
        return [(feed, self.content.feeds.get(feed), kpis) for feed, kpis in sorted(by_feed.items())]

    def schedule(self, feed: FeedRow) -> str:
        """How often the feed's source delivers, in words."""
        return self.language.t(_CADENCES[feed.cadence])

    def failing_checks(self) -> list[tuple[str, Counter[str]]]:
        """The checks that failed in the newest verdict of a period, with the number of periods by state; most first."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for findings in self.content.findings.values():
            for finding in findings:
                for check in finding.failing:
                    counts[check["check"]][finding.state] += 1
        return sorted(counts.items(), key=lambda entry: -entry[1].total())
