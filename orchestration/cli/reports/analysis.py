"""The reports of `kpi leads`, `kpi watch` and `kpi suggest-target`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from orchestration.cli.formats import PERIODS
from orchestration.cli.tables import Cell, Column, number_column, print_table
from publishing.language import language

_ENGLISH = language("en")


def print_leads(terminal: Console, answer: Mapping[str, Any]) -> None:
    """Print the answer of `analysis.leads`: a sentence for each lead, a table, and what was tried."""
    terminal.print(answer["summary"], style="bold", highlight=False)
    for lead in answer["leads"]:
        terminal.print(f"- {lead['quote']}", highlight=False)
    terminal.print()
    if answer["leads"]:
        rows: list[list[Cell]] = [
            [
                lead["driver"],
                _ENGLISH.count(lead["periods_before"], PERIODS[lead["freq"]], f"{PERIODS[lead['freq']]}s"),
                _ENGLISH.decimal(lead["correlation"], 2, sign=True),
                str(lead["periods"]),
                f"{lead['p_value']:.3f}" if lead["p_value"] >= 0.001 else "< 0.001",
            ]
            for lead in answer["leads"]
        ]
        columns = [Column("moves before"), *map(number_column, ("by", "correlation", "periods", "chance"))]
        print_table(terminal, columns, rows, caption="chance: how often nothing at all would show one as strong.\n")
    for searched in answer["searched"]:
        terminal.print(searched["text"], highlight=False)
    if answer["not_tried"]:
        terminal.print(f"Too few periods in common with: {', '.join(answer['not_tried'])}.", highlight=False)
    terminal.print(answer["method"], style="dim", highlight=False)


def print_shifts(terminal: Console, answer: Mapping[str, Any]) -> None:
    """Print the answer of `analysis.watch`: each shift with what is known about it, and what was searched."""
    searched = answer["searched"]
    kpis, pairs = (
        _ENGLISH.count(searched[name], one, many)
        for name, one, many in (("kpis", "KPI", "KPIs"), ("pairs", "pair of KPIs", "pairs of KPIs"))
    )
    if not answer["shifts"]:
        terminal.print(
            f"Nothing has shifted in the last year: {kpis} and {pairs} searched.", style="bold", highlight=False
        )
    for shift in answer["shifts"]:
        terminal.print(shift["quote"], style="bold", highlight=False)
        terminal.print(f"  {shift['kpi_id']}, owner {shift['owner']}", highlight=False)
        for known in shift["known"]:
            terminal.print(f"  {_known(known)}", highlight=False)
        if not shift["known"]:
            terminal.print("  No decision, incident or break of the series is known at that time.", highlight=False)
        terminal.print()
    if answer["shifts"]:
        terminal.print(f"Searched: {kpis} and {pairs}.", highlight=False)
    if answer["too_short"]:
        terminal.print(f"Too few closed periods of: {', '.join(answer['too_short'])}.", highlight=False)
    terminal.print(answer["method"], style="dim", highlight=False)


def _known(known: Mapping[str, Any]) -> str:
    if known["kind"] == "break":
        return f"The series breaks on {known['since']}."
    if known["kind"] == "decision":
        return f"Released as a new level from {known['since']} ({known['incident_id']}): {known['text']}"
    return f"Incident {known['incident_id']} since {known['since']}: {known['text']}"


def print_targets(terminal: Console, answer: Mapping[str, Any], unit: str, currency: str) -> None:
    """Print the answer of `analysis.suggest_target`: sentences, a table of the targets, and the YAML lines of each."""

    def written(one: Mapping[str, Any]) -> str:
        return _ENGLISH.target(one["value"], one["value_to"], unit, currency)

    if "refused" in answer:
        terminal.print(f"No target is suggested. {answer['refused']}", style="bold", highlight=False)
    else:
        terminal.print(answer["quote"], style="bold", highlight=False)
        terminal.print(_trend(answer, unit, currency), highlight=False)
        if answer["steps"]:
            terminal.print(f"Its level stepped in {', '.join(answer['steps'])}.", highlight=False)
        terminal.print()
        _print_table(terminal, answer, written)
        if "warning" in answer:
            terminal.print(f"{answer['warning']}\n", style="yellow", highlight=False)
    history = answer.get("history")
    if history:
        gaps = "".join(f", {number} {word}" for word, number in history["gaps"].items())
        breaks = f" The series breaks at {', '.join(history['breaks'])}." if history["breaks"] else ""
        known = f"{history['periods_with_value']} closed periods from {history['first']} to {history['last']}"
        terminal.print(f"History: {known} with a value{gaps}.{breaks}", highlight=False)
    terminal.print(answer["objective"]["quote"], highlight=False)
    to_keep = answer.get("to_keep", [])
    for suggested in answer["suggested"]:
        keep = f" into its target, and keep the lines {', '.join(to_keep)}" if to_keep else ""
        terminal.print(f"\nTo adopt the {suggested['name']} one, paste{keep}:", highlight=False)
        terminal.print(suggested["yaml"], highlight=False)
    if answer["suggested"]:
        terminal.print(f"\n{answer['method']}", style="dim", highlight=False)


def _print_table(terminal: Console, answer: Mapping[str, Any], written: Any) -> None:
    """A row for each target, and for the present one."""
    present = answer["present_target"]
    rows: list[list[Cell]] = [
        [one["name"], written(one), f"{one['met_if_things_go_on']:.0%}", *map(_met, one["met_in_last"])]
        for one in answer["suggested"]
    ]
    if present:
        rows.append(["present", written(present), "", *map(_met, present["met_in_last"])])
    varies = "\npresent: counted by the target that each period had." if present and present["varies"] else ""
    counts = [f"met in last {one['periods']}" for one in answer["suggested"][0]["met_in_last"]]
    columns = [Column("target"), *map(number_column, ("value", "coming year", *counts))]
    caption = f"coming year: the share of its periods that meet it, if things go on.{varies}\n"
    print_table(terminal, columns, rows, caption=caption)


def _met(one: Mapping[str, Any]) -> str:
    return f"{one['met']} of {one['with_value']}"


def _trend(answer: Mapping[str, Any], unit: str, currency: str) -> str:
    """The trend in a sentence; that there is none to see where it is within twice its standard error."""
    trend = answer["trend"]
    season = "with a season" if trend["has_season"] else "without a season that can be told from noise"
    if abs(trend["a_year"]) < 2 * trend["standard_error"]:
        return f"Its trend can't be told from none; {season}."
    size = _ENGLISH.change(trend["a_year"], trend["is"], unit, currency)
    return f"Its trend is {size} a year; {season}."
