"""The results of the fault trials, as JSON, as Markdown and in the terminal."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown

MATERIAL, GRAVE = 5.0, 20.0
"""Per cent: a total that moved by so much must be held or flagged, and held."""
EDGES = (0, 1, 2, 5, 10, 20, 50, 100, float("inf"))
GOAL_FALSE_HOLDS = 0.01


def results(rows: Sequence[dict[str, Any]], clean: dict[str, Any] | None, minutes: float) -> dict[str, Any]:
    """All that is reported, from a row for each fault and the clean run (None where it was left out)."""
    whole = [row for row in rows if "error" not in row]
    moved = [(row, one) for row in whole for one in row["totals"] if one["moved_pct"] >= MATERIAL]
    through = [{**_named(row), **one} for row, one in moved if one["outcome"] == "published"]
    grave = [one for _, one in moved if one["moved_pct"] > GRAVE]
    return {
        "cases": sorted(map(_case, whole), key=lambda one: (one["kind"], one["feed"], one["month"], one["size"])),
        "totals": {
            "faults": len(whole),
            "moved_5": len(moved),
            "moved_5_caught": sum(one["outcome"] != "published" for _, one in moved),
            "moved_20": len(grave),
            "moved_20_held": sum(one["outcome"] == "held" for one in grave),
        },
        "got_through": sorted(through, key=lambda one: -one["moved_pct"]),
        "segments": _curve(whole),
        "clean": clean,
        "errors": [row for row in rows if "error" in row],
        "gate_seconds": round(sum(row["gate_seconds"] for row in whole) / max(len(whole), 1), 2),
        "minutes": round(minutes, 1),
    }


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("kind", "size", "feed", "month")}


def _case(row: dict[str, Any]) -> dict[str, Any]:
    """The fault with its most moved total; one that moved none stands with 0."""
    if row["totals"]:
        return {**_named(row), **row["totals"][0], "failure": row["failure"]}
    return {
        **_named(row),
        "kpi_id": None,
        "period": row["month"],
        "moved_pct": 0.0,
        "outcome": "published",
        "checks": [],
        "failure": row["failure"],
    }


def _curve(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """By the size of the move of each fault's most moved segment cell: how many there are and how many were caught."""
    cells = [row["cell"] for row in rows if row["cell"]]
    return [
        {
            "from_pct": low,
            "to_pct": high if high != float("inf") else None,
            "cells": len(some),
            "caught": sum(one["outcome"] != "published" for one in some),
        }
        for low, high in pairwise(EDGES)
        if (some := [one for one in cells if low <= one["moved_pct"] < high])
    ]


def markdown(found: dict[str, Any]) -> str:
    """The report."""
    return "\n".join(
        [
            "# Faults in data: what the gate held, flagged, and let through",
            "",
            "Faults are injected into the sample company's source files, which are then taken in, built, judged and"
            " released as in any run. A total's move is in per cent of its value without the fault; of a fraction that"
            " may be negative (growth, pay gap), in percentage points. The gate knows none of these faults.",
            "",
            *_goals(found),
            *_by_kind(found["cases"]),
            *_through(found["got_through"]),
            *_segments(found["segments"]),
            *_clean(found["clean"]),
        ]
    )


def _goals(found: dict[str, Any]) -> list[str]:
    totals, clean = found["totals"], found["clean"]
    lines = [
        "| goal | measured |",
        "| --- | --- |",
        f"| a total that moved by {MATERIAL:g} % or more is held or flagged |"
        f" {_of(totals['moved_5_caught'], totals['moved_5'])} |",
        f"| a total that moved by more than {GRAVE:g} % is held | {_of(totals['moved_20_held'], totals['moved_20'])} |",
    ]
    if clean:
        lines.append(
            f"| at most {GOAL_FALSE_HOLDS:.0%} false holds on clean months | {_of(clean['holds'], clean['verdicts'])} |"
        )
    lines += [
        "",
        f"{totals['faults']} faults; the gate took {found['gate_seconds']} s for three months of the whole catalogue"
        + (f", {clean['gate_seconds']} s for one" if clean else "")
        + f". The whole took {found['minutes']} minutes.",
        "",
    ]
    if found["errors"]:
        lines += [f"**{len(found['errors'])} faults could not be tried:**", ""]
        lines += [f"- {one['kind']}, {one['size']}, {one['feed']}: {one['error']}" for one in found["errors"]] + [""]
    return lines


def _by_kind(cases: Sequence[dict[str, Any]]) -> list[str]:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    order = {(one["kind"], one["size"]): None for one in cases}
    for one in cases:
        groups[one["kind"], one["size"]].append(one)
    lines = [
        "## By kind and size",
        "",
        "One case is one fault and its most moved total. Unmoved ones moved no total, as where a segment only was hit.",
        "",
        "| kind | size | cases | unmoved | held | flagged | published | largest move published |",
        "| --- | --- | --: | --: | --: | --: | --: | --: |",
    ]
    for kind, size in order:
        some = groups[kind, size]
        through = [one["moved_pct"] for one in some if one["outcome"] == "published"]
        counts = [sum(one["outcome"] == answer and one["moved_pct"] > 0 for one in some) for answer in _ANSWERS]
        unmoved = sum(one["moved_pct"] == 0 for one in some)
        largest = f"{max(through):.1f} %" if through and max(through) > 0 else ""
        lines.append(f"| {kind} | {size} | {len(some)} | {unmoved} | {' | '.join(map(str, counts))} | {largest} |")
    return [*lines, ""]


_ANSWERS = ("held", "flagged", "published")


def _through(rows: Sequence[dict[str, Any]]) -> list[str]:
    lines = [f"## What got through with {MATERIAL:g} % or more", ""]
    if not rows:
        return [*lines, "Nothing.", ""]
    lines += ["| kind | size | feed | KPI | period | moved |", "| --- | --- | --- | --- | --- | --: |"]
    for one in rows:
        names = " | ".join(one[name] for name in ("kind", "size", "feed", "kpi_id", "period"))
        lines.append(f"| {names} | {one['moved_pct']:.1f} % |")
    return [*lines, ""]


def _segments(curve: Sequence[dict[str, Any]]) -> list[str]:
    lines = [
        "## Segments",
        "",
        "Each fault's most moved cell of a segment: what share was caught, against how far it moved.",
        "",
        "| moved by | faults | caught |",
        "| --- | --: | --- |",
    ]
    for one in curve:
        upto = f"{one['from_pct']:g} to {one['to_pct']:g} %" if one["to_pct"] else f"{one['from_pct']:g} % and more"
        lines.append(f"| {upto} | {one['cells']} | {_of(one['caught'], one['cells'])} |")
    return [*lines, ""]


def _clean(clean: dict[str, Any] | None) -> list[str]:
    if clean is None:
        return []
    lines = [
        "## The clean run",
        "",
        f"{clean['verdicts']} verdicts, each given when the month was the newest: {clean['holds']} held,"
        f" {clean['flags']} flagged.",
        "",
    ]
    rows = [("held", one) for one in clean["held"]] + [("flagged", one) for one in clean["flagged"]]
    if rows:
        lines += ["| | KPI | period | checks | why |", "| --- | --- | --- | --- | --- |"]
    for answer, one in rows:
        checks, why = ", ".join(one["checks"]), "; ".join(one["details"])
        lines.append(f"| {answer} | {one['kpi_id']} | {one['period']} | {checks} | {why} |")
    return [*lines, ""]


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.1%})" if whole else "none"


def show(found: dict[str, Any]) -> None:
    """Prints the report to the terminal."""
    Console().print(Markdown(markdown(found)))


def write(found: dict[str, Any], folder: Path) -> None:
    """Writes faults.json and faults.md."""
    (folder / "faults.json").write_text(json.dumps(found, indent=1) + "\n")
    (folder / "faults.md").write_text(markdown(found))
