"""The results of the fault trials, as JSON, as Markdown and in the terminal."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown

from benchmarks.faults.kinds import KINDS, reported
from data_quality.gate.checks.registry import NAMES

MATERIAL, GRAVE = 5.0, 20.0
"""Per cent: a total that moved by so much must be held or flagged, and held."""
EDGES = (0, 1, 2, 5, 10, 20, 50, 100, float("inf"))
Clean = Mapping[str, Mapping[str, Any]]
"""What `make reality` counted of each company's monthly runs, by company."""


def clean(path: Path) -> dict[str, dict[str, Any]]:
    """The monthly runs of `make reality` by company; nothing where it was never run."""
    if not path.exists():
        return {}
    return {one["company"]: one["monthly"] for one in json.loads(path.read_text())["companies"]}


def results(rows: Sequence[dict[str, Any]], clean: Clean, minutes: float) -> dict[str, Any]:
    """All that is reported, from a row for each fault and what was counted on clean data."""
    whole = [row for row in rows if "error" not in row]
    moved = [(row, one) for row in whole for one in row["totals"] if one["moved_pct"] >= MATERIAL]
    through = [{**_named(row), **one} for row, one in moved if one["outcome"] == "published"]
    return {
        "cases": sorted(map(_case, whole), key=lambda one: [one[name] for name in (*_NAMES, "size")]),
        "totals": {company: _totals(rows_of) for company, rows_of in [("all", whole), *_by_company(whole)]},
        "checks": _by_check([one for _, one in moved], clean),
        "got_through": sorted(through, key=lambda one: -one["moved_pct"]),
        "segments": _curve(whole),
        "errors": [row for row in rows if "error" in row],
        "gate_seconds": round(sum(row["gate_seconds"] for row in whole) / max(len(whole), 1), 2),
        "minutes": round(minutes, 1),
    }


_NAMES = ("company", "kind", "feed", "month")


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in (*_NAMES, "size")}


def _by_company(rows: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["company"]].append(row)
    return sorted(groups.items())


def _totals(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    moved = [one for row in rows for one in row["totals"] if one["moved_pct"] >= MATERIAL]
    grave = [one for one in moved if one["moved_pct"] > GRAVE]
    return {
        "faults": len(rows),
        "moved_5": len(moved),
        "moved_5_held": sum(one["outcome"] == "held" for one in moved),
        "moved_5_flagged": sum(one["outcome"] == "flagged" for one in moved),
        "moved_20": len(grave),
        "moved_20_held": sum(one["outcome"] == "held" for one in grave),
        "held_unmoved": sum(row["held_unmoved"] for row in rows),
    }


def _by_check(moved: Sequence[dict[str, Any]], clean: Clean) -> list[dict[str, Any]]:
    """What each check did to totals that moved, and to clean verdicts; alone where nothing else did it."""
    names = dict.fromkeys([*NAMES, *(check for one in moved for check in one["checks"])])
    return [
        {
            "check": name,
            "held": sum(one["outcome"] == "held" and name in one["holding"] for one in moved),
            "held_alone": sum(one["outcome"] == "held" and one["holding"] == [name] for one in moved),
            "caught_alone": sum(one["outcome"] != "published" and one["checks"] == [name] for one in moved),
            "flagged": sum(one["outcome"] == "flagged" and name in one["checks"] for one in moved),
            "flagged_alone": sum(one["outcome"] == "flagged" and one["checks"] == [name] for one in moved),
            **{
                f"clean_{how}": {company: found[f"{how}_by"].get(name, 0) for company, found in clean.items()}
                for how in ("held", "held_alone", "flagged", "flagged_alone")
            },
        }
        for name in names
    ]


def _case(row: dict[str, Any]) -> dict[str, Any]:
    """The fault with its most moved total, and how many of its totals of 5 % and more were held, flagged, published.

    One that moved none stands with 0.
    """
    unmoved = {"kpi_id": None, "period": row["month"], "moved_pct": 0.0, "outcome": "published", "checks": []}
    most = row["totals"][0] if row["totals"] else unmoved
    moved = [one["outcome"] for one in row["totals"] if one["moved_pct"] >= MATERIAL]
    counts = {answer: moved.count(answer) for answer in _ANSWERS}
    own = {name: row[name] for name in ("held_unmoved", "cell", "failure")}
    return {**_named(row), **most, "totals_moved_5": counts, **own}


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
            "Faults are injected into source files of several companies, which are then taken in, built, judged and"
            " released as in any run. A total's move is in per cent of its value without the fault; of a fraction that"
            " may be negative (growth, pay gap), in percentage points. The gate knows none of these faults.",
            "",
            *_goals(found),
            *_checks(found["checks"]),
            *_reported(found["cases"]),
            *_by_kind(found["cases"]),
            *_through(found["got_through"]),
            *_segments(found["segments"]),
        ]
    )


def _goals(found: dict[str, Any]) -> list[str]:
    lines = [
        f"| company | faults | totals that moved by {MATERIAL:g} % or more | held | flagged | held or flagged |"
        f" of more than {GRAVE:g} %, held | held, though unmoved |",
        "| --- | --: | --: | --: | --: | --- | --- | --: |",
    ]
    for company, counts in found["totals"].items():
        moved, held, flagged = (counts[name] for name in ("moved_5", "moved_5_held", "moved_5_flagged"))
        lines.append(
            f"| {company} | {counts['faults']} | {moved} | {held} | {flagged} | {_of(held + flagged, moved)} |"
            f" {_of(counts['moved_20_held'], counts['moved_20'])} | {counts['held_unmoved']} |"
        )
    lines += [
        "",
        f"The gate took {found['gate_seconds']} s for three months of a company's catalogue, the whole"
        f" {found['minutes']} minutes.",
        "",
    ]
    if found["errors"]:
        lines += [f"**{len(found['errors'])} faults could not be tried:**", ""]
        lines += [f"- {', '.join(_named(one).values())}: {one['error']}" for one in found["errors"]] + [""]
    return lines


def _checks(rows: Sequence[dict[str, Any]]) -> list[str]:
    lines = [
        "## By check",
        "",
        f"Of totals that moved by {MATERIAL:g} % or more: how many a check held and how many it held alone, as no other"
        " check holds them; how many it flagged, and flagged alone; and how many would be published without a word but"
        " for it. Beside them what it did to clean data in the monthly runs of `make reality`, on all companies.",
        "",
        "| check | held | held alone | flagged | flagged alone | caught by it alone |"
        " clean: held | held alone | flagged | flagged alone |",
        "| --- |" + " --: |" * 9,
    ]
    for one in rows:
        faults = [one[name] for name in ("held", "held_alone", "flagged", "flagged_alone", "caught_alone")]
        clean = [sum(one[f"clean_{how}"].values()) for how in ("held", "held_alone", "flagged", "flagged_alone")]
        told = clean if one["clean_held"] else [""] * 4
        lines.append(f"| `{one['check']}` | {' | '.join(map(str, [*faults, *told]))} |")
    return [*lines, ""]


def _reported(cases: Sequence[dict[str, Any]]) -> list[str]:
    lines = [
        "## Faults that once got through",
        "",
        f"Totals that moved by {MATERIAL:g} % or more, and what holds or flags the most moved one; where none moved,"
        " what does the most moved cell of a segment.",
        "",
        "| fault | company | size, feed | month | held | flagged | published | moved by | most moved | checks |",
        "| --- | --- | --- | --- | --: | --: | --: | --: | --- | --- |",
    ]
    for one in cases:
        kind = KINDS[one["kind"]]
        if kind.inject.__module__ != reported.__name__:
            continue
        most = one if one["moved_pct"] > 0 else one["cell"] or one
        counts = " | ".join(str(one["totals_moved_5"][answer]) for answer in _ANSWERS)
        name = " ".join(str(most[part]) for part in ("kpi_id", "period", "cell") if isinstance(most.get(part), str))
        checks = most.get("holding") or (most["checks"] if most["outcome"] == "flagged" else [])
        lines.append(
            f"| {kind.description} | {one['company']} | {one['size']}, {one['feed']} | {one['month']} | {counts} |"
            f" {most['moved_pct']:.1f} % | {name}: {most['outcome']} | {', '.join(checks)} |"
        )
    return [*lines, ""]


def _by_kind(cases: Sequence[dict[str, Any]]) -> list[str]:
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for one in cases:
        groups[one["company"], one["kind"], one["size"]].append(one)
    lines = [
        "## By kind and size",
        "",
        "One case is one fault and its most moved total. Unmoved ones moved no total, as where a segment only was hit.",
        "",
        "| company | kind | size | cases | unmoved | held | flagged | published | largest move published |",
        "| --- | --- | --- | --: | --: | --: | --: | --: | --: |",
    ]
    for (company, kind, size), some in groups.items():
        through = [one["moved_pct"] for one in some if one["outcome"] == "published"]
        counts = [sum(one["outcome"] == answer and one["moved_pct"] > 0 for one in some) for answer in _ANSWERS]
        unmoved = sum(one["moved_pct"] == 0 for one in some)
        largest = f"{max(through):.1f} %" if through and max(through) > 0 else ""
        numbers = " | ".join(map(str, (len(some), unmoved, *counts)))
        lines.append(f"| {company} | {kind} | {size} | {numbers} | {largest} |")
    return [*lines, ""]


_ANSWERS = ("held", "flagged", "published")


def _through(rows: Sequence[dict[str, Any]]) -> list[str]:
    lines = [f"## What got through with {MATERIAL:g} % or more", ""]
    if not rows:
        return [*lines, "Nothing.", ""]
    lines += [
        "| company | kind | size | feed | KPI | period | moved |",
        "| --- | --- | --- | --- | --- | --- | --: |",
    ]
    for one in rows:
        names = " | ".join(one[name] for name in ("company", "kind", "size", "feed", "kpi_id", "period"))
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


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.1%})" if whole else "none"


def show(found: dict[str, Any]) -> None:
    """Prints the report to the terminal."""
    Console().print(Markdown(markdown(found)))


def write(found: dict[str, Any], folder: Path) -> None:
    """Writes faults.json and faults.md."""
    (folder / "faults.json").write_text(json.dumps(found, indent=1) + "\n")
    (folder / "faults.md").write_text(markdown(found))
