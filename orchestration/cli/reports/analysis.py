"""The reports of `kpi leads`, `kpi watch` and `kpi suggest-target`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from rich.console import Console

from orchestration.cli.formats import PERIODS
from orchestration.cli.tables import Cell, Column, number_column, print_table
from publishing.language import Language


def print_leads(terminal: Console, answer: Mapping[str, Any], words: Language) -> None:
    """Print the answer of `analysis.leads`: a sentence for each lead, a table, and what was tried."""
    t = words.t
    terminal.print(answer["summary"], style="bold", highlight=False)
    for lead in answer["leads"]:
        terminal.print(f"- {lead['quote']}", highlight=False)
    terminal.print()
    if answer["leads"]:
        rows: list[list[Cell]] = [
            [
                lead["driver"],
                words.count(lead["periods_before"], PERIODS[lead["freq"]], f"{PERIODS[lead['freq']]}s"),
                words.decimal(lead["correlation"], 2, sign=True),
                str(lead["periods"]),
                words.decimal(lead["p_value"], 3) if lead["p_value"] >= 0.001 else f"< {words.decimal(0.001, 3)}",
            ]
            for lead in answer["leads"]
        ]
        numbers = [number_column(t(name)) for name in ("by", "correlation", "periods", "chance")]
        caption = t("chance: how often nothing at all would show one as strong.")
        print_table(terminal, [Column(t("moves before")), *numbers], rows, caption=f"{caption}\n")
    for searched in answer["searched"]:
        terminal.print(searched["text"], highlight=False)
    if answer["not_tried"]:
        not_tried = t("Too few periods in common with: {kpis}.", kpis=", ".join(answer["not_tried"]))
        terminal.print(not_tried, highlight=False)
    terminal.print(answer["method"], style="dim", highlight=False)


def print_shifts(terminal: Console, answer: Mapping[str, Any], words: Language) -> None:
    """Print the answer of `analysis.watch`: each shift with what is known about it, and what was searched."""
    t, searched = words.t, answer["searched"]
    counts = {
        "kpis": words.count(searched["kpis"], "KPI", "KPIs"),
        "pairs": words.count(searched["pairs"], "pair of KPIs", "pairs of KPIs"),
    }
    if not answer["shifts"]:
        nothing = t("Nothing has shifted in the last year: {kpis} and {pairs} searched.", **counts)
        terminal.print(nothing, style="bold", highlight=False)
    for shift in answer["shifts"]:
        terminal.print(shift["quote"], style="bold", highlight=False)
        terminal.print(f"  {shift['kpi_id']}, {t('Owner').lower()} {shift['owner']}", highlight=False)
        for known in shift["known"]:
            terminal.print(f"  {_known(known, words)}", highlight=False)
        if not shift["known"]:
            nothing = t("No decision, incident or break of the series is known at that time.")
            terminal.print(f"  {nothing}", highlight=False)
        terminal.print()
    if answer["shifts"]:
        terminal.print(t("Searched: {kpis} and {pairs}.", **counts), highlight=False)
    if answer["too_short"]:
        too_short = t("Too few closed periods of: {kpis}.", kpis=", ".join(answer["too_short"]))
        terminal.print(too_short, highlight=False)
    terminal.print(answer["method"], style="dim", highlight=False)


def _known(known: Mapping[str, Any], words: Language) -> str:
    said = {
        "decision": "Released as a new level from {day}:",
        "incident": "Incident since {day}:",
        "break": "The series breaks on {day}.",
    }[known["kind"]]
    day = words.day(date.fromisoformat(known["since"]))
    of_incident = f"{known['text']} ({known['incident_id']})" if known["incident_id"] else ""
    return f"{words.t(said, day=day)} {of_incident}".rstrip()


def print_targets(terminal: Console, answer: Mapping[str, Any], unit: str, currency: str, words: Language) -> None:
    """Print the answer of `analysis.suggest_target`: sentences, a table of the targets, and the YAML lines of each."""
    t = words.t

    def written(one: Mapping[str, Any]) -> str:
        return words.target(one["value"], one["value_to"], unit, currency)

    if "refused" in answer:
        terminal.print(f"{t('No target is suggested.')} {answer['refused']}", style="bold", highlight=False)
    else:
        terminal.print(answer["quote"], style="bold", highlight=False)
        terminal.print(_trend(answer, unit, currency, words), highlight=False)
        if answer["steps"]:
            steps = ", ".join(map(words.period, answer["steps"]))
            terminal.print(t("Its level stepped in {steps}.", steps=steps), highlight=False)
        terminal.print()
        _print_table(terminal, answer, written, words)
        if "warning" in answer:
            terminal.print(f"{answer['warning']}\n", style="yellow", highlight=False)
    history = answer.get("history")
    if history:
        gaps = "".join(f", {number} {t(word)}" for word, number in history["gaps"].items())
        said = t(
            "History: {periods} from {first} to {last} with a value{gaps}.",
            periods=words.count(history["periods_with_value"], "closed period", "closed periods"), gaps=gaps,
            first=words.period(history["first"]), last=words.period(history["last"]),
        )  # fmt: skip
        if history["breaks"]:
            breaks = ", ".join(map(words.period, history["breaks"]))
            said += f" {t('The series breaks at {periods}.', periods=breaks)}"
        terminal.print(said, highlight=False)
    terminal.print(answer["objective"]["quote"], highlight=False)
    to_keep = answer.get("to_keep", [])
    for suggested in answer["suggested"]:
        adopt = "To adopt the {name} one, paste:"
        if to_keep:
            adopt = "To adopt the {name} one, paste into its target, and keep the lines {lines}:"
        adopt = t(adopt, name=t(suggested["name"]), lines=", ".join(to_keep))
        terminal.print(f"\n{adopt}", highlight=False)
        terminal.print(suggested["yaml"], highlight=False)
    if answer["suggested"]:
        terminal.print(f"\n{answer['method']}", style="dim", highlight=False)


def _print_table(
    terminal: Console, answer: Mapping[str, Any], written: Callable[[Mapping[str, Any]], str], words: Language
) -> None:
    """A row for each target, and for the present one."""
    t, present = words.t, answer["present_target"]

    def met(one: Mapping[str, Any]) -> list[Cell]:
        return [t("{met} of {count}", met=row["met"], count=row["with_value"]) for row in one["met_in_last"]]

    rows: list[list[Cell]] = [
        [t(one["name"]), written(one), f"{words.decimal(one['met_if_things_go_on'] * 100, 0)} %", *met(one)]
        for one in answer["suggested"]
    ]
    if present:
        rows.append([t("present"), written(present["of_periods"] or present), "", *met(present)])
    counts = [t("met in last {count}", count=one["periods"]) for one in answer["suggested"][0]["met_in_last"]]
    columns = [Column(t("target")), *map(number_column, (t("value"), t("coming year"), *counts))]
    caption = t("coming year: the share of its periods that meet it, if things go on.")
    if present and present["varies"]:
        caption += f"\n{t('present: counted by the target that each period had.')}"
    print_table(terminal, columns, rows, caption=f"{caption}\n")


def _trend(answer: Mapping[str, Any], unit: str, currency: str, words: Language) -> str:
    """The trend in a sentence; that there is none to see where it is within twice its standard error."""
    t, trend = words.t, answer["trend"]
    season = t("with a season" if trend["has_season"] else "without a season that can be told from noise")
    if abs(trend["a_year"]) < 2 * trend["standard_error"]:
        return t("Its trend can't be told from none; {season}.", season=season)
    size = words.change(trend["a_year"], trend["is"], unit, currency)
    return t("Its trend is {size} a year; {season}.", size=size, season=season)
