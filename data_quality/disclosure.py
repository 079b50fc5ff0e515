"""Disclosure control of one key of a protected KPI: which cells would tell something about too few persons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

Cell = tuple[str, str]
Row = Mapping[str, Any]
TOTAL: Cell = ("_T", "_T")


def control(
    rows: Sequence[Row], threshold: int, *, nested: bool, hidden_before: Collection[Cell] = ()
) -> dict[Cell, Literal["C", "D"]]:
    """The cells (segment, member) to suppress and why: C too few persons, D so that a C can't be worked out.

    `rows` are all candidate rows of one (kpi_id, freq, time_period). Numerator, denominator and, where the numerator's
    persons are among the denominator's (`nested`), their complement must each be 0 or at least `threshold` persons.
    A cell that was hidden before stays hidden: its values then and now would give each other away.
    """
    hidden: dict[Cell, Literal["C", "D"]] = {}
    segments: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        cell = (row["segment"], row["member"])
        segments[row["segment"]].append(row)
        if _too_few(row, threshold, nested):
            hidden[cell] = "C"
        elif cell in hidden_before:
            hidden[cell] = "D"
    if TOTAL in hidden:
        return hidden
    for segment, members in segments.items():
        if segment == TOTAL[0]:
            continue
        open_members = sorted(
            (row for row in members if (segment, row["member"]) not in hidden and _persons(row) > 0),
            key=lambda row: (_persons(row), row["member"]),
        )
        suppressed = [row for row in members if (segment, row["member"]) in hidden and _persons(row) > 0]
        # The total less the open members gives the hidden ones' sum: that must be of two, and of enough persons.
        while suppressed and (len(suppressed) < 2 or sum(map(_persons, suppressed)) < threshold):
            if not open_members:
                hidden[TOTAL] = "D"
                break
            row = open_members.pop(0)
            hidden[segment, row["member"]] = "D"
            suppressed.append(row)
    return hidden


def suppressed(row: Row) -> dict[str, Any]:
    """The row without anything that tells its value."""
    return {**row, "obs_value": None, "numerator": None, "denominator": None, "n_obs": None}


def _too_few(row: Row, threshold: int, nested: bool) -> bool:
    numerator, denominator = row["n_persons_numerator"], row["n_persons_denominator"]
    groups = [count for count in (numerator, denominator) if count is not None]
    if not groups or threshold < 1:
        return True  # nobody counted the persons, or said how many are enough
    if nested:
        if numerator is None or denominator is None:
            return True
        groups.append(denominator - numerator)
    return any(0 < count < threshold or count < 0 for count in groups)


def _persons(row: Row) -> int:
    """How many persons stand behind the cell at most; 1 where nobody counted them."""
    counts = [c for c in (row["n_persons_numerator"], row["n_persons_denominator"]) if c is not None]
    return max(counts) if counts else 1
