"""Makes the text of `catalog.json`: what `kpi compile` records about each adopted KPI, from a company's plan."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from metrics.company_plan import CompanyPlan, DefinedKpi
from metrics.compiler.plan import KpiPlan
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.company import Company
from metrics.definitions.kpis.gate_settings import merged
from metrics.definitions.observable import observable_to, pauses


def catalog_of(company: Company, planned: CompanyPlan) -> Catalog:
    """The company's catalogue."""
    return Catalog(
        company=company.name,
        reporting_currency=company.reporting_currency,
        calendar=company.calendar,
        objectives=company.objectives,
        initiatives=company.initiatives,
        kpis=tuple(_entry(company, defined_kpi, planned) for defined_kpi in planned.kpis),
        labels=_labels(company, planned.kpis),
        identities=planned.identities,
        members=company.members,
    )


def catalog_text(company: Company, planned: CompanyPlan) -> str:
    """The company's catalogue as JSON."""
    return (
        json.dumps(
            catalog_of(company, planned).model_dump(mode="json", exclude={"kpis": {"__all__": {"sql"}}}),
            indent=1,
            ensure_ascii=False,
        )
        + "\n"
    )


def _entry(company: Company, defined_kpi: DefinedKpi, planned: CompanyPlan) -> CatalogKpi:
    kpi_plan, kpi, upstream = defined_kpi.plan, defined_kpi.plan.kpi, defined_kpi.upstream
    supplied_kpis = [
        other_kpi for other_kpi in planned.kpis if other_kpi is not defined_kpi and other_kpi.upstream.supplied
    ]
    definition, adoption = kpi.definition, kpi.adoption
    persons = definition.persons
    starts = [company.feeds[feed].history_from for feed in upstream.feeds]
    return CatalogKpi(
        kpi_id=kpi.id,
        name=definition.name,
        description=" ".join(f"{definition.description} {definition.notes}".split()),
        domain=kpi.domain,
        unit=definition.unit,
        direction=definition.direction,
        kind=definition.kind,
        standard=definition.standard,
        additive_segments=definition.adds_up,
        level=adoption.level,
        type=definition.type,
        owner=adoption.owner,
        objective=adoption.objective,
        target=adoption.target.value,
        target_freq=adoption.target.freq,
        target_note=adoption.target.none or "",
        target_since=adoption.target.since,
        earlier_targets=adoption.target.earlier,
        target_tolerance=adoption.target.tolerance,
        target_by_period=adoption.target.by_period,
        target_rationale=adoption.target.rationale,
        target_source=adoption.target.source,
        target_labels=adoption.target.labels,
        review=adoption.review,
        freqs=adoption.freqs,
        segments=adoption.segments,
        metric=definition.metric,
        metric_type="ratio" if kpi_plan.is_ratio else "simple",
        numerator_metric=kpi_plan.numerator_metric,
        denominator_metric=kpi_plan.denominator_metric,
        expanded_formula=kpi_plan.expanded_formula,
        definition_version=kpi.version,
        definition_hash=defined_kpi.current_definition.hash,
        model=kpi.model,
        feeds=upstream.feeds,
        daily_rollups=tuple(
            sorted({f"rollup_{rollup.days}_daily" for rollup in planned.rollups if kpi.id in rollup.kpi_ids})
        ),
        inputs=dict(defined_kpi.inputs),
        joins=tuple(sorted(defined_kpi.uses.joins)),
        covers=tuple(other_kpi.plan.kpi.id for other_kpi in supplied_kpis if defined_kpi.covers(other_kpi)),
        entities=upstream.entities,
        supplied=upstream.supplied,
        missing_entities=upstream.missing_entities,
        protected=upstream.protected,
        disclosure_threshold=persons.threshold if persons else 0,
        nested_persons=persons.nested if persons else False,
        only_ratio=persons is not None and persons.dominance is not None,
        person_counts=kpi_plan.person_counts,
        part_of=kpi_plan.part_of,
        contributions=kpi_plan.contributions,
        lookback=kpi_plan.lookback,
        compared_with=kpi_plan.compared_with,
        window=kpi_plan.longest_window,
        observable_from=kpi_plan.observable_from(max(starts)) if upstream.supplied and starts else None,
        without_rows=_without_rows(kpi_plan),
        observable_to=observable_to(
            company.feeds, upstream.feeds, upstream.event_feeds, definition.matures_after, adoption.retired
        ),
        paused=pauses(company.feeds, upstream.feeds),
        matures_after=definition.matures_after,
        breaks=definition.breaks,
        min_n_obs=definition.reliable_n_obs,
        estimate=definition.estimate,
        lower_bound=definition.bounds.lower,
        upper_bound=definition.bounds.upper,
        gate=merged(definition.gate, adoption.gate),
        labels=definition.labels,
        retired=adoption.retired,
    )


def _without_rows(kpi_plan: KpiPlan) -> Literal["zero", "no value"] | None:
    """The KPI's value for a period without rows: 0 for a count or sum, no value for a share or a quantile.

    None where it isn't known: for a stock (perhaps nothing was counted), and for a KPI that uses earlier periods, whose
    rows give it a value.
    """
    kind = kpi_plan.kpi.definition.kind
    if kpi_plan.offsets or kind in ("stock", "index"):
        return None
    return "zero" if kind in ("flow", "distinct") else "no value"


def _labels(company: Company, adopted: Sequence[DefinedKpi]) -> dict[str, tuple[str, ...]]:
    """The numeric columns, by feed, that KPIs join by, or that they read but don't use as a size."""
    columns_read = {
        (feed, column) for defined_kpi in adopted for feed, columns in defined_kpi.inputs.items() for column in columns
    }
    keys = {(join.feed, join.column) for defined_kpi in adopted for join in defined_kpi.uses.joins}
    labels = (columns_read - {size for defined_kpi in adopted for size in defined_kpi.uses.sizes}) | keys
    numeric = {
        name: [column for column, spec in feed.columns.items() if spec.type in ("integer", "decimal", "number")]
        for name, feed in sorted(company.feeds.items())
    }
    by_feed = {
        name: tuple(column for column in columns if (name, column) in labels) for name, columns in numeric.items()
    }
    return {name: columns for name, columns in by_feed.items() if columns}
