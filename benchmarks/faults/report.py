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
    return {company["company"]: company["monthly"] for company in json.loads(path.read_text())["companies"]}


def results(rows: Sequence[dict[str, Any]], clean: Clean, minutes: float) -> dict[str, Any]:
    """All that is reported, from a row for each fault and what was counted on clean data."""
    whole = [row for row in rows if "error" not in row]
    moved = [(row, total) for row in whole for total in row["totals"] if total["moved_pct"] >= MATERIAL]
    through = [{**_named(row), **total} for row, total in moved if total["outcome"] == "published"]
    return {
        "cases": sorted(map(_case, whole), key=lambda case: [case[name] for name in (*_NAMES, "size")]),
        "totals": {company: _totals(rows_of) for company, rows_of in [("all", whole), *_by_company(whole)]},
        "checks": _by_check([total for _, total in moved], clean),
        "got_through": sorted(through, key=lambda total: -total["moved_pct"]),
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
    moved = [total for row in rows for total in row["totals"] if total["moved_pct"] >= MATERIAL]
    grave = [total for total in moved if total["moved_pct"] > GRAVE]
    return {
        "faults": len(rows),
        "moved_5": len(moved),
        "moved_5_held": sum(total["outcome"] == "held" for total in moved),
        "moved_5_flagged": sum(total["outcome"] == "flagged" for total in moved),
        "moved_20": len(grave),
        "moved_20_held": sum(total["outcome"] == "held" for total in grave),
        "held_unmoved": sum(row["held_unmoved"] for row in rows),
    }


def _by_check(moved: Sequence[dict[str, Any]], clean: Clean) -> list[dict[str, Any]]:
    """What each check did to totals that moved, and to clean verdicts; alone where nothing else did it."""
    names = dict.fromkeys([*NAMES, *(check for total in moved for check in total["checks"])])
    return [
        {
            "check": name,
            "held": sum(total["outcome"] == "held" and name in total["holding"] for total in moved),
            "held_alone": sum(total["outcome"] == "held" and total["holding"] == [name] for total in moved),
            "caught_alone": sum(total["outcome"] != "published" and total["checks"] == [name] for total in moved),
            "flagged": sum(total["outcome"] == "flagged" and name in total["checks"] for total in moved),
            "flagged_alone": sum(total["outcome"] == "flagged" and total["checks"] == [name] for total in moved),
            **{
                f"clean_{how}": {company: counts[f"{how}_by"].get(name, 0) for company, counts in clean.items()}
                for how in ("held", "held_alone", "flagged", "flagged_alone")
            },
        }
        for name in names
    ]


def _case(row: dict[str, Any]) -> dict[str, Any]:
    """The fault with the total that it moved most, and how many of its large moves were held, flagged, published.

    Large moves are totals that moved by 5 % or more.

    A fault that moved no total has 0.
    """
    unmoved = {"kpi_id": None, "period": row["month"], "moved_pct": 0.0, "outcome": "published", "checks": []}
    most = row["totals"][0] if row["totals"] else unmoved
    moved = [total["outcome"] for total in row["totals"] if total["moved_pct"] >= MATERIAL]
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
            "cells": len(of_size),
            "caught": sum(cell["outcome"] != "published" for cell in of_size),
        }
        for low, high in pairwise(EDGES)
        if (of_size := [cell for cell in cells if low <= cell["moved_pct"] < high])
    ]


def markdown(results: dict[str, Any]) -> str:
    """The report."""
    return "\n".join(
        [
            "# Faults in data: what the gate held, flagged, and let through",
            "",
            "Faults are injected into source files of several companies, which are then taken in, built, judged and"
            " released as in any run. A total's move is in per cent of its value without the fault; of a fraction that"
            " may be negative (growth, pay gap), in percentage points. The gate knows none of these faults.",
            "",
            *_goals(results),
            *_checks(results["checks"]),
            *_reported(results["cases"]),
            *_by_kind(results["cases"]),
            *_through(results["got_through"]),
            *_segments(results["segments"]),
        ]
    )


def _goals(results: dict[str, Any]) -> list[str]:
    lines = [
        f"| company | faults | totals that moved by {MATERIAL:g} % or more | held | flagged | held or flagged |"
        f" of more than {GRAVE:g} %, held | held, though unmoved |",
        "| --- | --: | --: | --: | --: | --- | --- | --: |",
    ]
    for company, counts in results["totals"].items():
        moved, held, flagged = (counts[name] for name in ("moved_5", "moved_5_held", "moved_5_flagged"))
        lines.append(
            f"| {company} | {counts['faults']} | {moved} | {held} | {flagged} | {_of(held + flagged, moved)} |"
            f" {_of(counts['moved_20_held'], counts['moved_20'])} | {counts['held_unmoved']} |"
        )
    lines += [
        "",
        f"The gate took {results['gate_seconds']} s for three months of a company's catalogue, the whole"
        f" {results['minutes']} minutes.",
        "",
    ]
    if results["errors"]:
        lines += [f"**{len(results['errors'])} faults could not be tried:**", ""]
        lines += [f"- {', '.join(_named(fault).values())}: {fault['error']}" for fault in results["errors"]] + [""]
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
    for check in rows:
        faults = [check[name] for name in ("held", "held_alone", "flagged", "flagged_alone", "caught_alone")]
        clean = [sum(check[f"clean_{how}"].values()) for how in ("held", "held_alone", "flagged", "flagged_alone")]
        clean_cells = clean if check["clean_held"] else [""] * 4
        lines.append(f"| `{check['check']}` | {' | '.join(map(str, [*faults, *clean_cells]))} |")
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
    for case in cases:
        kind = KINDS[case["kind"]]
        if kind.inject.__module__ != reported.__name__:
            continue
        most = case if case["moved_pct"] > 0 else case["cell"] or case
        counts = " | ".join(str(case["totals_moved_5"][answer]) for answer in _ANSWERS)
        name = " ".join(str(most[part]) for part in ("kpi_id", "period", "cell") if isinstance(most.get(part), str))
        checks = most.get("holding") or (most["checks"] if most["outcome"] == "flagged" else [])
        lines.append(
            f"| {kind.description} | {case['company']} | {case['size']}, {case['feed']} | {case['month']} | {counts} |"
            f" {most['moved_pct']:.1f} % | {name}: {most['outcome']} | {', '.join(checks)} |"
        )
    return [*lines, ""]


def _by_kind(cases: Sequence[dict[str, Any]]) -> list[str]:
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for case in cases:
        groups[case["company"], case["kind"], case["size"]].append(case)
    lines = [
        "## By kind and size",
        "",
        "One case is one fault and its most moved total. Unmoved ones moved no total, as where a segment only was hit.",
        "",
        "| company | kind | size | cases | unmoved | held | flagged | published | largest move published |",
        "| --- | --- | --- | --: | --: | --: | --: | --: | --: |",
    ]
    for (company, kind, size), of_group in groups.items():
        through = [case["moved_pct"] for case in of_group if case["outcome"] == "published"]
        counts = [sum(case["outcome"] == answer and case["moved_pct"] > 0 for case in of_group) for answer in _ANSWERS]
        unmoved = sum(case["moved_pct"] == 0 for case in of_group)
        largest = f"{max(through):.1f} %" if through and max(through) > 0 else ""
        numbers = " | ".join(map(str, (len(of_group), unmoved, *counts)))
        lines.append(f"| {company} | {kind} | {size} | {numbers} | {largest} |")
    return [*lines, ""]


_ANSWERS = ("held", "flagged", "published")


def _through(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The lines of the table of moved totals that the gate let through."""
    lines = [f"## What got through with {MATERIAL:g} % or more", ""]
    if not rows:
        return [*lines, "Nothing.", ""]
    lines += [
        "| company | kind | size | feed | KPI | period | moved |",
        "| --- | --- | --- | --- | --- | --- | --: |",
    ]
    for total in rows:
        names = " | ".join(total[name] for name in ("company", "kind", "size", "feed", "kpi_id", "period"))
        lines.append(f"| {names} | {total['moved_pct']:.1f} % |")
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
    for step in curve:
        upto = f"{step['from_pct']:g} to {step['to_pct']:g} %" if step["to_pct"] else f"{step['from_pct']:g} % and more"
        lines.append(f"| {upto} | {step['cells']} | {_of(step['caught'], step['cells'])} |")
    return [*lines, ""]


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.1%})" if whole else "none"


def show(results: dict[str, Any]) -> None:
    """Prints the report to the terminal."""
    Console().print(Markdown(markdown(results)))


def write(results: dict[str, Any], folder: Path) -> None:
    """Writes faults.json and faults.md."""
    (folder / "faults.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "faults.md").write_text(markdown(results))
