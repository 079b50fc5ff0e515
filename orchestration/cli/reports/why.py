"""The report of `kpi why`: a change, and what makes it up, largest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from orchestration.cli.tables import Cell, Column, number_column, print_table
from publishing.answers.reasons import Reasons

_MEMBERS_SHOWN = 6


def print_movement(terminal: Console, reasons: Reasons) -> None:
    """Print what `why_it_moved` answers: sentences, then the ratio's parts and the members."""
    t, answer = reasons.language.t, reasons.answer
    if answer["not_mature"]:
        terminal.print(answer["not_mature"], style="yellow", highlight=False)
    terminal.print(reasons.headline(), style="bold", highlight=False)
    for sentence in reasons.target():
        terminal.print(sentence, highlight=False)
    terminal.print()
    if parts := answer.get("parts_of_the_ratio"):
        rows = [
            [
                reasons.part_name(part),
                *(reasons.number(part[when], part) for when in ("before", "after")),
                reasons.added(part.get("adds_to_change")),
            ]
            for part in parts
        ]
        print_table(
            terminal, [Column(t("part")), *(number_column(t(name)) for name in ("before", "after", "adds"))], rows
        )
    for sentence in reasons.behind_parts():
        terminal.print(f"{sentence}\n", highlight=False)
    for segment in answer["segments"]:
        _print_segment(terminal, segment, reasons)
    for incident in answer["incidents"]:
        title = reasons.language.incident(incident["title"], {})
        terminal.print(f"Incident {incident['incident_id']} ({t(incident['state'])}): {title}", highlight=False)
    for fact in answer["data"]:
        terminal.print(fact, highlight=False)
    terminal.print(t("What is added makes up the change. It doesn't say what people or markets did."), style="dim")


def _print_segment(terminal: Console, segment: Mapping[str, Any], reasons: Reasons) -> None:
    """Print the members of a segment that add most, the largest first, and what all others add together."""
    members, t = segment["members"], reasons.language.t
    if not members or "adds_to_change" not in members[0]:
        facts = {"segment": reasons.segment_name(segment["segment"]), "count": segment["suppressed_values"]}
        said = t("By {segment}: what each member adds isn't told, as {count} of the values are suppressed.", **facts)
        if not segment["suppressed_values"]:
            said = t("By {segment}: {note}.", note=t(segment["note"] or "nothing is published"), **facts)
        terminal.print(f"{said}\n", highlight=False)
        return
    columns = [
        Column(reasons.segment_name(segment["segment"])),
        *(number_column(t(name)) for name in ("before", "after", "adds")),
    ]
    is_ratio = "of_this_by_its_share" in members[0]
    if is_ratio:
        columns += [number_column(t(name)) for name in ("by its own value", "by its share")]
    rows: list[list[Cell]] = []
    for member in members[:_MEMBERS_SHOWN]:
        row: list[Cell] = [
            reasons.member(segment["segment"], member["member"]),
            *(reasons.value(member[when]) for when in ("before", "after")),
            reasons.added(member["adds_to_change"]),
        ]
        if is_ratio:
            row += [reasons.added(member[f"of_this_by_its_{part}"]) for part in ("own_ratio", "share")]
        rows.append(row)
    n_others = len(members) - _MEMBERS_SHOWN + segment["members_not_shown"]
    others = sum(member["adds_to_change"] for member in members[_MEMBERS_SHOWN:]) + (segment.get("they_add") or 0)
    caption = (
        f"{t('{count} others together {added}', count=n_others, added=reasons.added(others))}.\n"
        if n_others > 0
        else ""
    )
    print_table(terminal, columns, rows, caption=caption)
