"""The assets of published KPIs: one for each KPI, partitioned by month, with the gate as its check."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    DagsterInstance,
    DagsterRunStatus,
    MetadataValue,
    ResourceParam,
    RunsFilter,
    multi_asset,
)

import publishing
from data_quality import warehouse
from data_quality.gate.keys import history
from data_quality.gate.verdict import Verdict
from data_quality.ledger.store import Ledger
from data_quality.release import readiness
from data_quality.release.result import Release
from metrics.core import clock, deployment
from metrics.core.deployment import published_path, site_path, site_url
from metrics.core.periods import parse, period_of
from metrics.core.quoting import literal
from metrics.core.text import visible
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.company import Company
from orchestration import standing
from orchestration.assets.models import candidates_key
from orchestration.dbt import builds
from orchestration.lock import writing
from orchestration.markdown import plain
from orchestration.partitions import months
from orchestration.resources import RunResources
from publishing import reader
from publishing.site import page_file

GATE, REVIEW = "gate", "review"
# The texts that Dagster accepts as an owner: with another text none of its pages would load.
_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+-]*@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")
TOGETHER = (
    "All KPIs are published together, as one release, so that no two published figures contradict each other. A run for"
    " some months judges these for all KPIs and everything that is new or changed, and publishes what may be published."
)


def publication_assets(company: Company, catalog: Catalog) -> AssetsDefinition:
    """Every supplied KPI as an asset `published/<kpi>`, and the gate's verdict and its review as checks.

    A month is materialized when none of the KPI's periods that end in it is held. The check `gate` fails while any
    period of the KPI is held. The check `review` warns while the KPI's review is overdue.
    """
    partitions = months(company)
    files_read = standing.files(company)
    kpis = {kpi.kpi_id: kpi for kpi in catalog.kpis if kpi.supplied}

    @multi_asset(
        name="publish",
        specs=[
            AssetSpec(
                _key(kpi_id),
                deps=[candidates_key(kpi)],
                group_name="published",
                description=f"{plain(kpi.description)}\n\n{TOGETHER}",
                owners=[kpi.owner] if _ADDRESS.fullmatch(kpi.owner) else [],
                kinds={"duckdb", "deltalake"},
                tags={"domain": kpi.domain, "level": kpi.level},
                metadata=_facts(kpi),
                partitions_def=partitions,
            )
            for kpi_id, kpi in kpis.items()
        ],
        check_specs=[
            AssetCheckSpec(
                GATE,
                asset=_key(kpi_id),
                description="Fails while any period of the KPI is held. The periods and the reasons are listed below.",
            )
            for kpi_id in kpis
        ]
        + [
            AssetCheckSpec(
                REVIEW,
                asset=_key(kpi_id),
                description="Warns while the owner's review of the KPI is overdue. `kpi review` records one.",
            )
            for kpi_id in kpis
        ],
        # Needed to backfill some of the assets only. Each output may be missing then.
        can_subset=True,
        backfill_policy=BackfillPolicy.single_run(),
    )
    def publish(
        context: AssetExecutionContext, run: ResourceParam[RunResources]
    ) -> Iterator[AssetMaterialization | AssetCheckEvaluation]:
        if not (context.has_partition_key or context.has_partition_key_range):  # only the checks are executed
            yield from gate_results(list(kpis.values()))
            yield from review_results(company, list(kpis.values()))
            return
        keys = context.partition_keys
        first, last = parse(keys[0]).start, parse(keys[-1]).end
        with writing():
            with run.stages.stage("gate"), warehouse.kept_open():
                readiness.require(company)
                builds.outdate(catalog)
                inputs = standing.inputs(company, files_read)
                unchanged = standing.of_last_run(catalog, first, last, inputs)
                if unchanged is None:
                    # These need pandas, which takes a second to import.
                    from data_quality.gate import judge
                    from data_quality.release.unsettled import unsettled

                    run.verdicts = judge.judge(company, catalog, first, last, also=unsettled(catalog))
                else:
                    run.verdicts = unchanged.verdicts
            with run.stages.stage("publication"):
                if unchanged is None:
                    from data_quality.release import release

                    run.release = release.publish(company, catalog, *history(catalog))
                else:
                    run.release = unchanged.release
                publishing.publish()
            with run.stages.stage("report to Dagster"):
                # Whoever chose these months or KPIs in Dagster waits for their events; else what is new is reported.
                is_chosen = context.is_subset or "dagster/backfill" in context.run.tags
                reports_all = is_chosen or not _has_succeeded(context.instance)
                if unchanged is None or reports_all:
                    since = 0 if reports_all else standing.reported_sequence()
                    yield from _materializations(list(kpis.values()), run.verdicts, run.release, since)
                    yield from gate_results(list(kpis.values()))
                # A review gets overdue on a day on which nothing else is new.
                yield from review_results(
                    company, list(kpis.values()), only_overdue=unchanged is not None and not reports_all
                )
            if unchanged is None:
                standing.record(inputs, run.release, run.verdicts)

    return publish


def _key(kpi_id: str) -> AssetKey:
    return AssetKey(["published", kpi_id])


def gate_results(kpis: Sequence[CatalogKpi]) -> Iterator[AssetCheckEvaluation]:
    """The result of each KPI's gate: the periods that are held now, whenever they were judged.

    The reasons come from the published table, where reasons of protected KPIs have no figures.
    """
    held = reader.held() if published_path().exists() else []
    for kpi in kpis:
        reasons = {row["time_period"]: row["reason"] for row in held if row["kpi_id"] == kpi.kpi_id}
        yield AssetCheckEvaluation(
            asset_key=_key(kpi.kpi_id),
            check_name=GATE,
            passed=not reasons,
            severity=AssetCheckSeverity.ERROR,
            description=plain(f"held: {', '.join(reasons)}" if reasons else "nothing is held"),
            metadata={
                "periods_held": len(reasons),
                **{period: visible("; ".join(dict.fromkeys(reason.split("; ")))) for period, reason in reasons.items()},
            },
        )


def review_results(
    company: Company, kpis: Sequence[CatalogKpi], *, only_overdue: bool = False
) -> Iterator[AssetCheckEvaluation]:
    """Whether each KPI's review is overdue today. With `only_overdue`, only results of overdue reviews are returned."""
    overdue = reader.overdue_reviews(clock.today(company.time_zone)) if published_path().exists() else {}
    for kpi in kpis:
        due = overdue.get(kpi.kpi_id)
        if only_overdue and due is None:
            continue
        yield AssetCheckEvaluation(
            asset_key=_key(kpi.kpi_id),
            check_name=REVIEW,
            passed=due is None,
            severity=AssetCheckSeverity.WARN,
            description=plain(f"its review was due on {due}; the owner is {kpi.owner}" if due else "no review is due"),
        )


def _materializations(
    kpis: Sequence[CatalogKpi], verdicts: Sequence[Verdict], released: Release, since: int
) -> Iterator[AssetMaterialization]:
    """A materialization, with its value, for each judged month of each KPI, selected or not, that has no held period
    and that a release after the one numbered `since` has changed.

    A MaterializeResult would mark all months of the run, also held ones.
    """
    changed = changed_months(since)
    held_months = {(held.kpi_id, period_of("M", parse(held.time_period).end).code) for held in released.held}
    judged: dict[str, dict[str, list[Verdict]]] = defaultdict(lambda: defaultdict(list))
    for verdict in verdicts:
        judged[verdict.kpi_id][period_of("M", verdict.period_end).code].append(verdict)
    values = reader.values_by_month(kpis) if published_path().exists() else {}
    for kpi in kpis:
        for month, month_verdicts in judged[kpi.kpi_id].items():
            if (kpi.kpi_id, month) in held_months or (kpi.kpi_id, month) not in changed:
                continue
            periods = ", ".join(verdict.time_period for verdict in month_verdicts)
            # Dagster plots every number, so numbers that are not to be plotted are texts.
            metadata: dict[str, Any] = {"periods": periods, "release": str(released.sequence)}
            if (kpi.kpi_id, month) in values:
                metadata["value"] = values[kpi.kpi_id, month]
            yield AssetMaterialization(_key(kpi.kpi_id), partition=month, metadata=metadata)


def changed_months(since: int) -> set[tuple[str, str]]:
    """(kpi_id, month) of the values and verdicts that came with the releases after the one numbered `since`."""
    ledger = Ledger.find(deployment.ledger_path())
    release_ids = [literal(row["release_id"]) for row in ledger.releases if row["sequence"] > since] if ledger else []
    if ledger is None or not release_ids:
        return set()
    condition = f"rows.release_id in ({', '.join(release_ids)})"
    tables = (ledger.observations_where(condition), ledger.verdicts_where(condition))
    codes = {
        (kpi_id, code)
        for table in tables
        for kpi_id, code in zip(table["kpi_id"].to_pylist(), table["time_period"].to_pylist(), strict=True)
    }
    return {(kpi_id, period_of("M", parse(code).end).code) for kpi_id, code in codes}


def _has_succeeded(instance: DagsterInstance) -> bool:
    """Whether Dagster has the record of a run that succeeded; its folder may be new, or have been removed."""
    return bool(instance.get_runs_count(RunsFilter(statuses=[DagsterRunStatus.SUCCESS])))


def _facts(kpi: CatalogKpi) -> dict[str, Any]:
    """The catalogue's facts on a KPI, for its page in Dagster."""
    return {
        "name": visible(kpi.name),
        "unit": kpi.unit,
        "frequencies": ", ".join(kpi.freqs),
        "segments": ", ".join(kpi.segments) or "none",
        "objective": kpi.objective,
        "target": _target(kpi),
        "definition_version": kpi.definition_version,
        "candidates": f"kpi.{kpi.model}",
        "feeds": ", ".join(kpi.feeds),
        "protected": kpi.protected,
        "page": _page(kpi),
    }


def _target(kpi: CatalogKpi) -> float | str:
    if kpi.target is None:
        return visible(kpi.target_note)
    return kpi.target if kpi.target_to is None else f"{kpi.target:g} to {kpi.target_to:g}"


def _page(kpi: CatalogKpi) -> MetadataValue[Any]:
    """Where the KPI's page is for people: its address where the site is served, else its file."""
    address, name = site_url(), page_file(kpi.kpi_id)
    return MetadataValue.url(f"{address}/{name}") if address else MetadataValue.path(site_path().with_name(name))


def months_of(first: date, last: date) -> tuple[str, str]:
    """The partitions of the first and the last day."""
    return period_of("M", first).code, period_of("M", last).code
