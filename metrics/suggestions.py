"""Which standard KPIs a company could adopt, for which objective, and which input entities the others need."""

from __future__ import annotations

from dataclasses import dataclass

from metrics.compiler.semantic_layer import SemanticLayer
from metrics.definitions.company import Company
from metrics.definitions.kpis.adopted import adopted_kpis
from metrics.definitions.kpis.kpi import Definition, standard_definitions
from metrics.new_kpi import fact_models
from metrics.objective_proposals import Proposal, proposal
from metrics.versioning.lineage import Lineage


@dataclass(frozen=True)
class Suggestion:
    """A standard KPI that the company hasn't adopted. It can be adopted now when no entity is missing.

    `proposal` is the objective that it could serve. `feeds` are the feeds that it reads. It is `protected` (by
    disclosure control) when it reads personnel data.
    """

    kpi_id: str
    domain: str
    definition: Definition
    missing_entities: tuple[str, ...]
    proposal: Proposal
    feeds: tuple[str, ...]
    protected: bool


def suggestions(company: Company, layer: SemanticLayer, lineage: Lineage) -> list[Suggestion]:
    """The standard KPIs whose id the company neither adopts nor uses for a definition of its own, by domain and id.

    Raises Problems when the company's KPI files have mistakes.
    """
    adopted = adopted_kpis(company)
    adopted_ids = {kpi.id for kpi in adopted}
    suggested = []
    for kpi_id, (definition, file) in standard_definitions().items():
        domain = file.parent.name
        if kpi_id not in adopted_ids:
            upstream = lineage.upstream(fact_models(definition.metric, layer))
            suggested.append(
                Suggestion(
                    kpi_id,
                    domain,
                    definition,
                    missing_entities=upstream.missing_entities,
                    proposal=proposal(definition, domain, adopted, company.objectives),
                    feeds=upstream.feeds,
                    protected=upstream.protected,
                )
            )
    return sorted(suggested, key=lambda suggestion: (suggestion.domain, suggestion.kpi_id))
