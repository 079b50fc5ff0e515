"""The text of `catalog.json`: what `kpi compile` knows of each adopted KPI, for the gate, the release and readers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from metrics.company_plan import CompanyPlan, Defined
from metrics.compiler.plan import KpiPlan
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.company import Company
from metrics.definitions.gate_settings import merged
from metrics.definitions.observable import observable_to, pauses


def catalog_text(company: Company, planned: CompanyPlan) -> str:
    """The company's catalogue as JSON."""
    catalog = Catalog(
        company=company.name,
        reporting_currency=company.reporting_currency,
        calendar=company.calendar,
        objectives=company.objectives,
        kpis=tuple(_entry(company, one, planned.kpis) for one in planned.kpis),
        labels=_labels(company, planned.kpis),
        identities=planned.identities,
    )
    return json.dumps(catalog.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def _entry(company: Company, defined: Defined, adopted: Sequence[Defined]) -> CatalogKpi:
    one, upstream = defined.plan, defined.upstream
    supplied = [other for other in adopted if other is not defined and other.upstream.supplied]
    definition, adoption = one.kpi.definition, one.kpi.adoption
    persons = definition.persons
    starts = [company.feeds[feed].history_from for feed in upstream.feeds]
    return CatalogKpi(
        kpi_id=one.kpi.id,
        name=definition.name,
        description=" ".join(f"{definition.description} {definition.notes}".split()),
        domain=one.kpi.domain,
        unit=definition.unit,
        direction=definition.direction,
        kind=definition.kind,
        standard=definition.standard,
        additive_segments=definition.adds_up,
        level=adoption.level,
        owner=adoption.owner,
        objective=adoption.objective,
        target=adoption.target.value,
        target_freq=adoption.target.freq,
        target_note=adoption.target.none or "",
        review=adoption.review,
        freqs=adoption.freqs,
        segments=adoption.segments,
        metric=definition.metric,
        metric_type="ratio" if one.is_ratio else "simple",
        numerator_metric=one.numerator_metric,
        denominator_metric=one.denominator_metric,
        definition_version=one.kpi.version,
        definition_hash=defined.current.hash,
        model=one.kpi.model,
        feeds=upstream.feeds,
        inputs=dict(defined.inputs),
        joins=tuple(sorted(defined.uses.joins)),
        covers=tuple(other.plan.kpi.id for other in supplied if defined.covers(other)),
        entities=upstream.entities,
        supplied=upstream.supplied,
        missing_entities=upstream.missing_entities,
        protected=upstream.protected,
        disclosure_threshold=persons.threshold if persons else 0,
        nested_persons=persons.nested if persons else False,
        only_ratio=persons is not None and persons.dominance is not None,
        person_counts=one.person_counts,
        contributions=one.contributions,
        lookback=one.lookback,
        compared_with=one.compared_with,
        window=one.longest_window,
        observable_from=one.observable_from(max(starts)) if upstream.supplied and starts else None,
        without_rows=_without_rows(one),
        observable_to=observable_to(company.feeds, upstream.feeds, upstream.event_feeds, definition.matures_after),
        paused=pauses(company.feeds, upstream.feeds),
        matures_after=definition.matures_after,
        breaks=definition.breaks,
        min_n_obs=definition.reliable_n_obs,
        lower_bound=definition.bounds.lower,
        upper_bound=definition.bounds.upper,
        gate=merged(definition.gate, adoption.gate),
    )


def _without_rows(one: KpiPlan) -> Literal["zero", "no value"] | None:
    """What the KPI is in a period without rows: a count or sum is 0, a share or a quantile is of nothing.

    Of a stock it may be that nobody counted; what looks at earlier periods has rows of theirs.
    """
    kind = one.kpi.definition.kind
    if one.offsets or kind in ("stock", "index"):
        return None
    return "zero" if kind in ("flow", "distinct") else "no value"


def _labels(company: Company, adopted: Sequence[Defined]) -> dict[str, tuple[str, ...]]:
    """The numeric columns, by feed, by which KPIs join, or which they read without taking them for a size."""
    read = {(feed, column) for one in adopted for feed, columns in one.inputs.items() for column in columns}
    keys = {(join.feed, join.column) for one in adopted for join in one.uses.joins}
    labels = (read - {size for one in adopted for size in one.uses.sizes}) | keys
    numeric = {
        name: [column for column, how in feed.columns.items() if how.type in ("integer", "decimal", "number")]
        for name, feed in sorted(company.feeds.items())
    }
    found = {name: tuple(column for column in columns if (name, column) in labels) for name, columns in numeric.items()}
    return {name: columns for name, columns in found.items() if columns}
