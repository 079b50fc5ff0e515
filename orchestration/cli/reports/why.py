"""The report of `kpi why`: a change, and what makes it up, largest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from orchestration.cli.formats import cell
from orchestration.cli.tables import Cell, Column, number_column, print_table
from publishing.site.language import language

_MEMBERS_SHOWN = 6
_ENGLISH = language("en")


def print_movement(terminal: Console, answer: Mapping[str, Any], unit: str, currency: str) -> None:
    """Print what `answers.why_it_moved` tells of a change: a sentence, then the ratio's parts and the members."""

    def written(value: float | None) -> str:
        return _ENGLISH.value(value, unit, currency, step=answer["change"]["absolute"])

    def added(value: float | None) -> str:
        return _signed(value, unit, currency, answer["change"]["absolute"])

    if answer["not_mature"]:
        terminal.print(answer["not_mature"], style="yellow", highlight=False)
    value, other = answer["value"], answer["compared_with"]
    terminal.print(_sentence(value, other, answer["change"], unit, currency), style="bold", highlight=False)
    terminal.print()
    if parts := answer.get("parts_of_the_ratio"):
        rows = [
            [part["metric"].replace("_", " "), *(cell(part[when]) for when in ("before", "after")),
             added(part.get("adds_to_change"))]
            for part in parts
        ]  # fmt: skip
        print_table(terminal, [Column("part"), *map(number_column, ("before", "after", "adds"))], rows)
    for segment in answer["segments"]:
        _print_segment(terminal, segment, written, added)
    for incident in answer["incidents"]:
        terminal.print(
            f"Incident {incident['incident_id']} ({incident['state']}): {incident['title']}", highlight=False
        )
    for fact in answer["data"]:
        terminal.print(fact, highlight=False)
    terminal.print("What is added makes up the change. It doesn't say what people or markets did.", style="dim")


def _sentence(
    value: Mapping[str, Any], other: Mapping[str, Any], change: Mapping[str, Any], unit: str, currency: str
) -> str:
    """Net revenue was 17.9 M SEK in October 2026: 1.2 M SEK (7.2 %) more than in September 2026, 16.7 M SEK."""
    this, earlier = (_ENGLISH.period(row["period"]) for row in (value, other))
    difference = change["absolute"]
    now, then = (_ENGLISH.value(row["value"], unit, currency, step=difference) for row in (value, other))
    if difference == 0:
        return f"{value['name']} was {now} in {this}, as in {earlier}."
    size = _signed(abs(difference), unit, currency, difference).removeprefix("+")
    relative = "" if change["relative"] is None else f" ({abs(change['relative']) * 100:.1f} %)"
    direction = "more" if difference > 0 else "less"
    return f"{value['name']} was {now} in {this}: {size}{relative} {direction} than in {earlier}, {then}."


def _print_segment(terminal: Console, segment: Mapping[str, Any], written: Any, added: Any) -> None:
    """Print the members of a segment, those that add most first, and what the others add together."""
    members = segment["members"]
    if not members or "adds_to_change" not in members[0]:
        hidden = f", and {segment['suppressed_values']} values are suppressed" if segment["suppressed_values"] else ""
        terminal.print(f"By {segment['segment']}: {segment['note'] or 'nothing is published'}{hidden}.\n")
        return
    columns = [Column(segment["segment"]), *map(number_column, ("before", "after", "adds"))]
    is_ratio = "of_this_by_its_share" in members[0]
    if is_ratio:
        columns += map(number_column, ("by its own value", "by its share"))
    rows: list[list[Cell]] = []
    for member in members[:_MEMBERS_SHOWN]:
        name = "unknown" if member["member"] == "_U" else member["member"]
        row: list[Cell] = [name, written(member["before"]), written(member["after"]), added(member["adds_to_change"])]
        if is_ratio:
            row += [added(member["of_this_by_its_own_ratio"]), added(member["of_this_by_its_share"])]
        rows.append(row)
    others = len(members) - _MEMBERS_SHOWN + segment["members_not_shown"]
    caption = f"{others} other members add less each.\n" if others > 0 else ""
    print_table(terminal, columns, rows, caption=caption)


def _signed(value: float | None, unit: str, currency: str, change: float) -> str:
    """What is added, with its sign; of fractions in percentage points, as exactly as the whole change needs it.

    An addition of less than a thousandth of the change that has no digit to show is 0.
    """
    if value is None:
        return "–"
    if unit == "fraction":
        digits = 1 if abs(change) >= 0.01 else 2 if abs(change) >= 0.001 else 3
        points = round(value * 100, digits) + 0.0  # and not -0.0
        return f"{_ENGLISH.decimal(points, digits, sign=points != 0)} pp"
    if abs(value) < min(0.005, abs(change) / 1000):
        value = 0.0
    text = _ENGLISH.value(value, unit, currency)
    return f"+{text}" if value > 0 else text
