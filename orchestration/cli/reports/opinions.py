"""Prints proposals and votes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from data_quality.release.opinions import Opinion
from orchestration.cli.formats import NOT_AUTHENTICATED
from orchestration.cli.terminal import DONE, styled

_ACTS = {"adopt": "adopting", "retire": "retiring"}


def print_stated(terminal: Console, kind: str, opinion: Opinion, counted: Sequence[Mapping[str, Any]]) -> None:
    """Print that an opinion was recorded, and how many are for and against."""
    side = "" if kind == "propose" else "vote for " if opinion.in_favour else "vote against "
    act = f"{side}{_ACTS[opinion.proposal]} {opinion.kpi_id}"
    done = f"{act[0].upper()}{act[1:]} {'proposed' if kind == 'propose' else 'recorded'}"
    text = f"{done} by {opinion.stated_by} ({NOT_AUTHENTICATED}); release {opinion.release.sequence}."
    terminal.print(styled(DONE, text), soft_wrap=True, highlight=False)
    terminal.print(f"  {tally(counted)}. It decides nothing.", highlight=False)


def tally(counted: Sequence[Mapping[str, Any]]) -> str:
    """How many are for it and against it: "2 for, 1 against"."""
    in_favour = sum(opinion["in_favour"] for opinion in counted)
    return f"{in_favour} for, {len(counted) - in_favour} against"


def print_opinions(terminal: Console, kpi_id: str, counted: Sequence[Mapping[str, Any]]) -> None:
    """Print the opinions on adopting a KPI, each with its reason; nothing without any."""
    if not counted:
        return
    terminal.print(f"Opinions on adopting {kpi_id}: {tally(counted)} ({NOT_AUTHENTICATED}).", highlight=False)
    for opinion in counted:
        side = "for" if opinion["in_favour"] else "against"
        line = f"  {side}: {opinion['stated_by']}, {opinion['stated_on']}: {opinion['reason']}"
        terminal.print(line, soft_wrap=True, highlight=False)
