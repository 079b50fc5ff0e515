"""Primary suppression: the threshold rule for single cells of a protected KPI, and their protection levels.

The threshold rule: a cell is sensitive when it counts some persons, but fewer than the KPI's `disclosure_threshold`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from metrics.definitions.catalog import CatalogKpi

Row = Mapping[str, Any]
Role = Literal["numerator", "denominator"]
# The key of a row's number of persons of the group that its numerator's persons are a part of (`CatalogKpi.part_of`).
WIDER = "n_persons_wider"
# The decimals of a KPI of which only the ratio is published. With more digits, the sums and counts behind the ratio
# could be found as a fraction.
DECIMALS = 6


@dataclass(frozen=True)
class ProtectionLevels:
    """The upper and lower protection level of a suppressed number of persons.

    An attacker must find all values from `lower` below the true number to `upper` above it possible. They reach from 0
    to the threshold, or to the denominator where that is smaller. A small complement is protected by levels of
    the numerator: from the denominator less the threshold, but at least 0, to the denominator.
    """

    role: Role
    upper: int
    lower: int


def is_counted(row: Row, kpi: CatalogKpi) -> bool:
    """Whether the cell can be controlled: its persons were counted, and the KPI has a threshold and person counts.

    The numerator's persons must not outnumber a group that they are a part of.
    """
    numerator, denominator = row["n_persons_numerator"], row["n_persons_denominator"]
    if kpi.disclosure_threshold < 1 or not kpi.person_counts or (numerator is None and denominator is None):
        return False
    if kpi.nested_persons and None in (numerator, denominator):
        return False
    return all(complement >= 0 for complement in complements(row, kpi))


def complements(row: Row, kpi: CatalogKpi) -> list[int]:
    """The numbers of persons who aren't in the numerator, of each group that the numerator's persons are a part of.

    The groups are the denominator's with `nested_persons`, and the one that `part_of` names, if the row has WIDER.
    """
    groups = [row["n_persons_denominator"] if kpi.nested_persons else None, row.get(WIDER)]
    return [group - row["n_persons_numerator"] for group in groups if group is not None]


def is_sensitive(row: Row, kpi: CatalogKpi) -> bool:
    """Whether one of the cell's groups of persons is smaller than the threshold, and not empty."""
    return bool(protection_levels(row, kpi))


def protection_levels(row: Row, kpi: CatalogKpi) -> list[ProtectionLevels]:
    """The protection levels of each sensitive group of persons of the cell; empty for a cell that isn't sensitive.

    The groups are the numerator's, the denominator's, and the numerator's complements.
    """
    threshold = kpi.disclosure_threshold
    numerator, denominator = row["n_persons_numerator"], row["n_persons_denominator"]
    levels = []
    if numerator is not None and 0 < numerator < threshold:
        upper = min([threshold - numerator, *complements(row, kpi)])
        levels.append(ProtectionLevels("numerator", upper=upper, lower=numerator))
    if denominator is not None and 0 < denominator < threshold:
        levels.append(ProtectionLevels("denominator", upper=threshold - denominator, lower=denominator))
    for complement in complements(row, kpi):
        if 0 < complement < threshold:
            # One person less in the complement is one more in the numerator.
            upper = min(complements(row, kpi))
            levels.append(ProtectionLevels("numerator", upper=upper, lower=min(threshold - complement, numerator)))
    return levels


def persons(row: Row) -> int:
    """The larger one of the cell's numbers of persons."""
    return max((row["n_persons_numerator"] or 0), (row["n_persons_denominator"] or 0))


def is_changed(row: Row, published: Row, kpi: CatalogKpi) -> bool:
    """Whether a published part of the cell (value, numerator or denominator) differs from its published vintage."""
    parts = ("numerator", "denominator") if kpi.metric_type == "ratio" and not kpi.only_ratio else ("obs_value",)
    return any(_change(row, published, name) != 0 for name in parts)


def is_small_change(row: Row, published: Row, kpi: CatalogKpi) -> bool:
    """Whether a published part of the cell differs from its published vintage by less than `threshold` persons' worth.

    The difference of two vintages reveals the persons by whom they differ, and those aren't counted. So each is assumed
    to contribute the average amount per person. Where the numerator is a part of the denominator, a person is assumed
    to contribute to the numerator as much as to the denominator: someone ill for a whole month has many more days of
    absence than the average.
    """
    for name, per_person in _amount_per_person(row, kpi).items():
        change = _change(row, published, name)
        if change is None:
            return False
        if 0 < change < kpi.disclosure_threshold * per_person or (change > 0 and per_person == 0):
            return True
    return False


def _amount_per_person(row: Row, kpi: CatalogKpi) -> dict[str, float]:
    """By the name of each published part of the cell that is an amount of persons, the amount per person.

    0 where it isn't known. If the denominator's persons aren't counted, or are none, it is assumed to belong to the
    numerator's persons. If the numerator's persons aren't counted, it is no amount of persons, such as revenue, and
    isn't in the result.
    """
    if kpi.only_ratio:  # the ratio changes by 1 when all persons change
        return {"obs_value": 1 / persons(row) if persons(row) else 0.0}
    if kpi.metric_type != "ratio":
        return {"obs_value": _per_person(row["obs_value"], persons(row))}
    numerator, denominator = row["n_persons_numerator"], row["n_persons_denominator"]
    amounts = {"denominator": _per_person(row["denominator"], denominator or numerator)}
    if numerator is not None:
        amounts["numerator"] = _per_person(row["numerator"], numerator)
    if kpi.nested_persons:
        amounts["numerator"] = max(amounts.values())
    return amounts


def _per_person(amount: float | None, n_persons: int | None) -> float:
    return abs(amount) / n_persons if amount and n_persons else 0.0


def _change(row: Row, published: Row, name: str) -> float | None:
    """The absolute change of a part against the published one; 0 within 1e-9, None where one of them is NULL."""
    now, before = row[name], published[name]
    if now is None or before is None:
        return None
    change = abs(now - before)
    return change if change > 1e-9 * max(abs(now), abs(before)) else 0.0


def disclosed(row: Row, kpi: CatalogKpi) -> dict[str, Any]:
    """The row as it is published when it isn't suppressed.

    Numbers of persons are NULL, and so are sums to date, from whose differences suppressed months could be computed.
    For an `only_ratio` KPI numerator and denominator are NULL too, and the value is rounded.
    """
    disclosed_row = {**row, **dict.fromkeys(_NEVER_DISCLOSED)}
    if kpi.only_ratio:
        value = row["obs_value"]
        disclosed_row |= {
            "numerator": None,
            "denominator": None,
            "obs_value": None if value is None else round(value, DECIMALS),
        }
    return disclosed_row


def suppressed(row: Row) -> dict[str, Any]:
    """The row of a suppressed cell: without value, numerator, denominator and counts."""
    return {**row, **dict.fromkeys((*_NEVER_DISCLOSED, "obs_value", "numerator", "denominator", "n_obs"))}


_NEVER_DISCLOSED = ("n_persons_numerator", "n_persons_denominator", "year_to_date", "rolling_12_months")
