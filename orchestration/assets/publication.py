"""Published KPIs: one asset each, by month, behind the gate."""

import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
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
    AssetRecordsFilter,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    DagsterEventType,
    DagsterInstance,
    PreviewWarning,
    ResourceParam,
    multi_asset,
)
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData

from data_quality import gate, readiness, release
from data_quality.admission import Held
from data_quality.release import Release
from data_quality.verdict import Verdict
from metrics.catalog import Catalog, CatalogKpi
from metrics.company import Company
from metrics.periods import parse, period_of
from metrics.text import visible
from orchestration import builds
from orchestration.assets.models import CANDIDATES
from orchestration.lock import writing
from orchestration.markdown import plain
from orchestration.partitions import months
from orchestration.resources import RunResources

GATE = "gate"
# What Dagster takes as an owner: another text would keep all of its pages from loading.
_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+-]*@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")


def publication_assets(company: Company, catalog: Catalog) -> AssetsDefinition:
    """Every supplied KPI as an asset `published/<kpi>`, and the gate's verdict as its check.

    A month is materialised when all of the KPI's periods that end in it were let through; a held month stays
    unmaterialised, its check failed.
    """
    partitions = months(company)
    # Dagster calls the partitions of a check a preview; the lock holds its version.
    warnings.filterwarnings("ignore", message=".*partitions_def on an AssetCheckSpec", category=PreviewWarning)
    kpis = {kpi.kpi_id: kpi for kpi in catalog.kpis if kpi.supplied}

    @multi_asset(
        name="publish",
        specs=[
            AssetSpec(
                _key(kpi_id),
                deps=[CANDIDATES],
                group_name="published",
                description=plain(kpi.description),
                owners=[kpi.owner] if _ADDRESS.fullmatch(kpi.owner) else [],
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
                description="No period that ended in the month is held back. See Partitions for each month; a result"
                " without a partition is that of the newest month that a run judged.",
                partitions_def=partitions,
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
                readiness.require(company)
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
    """Tells Dagster the outcome of each month, and of each KPI's newest judged one, as the release left them."""
    refused = {(one.kpi_id, one.freq, one.time_period): one for one in released.held}
    judged: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        judged[verdict.kpi_id, period_of("M", verdict.period_end).code].append(verdict)
    for kpi_id in kpi_ids:
        key = AssetKey(_key(kpi_id))
        months = {month: judged[kpi_id, month] for month in context.partition_keys}
        held = {month: [refused[one.key] for one in found if one.key in refused] for month, found in months.items()}
        for month, found in months.items():
            if found and not held[month]:
                facts: dict[str, Any] = {"periods": _codes(found), "release": released.sequence}
                context.log_event(AssetMaterialization(key, partition=month, metadata=facts))
        targets = _newest_materializations(context.instance, key, list(months))
        for month, found in months.items():
            context.log_event(
                AssetCheckEvaluation(
                    asset_key=key,
                    check_name=GATE,
                    partition=month,
                    target_materialization_data=targets.get(month),
                    **_finding(found, held[month]),
                )
            )
        newest = max((month for month, found in months.items() if found), default=context.partition_keys[-1])
        yield AssetCheckResult(asset_key=key, check_name=GATE, **_finding(months[newest], held[newest]))


def _newest_materializations(
    instance: DagsterInstance, key: AssetKey, months: Sequence[str]
) -> dict[str, AssetCheckEvaluationTargetMaterializationData]:
    """By month. A check result counts for a month as long as it is on its newest materialisation, if it has one."""
    newest = instance.event_log_storage.get_latest_storage_id_by_partition(
        key, DagsterEventType.ASSET_MATERIALIZATION, set(months)
    )
    if not newest:
        return {}
    found = instance.fetch_materializations(
        AssetRecordsFilter(asset_key=key, storage_ids=list(newest.values())), limit=len(newest)
    )
    return {
        str(record.partition_key): AssetCheckEvaluationTargetMaterializationData(
            storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
        )
        for record in found.records
    }


def _codes(verdicts: Sequence[Verdict]) -> str:
    return ", ".join(one.time_period for one in verdicts)


def _finding(judged: Sequence[Verdict], held: Sequence[Held]) -> dict[str, Any]:
    """A check result's facts for the periods of a month. A protected KPI's reasons have no figures."""
    told = [f"{one.time_period} ({', '.join(one.checks) or 'refused'})" for one in held]
    return {
        "passed": not held,
        "severity": AssetCheckSeverity.ERROR,
        "description": plain(
            f"held back: {', '.join(told)}" if held else f"let through: {_codes(judged) or 'nothing ended'}"
        ),
        "metadata": {one.time_period: visible("; ".join(dict.fromkeys(one.reason.split("; ")))) for one in held},
    }


def _facts(kpi: CatalogKpi) -> dict[str, Any]:
    """What the catalogue says of a KPI, for its page."""
    return {
        "name": visible(kpi.name),
        "unit": kpi.unit,
        "frequencies": ", ".join(kpi.freqs),
        "segments": ", ".join(kpi.segments) or "none",
        "objective": kpi.objective,
        "target": kpi.target if kpi.target is not None else visible(kpi.target_note),
        "definition_version": kpi.definition_version,
        "candidates": f"kpi.{kpi.model}",
        "feeds": ", ".join(kpi.feeds),
        "protected": kpi.protected,
    }


def months_of(first: date, last: date) -> tuple[str, str]:
    """The first and last partition of a span of days."""
    return period_of("M", first).code, period_of("M", last).code
