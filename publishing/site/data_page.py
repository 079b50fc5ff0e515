"""What the page for people who work with the data shows: feeds, and what the gate found."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import NamedTuple

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
_FEW = 8


class FeedFacts(NamedTuple):
    """A feed, its row (None in a release of an older version), and the KPIs that are computed from it.

    Of many KPIs, `through` are those that read only the columns that all of them read, `common`, such as the keys by
    which a shared table joins the feed; `kpis` are the others, and of few KPIs all.
    """

    name: str
    row: FeedRow | None
    kpis: list[CatalogKpi]
    through: list[CatalogKpi]
    common: str


class DataPage(Texts):
    """Makes what the page shows."""

    def feeds(self) -> list[FeedFacts]:
        """The feeds by name, each with its KPIs."""
        by_feed: dict[str, list[CatalogKpi]] = {feed: [] for feed in self.content.feeds}
        for kpi in self.content.catalog.kpis:
            for feed in kpi.feeds:
                by_feed.setdefault(feed, []).append(kpi)
        return [self._facts(feed, kpis) for feed, kpis in sorted(by_feed.items())]

    def _facts(self, feed: str, kpis: list[CatalogKpi]) -> FeedFacts:
        read = {kpi.kpi_id: set(kpi.inputs.get(feed, ())) for kpi in kpis}
        by_all = set.intersection(*read.values()) if read else set()
        through = [kpi for kpi in kpis if read[kpi.kpi_id] == by_all]
        if not by_all or len(kpis) <= _FEW or len(through) == len(kpis):
            through = []
        own = [kpi for kpi in kpis if kpi not in through]
        return FeedFacts(feed, self.content.feeds.get(feed), own, through, ", ".join(sorted(by_all)) if through else "")

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
