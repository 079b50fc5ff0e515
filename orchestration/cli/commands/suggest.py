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
    """Which standard KPIs could be adopted, which need other data, and how large a change shows."""
    # MetricFlow and dbt take seconds to import.
    from metrics.suggestions import suggestions
    from orchestration.adoptable import noise_of_adoptable
    from orchestration.cli.reports import suggested
    from orchestration.dbt.planning import parsed
    from publishing.noise import noise

    company = Company.load()
    layer, lineage = parsed(company)
    not_adopted = suggestions(company, layer, lineage)
    adoptable = noise_of_adoptable(not_adopted, company, layer) if warehouse_path().exists() else []
    noises = noise() if published_path().exists() else []
    if as_json:
        print_json(
            {
                "standard": [_as_json(suggestion) for suggestion in not_adopted],
                "noise_of_standard": list(map(asdict, adoptable)),
                "noise": list(map(asdict, noises)),
            }
        )
        return
    terminal = console()
    suggested.print_standard(terminal, not_adopted)
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
    }
