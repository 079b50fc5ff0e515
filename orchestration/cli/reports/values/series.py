"""Prints the values of one KPI, by period: `kpi show KPI`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console

from metrics.core.periods import FREQ_NAMES
from metrics.core.segments import member_words
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.company import Company
from orchestration.cli.formats import goal, status_legend, target, target_legend, target_mark
from orchestration.cli.reports.values.value_cells import changes, has_marks, usual_legend, value, why_nothing
from orchestration.cli.tables import Cell, Column, number_column, print_table
from orchestration.cli.terminal import styled


def print_series(
    console: Console,
    company: Company,
    catalog: Catalog,
    kpi: CatalogKpi,
    freq: str,
    rows: Sequence[Mapping[str, Any]],
    segment: str | None,
    held: Sequence[str],
) -> None:
    """Print the values of one KPI at a frequency: a row per period, for the total or with a column per member.

    `held` are its held periods at this frequency; they are listed below the table.
    """
    title = f"{kpi.name}, {FREQ_NAMES[freq]}" + ("" if segment else _target_words(catalog, kpi, freq, rows))
    columns, lines = _members(catalog, kpi, rows, segment) if segment else _totals(catalog, kpi, freq, rows)
    if lines:
        legend = status_legend(row["obs_status"] for row in rows)
        legend += "" if segment else target_legend(row["target_status"] for row in rows)
        legend += usual_legend(rows, lines)
        print_table(console, columns, lines, title=title, caption=legend)
    else:
        console.print(title, style="bold", highlight=False)
        console.print(f"Nothing is published: {why_nothing(company, kpi, freq)}.", highlight=False)
    if held:
        console.print(styled(("Held:", "red"), f" {_shortened(held)}; `kpi held {kpi.kpi_id}` shows why."))
    console.print(kpi.description, style="dim", highlight=False)
    console.print(f"Owner {kpi.owner}; definition version {kpi.definition_version}.", style="dim", highlight=False)


def _totals(
    catalog: Catalog, kpi: CatalogKpi, freq: str, rows: Sequence[Mapping[str, Any]]
) -> tuple[list[Column], list[list[Cell]]]:
    has_target = kpi.target_at(freq) is not None
    columns = [Column("period"), *map(number_column, ("value", "change", "a year ago"))]
    columns += [Column("target"), Column("status")] if has_target else [Column("status")]
    varies = len({(row["target"], row["target_to"]) for row in rows}) > 1
    lines: list[list[Cell]] = []
    for row in rows:
        change_cells = changes(row, kpi, catalog.reporting_currency, marks=has_marks(rows))
        ends, currency = (row["target"], row["target_to"]), catalog.reporting_currency
        stated = f" {goal(*ends, kpi.unit, currency, with_unit=False)}" if varies else ""
        reached = [styled(target_mark(row["target_status"]), stated)] if has_target else []
        lines.append([row["time_period"], value(row, kpi, catalog), *change_cells, *reached, row["obs_status"]])
    return columns, lines


def _members(
    catalog: Catalog, kpi: CatalogKpi, rows: Sequence[Mapping[str, Any]], segment: str
) -> tuple[list[Column], list[list[Cell]]]:
    """Columns and rows for the members of a segment. A value that isn't normal is followed by its status letter."""
    members = sorted({row["member"] for row in rows})
    cells: dict[tuple[str, str], Cell] = {}
    for row in rows:
        marked = row["obs_status"] not in ("A", "Q")
        letter = f" {row['obs_status']}" if marked else ""
        cells[row["time_period"], row["member"]] = styled(value(row, kpi, catalog), (letter, "dim"))
    names = {"kpi_served": {other.kpi_id: other.name for other in catalog.kpis}}
    segment = rows[0]["segment"] if rows else ""
    titles = ["unknown" if member == "_U" else member_words(segment, member, names) for member in members]
    columns = [Column("period"), *map(number_column, titles)]
    periods = dict.fromkeys(row["time_period"] for row in rows)
    lines: list[list[Cell]] = [[period, *(cells.get((period, member), "") for member in members)] for period in periods]
    return columns, lines


def _target_words(catalog: Catalog, kpi: CatalogKpi, freq: str, rows: Sequence[Mapping[str, Any]]) -> str:
    if kpi.target is None:
        return ""
    newest = rows[-1] if rows else {}
    shown = target(kpi, catalog.reporting_currency, value=newest.get("target"), period=newest.get("time_period"))
    stated = f"; target {shown}"
    return stated if kpi.target_at(freq) is not None else f"{stated} (compared with --freq {kpi.target_freq})"


def _shortened(periods: Iterable[str]) -> str:
    ordered = list(periods)
    return ", ".join(ordered) if len(ordered) <= 4 else f"{', '.join(ordered[:3])} … {ordered[-1]} ({len(ordered)})"
