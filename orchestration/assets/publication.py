"""Published KPIs: one asset each, by month, behind the gate."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date

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
from data_quality.verdict import Verdict
from metrics.catalog import Catalog, CatalogKpi
from metrics.company import Company
from metrics.periods import parse, period_of
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
                partitions_def=partitions,
                skippable=True,
            )
            for kpi_id, kpi in kpis.items()
        ],
        check_specs=[
            AssetCheckSpec(GATE, asset=_key(kpi_id), description="No period that ended in the month is held back.")
            for kpi_id in kpis
        ],
        backfill_policy=BackfillPolicy.single_run(),
    )
    def publish(context: AssetExecutionContext, run: ResourceParam[RunResources]) -> Iterator[AssetCheckResult]:
        keys = context.partition_keys
        first, last = parse(keys[0]).start, parse(keys[-1]).end
        with writing():
            with run.stages.stage("gate"):
                run.verdicts = gate.judge(company, catalog, first, last)
            with run.stages.stage("publication"):
                run.release = release.publish(company, catalog, first, last)
        with run.stages.stage("report to Dagster"):
            yield from _report(context, kpis, run.verdicts, {held.kpi_id for held in run.release.held})

    return publish


def _key(kpi_id: str) -> list[str]:
    return ["published", kpi_id]


def _report(
    context: AssetExecutionContext, kpis: dict[str, CatalogKpi], verdicts: Sequence[Verdict], refused: set[str]
) -> Iterator[AssetCheckResult]:
    """Tells Dagster each month's outcome where it differs from the last one told, and each KPI's newest."""
    by_month: dict[str, dict[str, list[Verdict]]] = {kpi_id: defaultdict(list) for kpi_id in kpis}
    for verdict in verdicts:
        by_month[verdict.kpi_id][period_of("M", verdict.period_end).code].append(verdict)
    for kpi_id, per_month in by_month.items():
        key = AssetKey(_key(kpi_id))
        materialized = context.instance.get_materialized_partitions(key)
        for month, judged in sorted(per_month.items()):
            held = [one for one in judged if one.verdict == "hold"]
            if not held and month not in materialized:
                context.log_event(AssetMaterialization(key, partition=month, metadata={"periods": _codes(judged)}))
            if held or month not in materialized:
                context.log_event(
                    AssetCheckEvaluation(
                        asset_key=key,
                        check_name=GATE,
                        passed=not held,
                        severity=AssetCheckSeverity.ERROR,
                        partition=month,
                        description=_why(held),
                    )
                )
        newest = max(per_month, default=None)
        held = [one for one in per_month[newest] if one.verdict == "hold"] if newest else []
        yield AssetCheckResult(
            asset_key=key,
            check_name=GATE,
            passed=not held,
            severity=AssetCheckSeverity.ERROR,
            description=_why(held) or f"let through in {newest}",
        )


def _codes(verdicts: Sequence[Verdict]) -> str:
    return ", ".join(one.time_period for one in verdicts)


def _why(held: Sequence[Verdict]) -> str:
    reasons = (f"{one.time_period}: {', '.join(result.check for result in one.failing)}" for one in held)
    return "; ".join(reasons)


def months_of(first: date, last: date) -> tuple[str, str]:
    """The first and last partition of a span of days."""
    return period_of("M", first).code, period_of("M", last).code
