"""The assets of raw: one for each feed; one ingest loads them together."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetsDefinition,
    AssetSpec,
    FreshnessPolicy,
    MaterializeResult,
    ResourceParam,
    multi_asset,
)

from data_quality.release import readiness
from metrics.core.text import visible
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from metrics.definitions.feeds import Feed
from orchestration.dbt import proving
from orchestration.lock import writing
from orchestration.markdown import plain
from orchestration.resources import RunResources

CHECK = "delivered_whole"
# Dagster shows a feed as overdue when no run has read it for that long: its cadence, and time for a late run.
_READ_WITHIN = {
    "hourly": timedelta(hours=26),  # the schedule runs once a day
    "daily": timedelta(hours=26),
    "weekly": timedelta(days=8),
    "monthly": timedelta(days=32),
    "yearly": timedelta(days=367),
}


def _freshness(feed: Feed) -> FreshnessPolicy | None:
    """Within which time a run must read the feed; None where nothing is delivered any more."""
    window = None if feed.ended else _READ_WITHIN.get(feed.cadence)
    return FreshnessPolicy.time_window(fail_window=window) if window else None


def raw_assets(company: Company, manifest: Path, catalog: Catalog) -> AssetsDefinition:
    """The company's feeds as assets `raw/<feed>`, each with a check that all its files and rows were loaded."""
    feeds = sorted(company.feeds.values(), key=lambda feed: feed.name)

    @multi_asset(
        name="ingest",
        specs=[
            AssetSpec(
                ["raw", feed.name],
                group_name="raw",
                description=plain(feed.description),
                kinds={feed.format, "dlt"},
                freshness_policy=_freshness(feed),
                metadata={"system": visible(feed.system), "path": visible(feed.path)},
            )
            for feed in feeds
        ],
        check_specs=[
            AssetCheckSpec(
                CHECK, asset=["raw", feed.name], description="Every file could be read; no row was rejected."
            )
            for feed in feeds
        ],
        can_subset=True,
    )
    def ingest_feeds(
        context: AssetExecutionContext, run: ResourceParam[RunResources]
    ) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
        """Load the chosen feeds; for each, a materialization with its counts and a check that it is complete.

        Raises NyckeltalError before anything is read when no release could be made now.
        """
        # dlt takes a second to import, and only this step needs it.
        from orchestration.ingest.load import ingest
        from orchestration.ingest.readers import require_known_formats
        from orchestration.ingest.sources.files import Listing

        chosen = sorted(key.path[-1] for key in context.selected_asset_keys)
        with run.stages.stage("ingest"), writing():
            require_known_formats(feeds)
            listing = Listing()
            readiness.require(company, listing.newest_delivery(feeds))
            proving.before_newer_rows(company, catalog, manifest)
            reports = ingest(company, chosen, run.stages.report, listing)
        run.feed_reports.extend(reports)
        for report in reports:
            key = ["raw", report.feed]
            yield MaterializeResult(
                asset_key=key,
                metadata={
                    "rows_loaded": report.rows_loaded,
                    "rows_total": report.rows_total,
                    "rows_rejected": report.rows_rejected,
                    "files_new": report.files_new,
                    "files_failed": report.files_failed,
                    "complete_through": str(report.watermark or "nothing yet"),
                    **({"notes": visible("\n".join(report.notes))} if report.notes else {}),
                },
            )
            yield AssetCheckResult(
                asset_key=key,
                check_name=CHECK,
                passed=report.outstanding is None and not report.rows_rejected,
                severity=AssetCheckSeverity.ERROR if report.outstanding else AssetCheckSeverity.WARN,
                description=plain(
                    report.outstanding
                    or (
                        f"{report.rows_rejected:,} rows rejected; the reasons are in raw._rejected"
                        if report.rows_rejected
                        else f"{report.files_new:,} new files; all rows were loaded"
                    )
                ),
            )

    return ingest_feeds
