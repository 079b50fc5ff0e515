"""The report of `kpi suggest`: standard KPIs that could be adopted, and the noise of adopted KPIs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from metrics.definitions.catalog import CatalogKpi
from metrics.definitions.kpis.kpi import Definition
from metrics.definitions.objectives import Objective
from metrics.suggestions import Suggestion
from orchestration.cli.formats import PERIODS, number
from orchestration.cli.reports import opinions as opinion_report
from orchestration.cli.tables import Column, natural_width, number_column, print_table
from orchestration.cli.terminal import styled
from publishing.analysis.noise import Noise
from publishing.usual_changes import FEWEST_CHANGES


def print_standard(terminal: Console, suggestions: Sequence[Suggestion], objectives: Mapping[str, Objective]) -> None:
    """Print what could be adopted now and for which objective, and what needs data that the company doesn't supply."""
    possible = [suggestion for suggestion in suggestions if not suggestion.missing_entities]
    others = [suggestion for suggestion in suggestions if suggestion.missing_entities]
    if possible:
        print_table(
            terminal,
            [
                Column("KPI"),
                Column("domain"),
                Column("type"),
                Column("would serve", wraps=True),
                Column("because", wraps=True),
            ],
            [
                (
                    suggestion.kpi_id,
                    suggestion.domain,
                    suggestion.definition.type,
                    objectives[key].name if (key := suggestion.proposal.objective) else "–",
                    suggestion.proposal.reason,
                )
                for suggestion in possible
            ],
            title="Could be adopted now",
            caption="`kpi new kpi KPI` writes the file to fill in. The objective is a proposal: you decide."
            " `kpi propose` and `kpi vote` record what you think of a KPI.\n",
        )
    else:
        terminal.print("All standard KPIs that the company's data supply are adopted.\n", style="bold")
    if others:
        print_table(
            terminal,
            [Column("KPI"), Column("name", wraps=True), Column("domain"), Column("needs", wraps=True)],
            [
                (
                    suggestion.kpi_id,
                    suggestion.definition.name,
                    suggestion.domain,
                    ", ".join(suggestion.missing_entities),
                )
                for suggestion in others
            ],
            title="Need other data",
            caption="docs/reference/input_entities.md says what each of these must have.\n",
        )


def print_opinions(terminal: Console, opinions: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Print the opinions on adopting KPIs, by KPI."""
    for kpi_id, counted in opinions.items():
        opinion_report.print_opinions(terminal, kpi_id, counted)
    if opinions:
        terminal.print()


def print_unserved(terminal: Console, keys: Sequence[str], objectives: Mapping[str, Objective]) -> None:
    """Print the objectives that no adopted KPI serves."""
    if keys:
        names = ", ".join(f"{objectives[key].name} ({key})" for key in keys)
        terminal.print(styled(("No KPI serves:", "yellow"), f" {names}.\n"), highlight=False)


def print_noise(
    terminal: Console,
    title: str,
    kpis: Mapping[str, CatalogKpi] | Mapping[str, Definition],
    noises: Sequence[Noise],
    currency: str,
) -> None:
    """Print the smallest changes of each KPI, by its id, that are more than what its values do by themselves."""
    rows = []
    for noise in noises:
        if noise.kpi_id in kpis:
            kpi = kpis[noise.kpi_id]
            changes = [_change(seen, kpi.unit, currency) for seen in (noise.seen_on_before, noise.seen_on_year_ago)]
            rows.append(
                (noise.kpi_id, kpi.name, PERIODS[noise.freq], number(noise.level, kpi.unit, currency), *changes)
            )
    columns = [Column("KPI"), Column("name"), Column("by")]
    columns += map(number_column, ("usual value", "change on period before", "on a year ago"))
    if natural_width(columns, rows) > terminal.width:
        columns, rows = [columns[0], *columns[2:]], [(row[0], *row[2:]) for row in rows]
    print_table(
        terminal,
        columns,
        rows,
        title=title,
        caption=(
            "A change on the period before, or on a year ago, shows when it differs from the usual one by more than"
            " this: by chance one in twenty does. A target that is nearer than that can't be told from luck in one"
            f" period. – where fewer than {FEWEST_CHANGES} changes are known."
        ),
    )


def _change(seen: float | None, unit: str, currency: str) -> str:
    if seen is None:
        return "–"
    text = number(seen, unit, currency)
    return f"± {text.removesuffix(' %')} pp" if unit == "fraction" else f"± {text}"
