"""Published KPIs: one asset each, by month, behind the gate."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    ResourceParam,
    multi_asset,
)

from data_quality import gate, release
from data_quality.release import Held, Release
from data_quality.verdict import Verdict
from metrics.catalog import Catalog, CatalogKpi
from metrics.company import Company
from metrics.periods import parse, period_of
from orchestration import builds
from orchestration.assets.models import CANDIDATES
from orchestration.lock import writing
from orchestration.partitions import months
from orchestration.resources import RunResources

GATE = "gate"


def publication_assets(company: Company, catalog: Catalog) -> AssetsDefinition:
    """Every supplied KPI as an asset `published/<kpi>`, and the gate's verdict as its check.

    A month is materialised when all of the KPI's periods that end in it were let through; a held month stays
    unmaterialised, its check failed.
    """
    partitions = months(company)
    kpis = {kpi.kpi_id: kpi for kpi in catalog.kpis if kpi.supplied}

    @multi_asset(
        name="publish",
        specs=[
            AssetSpec(
                _key(kpi_id),
                deps=[CANDIDATES],
                group_name="published",
                description=kpi.description,
                owners=[kpi.owner] if "@" in kpi.owner else [],
                kinds={"duckdb", "deltalake"},
                tags={"domain": kpi.domain, "level": kpi.level},
                metadata=_facts(kpi),
                partitions_def=partitions,
                skippable=True,
            )
            for kpi_id, kpi in kpis.items()
        ],
        check_specs=[
            AssetCheckSpec(
                GATE,
                asset=_key(kpi_id),
                description="No period that ended in the month is held back. The execution history has every month;"
                " the result without a partition is that of the newest month of the run.",
            )
            for kpi_id in kpis
        ],
        backfill_policy=BackfillPolicy.single_run(),
    )
    def publish(context: AssetExecutionContext, run: ResourceParam[RunResources]) -> Iterator[AssetCheckResult]:
        keys = context.partition_keys
        first, last = parse(keys[0]).start, parse(keys[-1]).end
        with writing():
            with run.stages.stage("gate"):
                builds.outdate(catalog)
                run.verdicts = gate.judge(company, catalog, first, last)
            with run.stages.stage("publication"):
                run.release = release.publish(company, catalog, first, last)
        with run.stages.stage("report to Dagster"):
            yield from _report(context, list(kpis), run.verdicts, run.release)

    return publish


def _key(kpi_id: str) -> list[str]:
    return ["published", kpi_id]


def _report(
    context: AssetExecutionContext, kpi_ids: Sequence[str], verdicts: Sequence[Verdict], released: Release
) -> Iterator[AssetCheckResult]:
    """Tells Dagster the outcome of each judged month, and of each KPI's newest, as the release left them."""
    refused = {(one.kpi_id, one.freq, one.time_period): one for one in released.held}
    by_month: dict[str, dict[str, list[Verdict]]] = {kpi_id: defaultdict(list) for kpi_id in kpi_ids}
    for verdict in verdicts:
        by_month[verdict.kpi_id][period_of("M", verdict.period_end).code].append(verdict)
    for kpi_id, per_month in by_month.items():
        key = AssetKey(_key(kpi_id))
        for month, judged in sorted(per_month.items()):
            held = [refused[one.key] for one in judged if one.key in refused]
            if not held:
                context.log_event(
                    AssetMaterialization(
                        key, partition=month, metadata={"periods": _codes(judged), "release": released.sequence}
                    )
                )
            context.log_event(
                AssetCheckEvaluation(
                    asset_key=key,
                    check_name=GATE,
                    passed=not held,
                    severity=AssetCheckSeverity.ERROR,
                    partition=month,
                    description=_why(held) or f"let through: {_codes(judged)}",
                )
            )
        newest = max(per_month, default=None)
        held = [refused[one.key] for one in per_month[newest] if one.key in refused] if newest else []
        yield AssetCheckResult(
            asset_key=key,
            check_name=GATE,
            passed=not held,
            severity=AssetCheckSeverity.ERROR,
            description=_newest_in_words(newest, per_month, held),
        )


def _codes(verdicts: Sequence[Verdict]) -> str:
    return ", ".join(one.time_period for one in verdicts)


def _why(held: Sequence[Held]) -> str:
    """Why those periods are held, a line each; a protected KPI's reasons have no figures."""
    return "\n".join(f"{one.time_period} held ({', '.join(one.checks) or 'refused'}): {one.reason}" for one in held)


def _newest_in_words(month: str | None, per_month: Mapping[str, Sequence[Verdict]], held: Sequence[Held]) -> str:
    if month is None:
        return "no period ended"
    return f"{month}: " + (_why(held) or f"let through: {_codes(per_month[month])}")


def _facts(kpi: CatalogKpi) -> dict[str, Any]:
    """What the catalogue says of a KPI, for its page."""
    return {
        "name": kpi.name,
        "unit": kpi.unit,
        "frequencies": ", ".join(kpi.freqs),
        "segments": ", ".join(kpi.segments) or "none",
        "objective": kpi.objective,
        "target": kpi.target if kpi.target is not None else kpi.target_note,
        "definition_version": kpi.definition_version,
        "candidates": f"kpi.{kpi.model}",
        "feeds": ", ".join(kpi.feeds),
        "protected": kpi.protected,
    }


def months_of(first: date, last: date) -> tuple[str, str]:
    """The first and last partition of a span of days."""
    return period_of("M", first).code, period_of("M", last).code
