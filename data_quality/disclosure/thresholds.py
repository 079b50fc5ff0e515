"""The rules on one cell of a protected KPI: how many persons must stand behind it, and how uncertain it must stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from metrics.definitions.catalog import CatalogKpi

Row = Mapping[str, Any]
Role = Literal["numerator", "denominator"]
# Of a KPI of which only the ratio is told: its further digits would give away sums and counts, as fractions.
DECIMALS = 6


@dataclass(frozen=True)
class Need:
    """How far a hidden number of persons must be able to lie above and below the true one, for all the public knows.

    That makes everything possible from nobody to the threshold, or to all of the denominator if these are fewer.
    """

    role: Role
    up: int
    down: int


def counted(row: Row, kpi: CatalogKpi) -> bool:
    """Whether the persons behind the cell were counted, and it was said how many are enough and of whom it tells."""
    numerator, denominator = row["n_persons_numerator"], row["n_persons_denominator"]
    if kpi.disclosure_threshold < 1 or not kpi.person_counts or (numerator is None and denominator is None):
        return False
    if kpi.nested_persons:
        return numerator is not None and denominator is not None and numerator <= denominator
    return True


def needs(row: Row, kpi: CatalogKpi) -> list[Need]:
    """What must be protected of a cell: empty when every group of persons behind it is empty or large enough.

    The groups are the numerator's and the denominator's persons, and where the former are some of the latter
    (`nested_persons`) the others of them.
    """
    threshold = kpi.disclosure_threshold
    numerator, denominator = row["n_persons_numerator"], row["n_persons_denominator"]
    others = denominator - numerator if kpi.nested_persons else None
    found = []
    if numerator is not None and 0 < numerator < threshold:
        up = threshold - numerator
        found.append(Need("numerator", up=up if others is None else min(up, others), down=numerator))
    if denominator is not None and 0 < denominator < threshold:
        found.append(Need("denominator", up=threshold - denominator, down=denominator))
    if others is not None and 0 < others < threshold:
        found.append(Need("numerator", up=others, down=min(threshold - others, numerator)))
    return found


def persons(row: Row) -> int:
    """How many persons stand behind the cell at most."""
    return max((row["n_persons_numerator"] or 0), (row["n_persons_denominator"] or 0))


def changed(row: Row, published: Row, kpi: CatalogKpi) -> bool:
    """Whether the cell's value, or what it is a ratio of, differs from its published vintage."""
    return any(_change(row, published, name) != 0 for name in _parts(row, kpi))


def small_change(row: Row, published: Row, kpi: CatalogKpi) -> bool:
    """Whether the cell differs from its published vintage in a part by less than what `threshold` persons bring.

    Two vintages that differ tell of those by whom they differ, and nobody counts these. So a person is taken to bring
    as much as the average one, and where the numerator is a part of the denominator as much as all of its share of
    that: one who is ill all month has many more than the average days of absence.
    """
    for name, per_person in _parts(row, kpi).items():
        change = _change(row, published, name)
        if change is None:
            return False
        if 0 < change < kpi.disclosure_threshold * per_person or (change > 0 and per_person == 0):
            return True
    return False


def _parts(row: Row, kpi: CatalogKpi) -> dict[str, float]:
    """What is published of the cell, and how much of it a person brings; 0 where nobody knows."""
    if kpi.only_ratio:  # which changes by 1 when everybody does
        return {"obs_value": 1 / persons(row) if persons(row) else 0.0}
    if kpi.metric_type != "ratio":
        return {"obs_value": _per_person(row["obs_value"], persons(row))}
    parts = {name: _per_person(row[name], row[f"n_persons_{name}"]) for name in ("numerator", "denominator")}
    if kpi.nested_persons:
        parts["numerator"] = max(parts.values())
    return parts


def _per_person(amount: float | None, people: int | None) -> float:
    return abs(amount) / people if amount and people else 0.0


def _change(row: Row, published: Row, name: str) -> float | None:
    """By how much a part differs from the published one; 0 for what computing again makes of a sum."""
    now, before = row[name], published[name]
    if now is None or before is None:
        return None
    change = abs(now - before)
    return change if change > 1e-9 * max(abs(now), abs(before)) else 0.0


def told(row: Row, kpi: CatalogKpi) -> dict[str, Any]:
    """The row as it may leave the warehouse when it isn't suppressed.

    It has no numbers of persons, nor sums to date, which could be taken apart into hidden months. Of an `only_ratio`
    KPI it has no numerator and denominator, and a rounded value.
    """
    free = {**row, **dict.fromkeys(_UNSAID)}
    if kpi.only_ratio:
        value = row["obs_value"]
        free |= {
            "numerator": None,
            "denominator": None,
            "obs_value": None if value is None else round(value, DECIMALS),
        }
    return free


def suppressed(row: Row) -> dict[str, Any]:
    """The row without anything that tells its value."""
    return {**row, **dict.fromkeys((*_UNSAID, "obs_value", "numerator", "denominator", "n_obs"))}


_UNSAID = ("n_persons_numerator", "n_persons_denominator", "year_to_date", "rolling_12_months")
