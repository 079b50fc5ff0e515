"""The command that says which standard KPIs a company could adopt, and how noisy its own are: `kpi suggest`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from metrics.core.deployment import published_path, warehouse_path
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration.cli.options import Json
from orchestration.cli.terminal import console, print_json

if TYPE_CHECKING:
    from metrics.suggestions import Suggestion

HELP_ORDER = 1
app = typer.Typer()


@app.command()
def suggest(as_json: Json = False) -> None:
    """Which standard KPIs could be adopted, for which objective; and how large a change must be to be more than chance.

    The objective that most adopted KPIs of the same domain serve is proposed, else the only one of the perspective.
    Objectives that no KPI serves are listed.
    """
    # MetricFlow and dbt take seconds to import.
    from metrics.definitions.kpis.adopted import adopted_kpis
    from metrics.objective_proposals import unserved
    from metrics.suggestions import suggestions
    from orchestration.adoptable import noise_of_adoptable
    from orchestration.cli.reports import suggested
    from orchestration.dbt.planning import parsed
    from publishing.analysis.noise import noise
    from publishing.answers import reviews

    company = Company.load()
    layer, lineage = parsed(company)
    not_adopted = suggestions(company, layer, lineage)
    without_kpi = unserved(adopted_kpis(company), company.objectives)
    adoptable = noise_of_adoptable(not_adopted, company, layer) if warehouse_path().exists() else []
    published = published_path().exists()
    noises = noise() if published else []
    opinions = reviews.opinions("adopt") if published else {}
    if as_json:
        standard = [
            _as_json(suggestion) | {"opinions": opinions.get(suggestion.kpi_id, [])} for suggestion in not_adopted
        ]
        print_json(
            {
                "standard": standard,
                "objectives_without_kpi": without_kpi,
                "noise_of_standard": list(map(asdict, adoptable)),
                "noise": list(map(asdict, noises)),
            }
        )
        return
    terminal = console()
    suggested.print_standard(terminal, not_adopted, company.objectives)
    suggested.print_opinions(terminal, opinions)
    suggested.print_unserved(terminal, without_kpi, company.objectives)
    if adoptable:
        definitions = {suggestion.kpi_id: suggestion.definition for suggestion in not_adopted}
        title = "How large a change shows in those that could be adopted now, by what is in the warehouse"
        suggested.print_noise(terminal, title, definitions, adoptable, company.reporting_currency)
    if noises:
        kpis = {kpi.kpi_id: kpi for kpi in Catalog.read(company).kpis}
        title = "How large a change shows in those adopted"
        suggested.print_noise(terminal, title, kpis, noises, company.reporting_currency)


def _as_json(suggestion: Suggestion) -> dict[str, object]:
    return {
        "kpi_id": suggestion.kpi_id,
        "domain": suggestion.domain,
        **suggestion.definition.model_dump(mode="json", include={"name", "description", "type", "unit", "freqs"}),
        "missing_entities": suggestion.missing_entities,
        "proposed_objective": suggestion.proposal.objective,
        "proposed_because": suggestion.proposal.reason,
    }
