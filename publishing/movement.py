"""What makes up the change of a total between two periods, from the published values of members, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import isclose
from typing import Any

_MEMBERS_SHOWN = 10
LIMITS = (
    "The published tables tell which members and which part of a ratio a change comes from, not what people or markets"
    " did. Suppressed members are left out, and what they add must not be estimated."
)
Row = Mapping[str, Any]
# A ratio of two metrics as MetricFlow writes it: a / b, or COALESCE(a, 0) / NULLIF(b, 0).
_RATIO = re.compile(r"(?:COALESCE\()?(?P<numerator>\w+)(?:, 0\))? / (?:NULLIF\()?(?P<denominator>\w+)(?:, 0\))?")


def movement(after: Sequence[Row], before: Sequence[Row], formula: str = "") -> dict[str, Any]:
    """The change of the total, its parts, and what about the data may explain it.

    `after` and `before` are the rows of a KPI's period and of an earlier one: the total and all members, with the
    columns of `kpi.observations` and `change_kind` of `kpi.catalog`. `formula` is that of `kpi.catalog`: it names the
    parts of a ratio.
    """
    totals = [next(row for row in rows if row["segment"] == "_T") for rows in (after, before)]
    values = [row["obs_value"] for row in totals]
    answer: dict[str, Any] = {"data": _facts_of_data(*totals), "limits": LIMITS}
    if None in values:
        return answer | {"change": None}
    is_relative = totals[0]["change_kind"] == "relative"
    answer["change"] = {
        "absolute": values[0] - values[1],
        "relative": (values[0] - values[1]) / abs(values[1]) if values[1] and is_relative else None,
    }
    if totals[0]["denominator"] and totals[1]["denominator"]:
        answer["parts_of_the_ratio"] = _parts(totals[0], totals[1], formula)
    segments = sorted({row["segment"] for row in after} - {"_T"})
    answer["segments"] = [_segment(name, after, before, totals) for name in segments]
    return answer


def _parts(now: Row, then: Row, formula: str) -> list[dict[str, Any]]:
    """Numerator and denominator before and after, and what each adds to the change of the ratio.

    A part adds what its own change does at the mean of the other part's two values, so that the two add up to the
    change (Kitagawa's midpoint); nothing is said of it where the value isn't numerator by denominator.
    """
    names = _RATIO.fullmatch(formula)
    parts = [
        {"part": part, "metric": names[part] if names else part, "before": then[part], "after": now[part]}
        for part in ("numerator", "denominator")
    ]
    if all(
        row["numerator"] is not None and isclose(row["obs_value"], row["numerator"] / row["denominator"], rel_tol=1e-6)
        for row in (now, then)
    ):
        inverse_now, inverse_then = 1 / now["denominator"], 1 / then["denominator"]
        parts[0]["adds_to_change"] = (now["numerator"] - then["numerator"]) * (inverse_now + inverse_then) / 2
        parts[1]["adds_to_change"] = (inverse_now - inverse_then) * (now["numerator"] + then["numerator"]) / 2
    return parts


def _segment(name: str, after: Sequence[Row], before: Sequence[Row], totals: Sequence[Row]) -> dict[str, Any]:
    """The members of a segment, those that add most to the change first; without what they add where that is unknown.

    A member's addition is the change of its value. Of a ratio it is the sum of two: the change of the member's own
    ratio at the mean of its two shares of the denominator, and the change of its share, at the distance of its mean
    ratio from that of all. The additions of all members make the change of the total (E. Kitagawa, Components of a
    Difference Between Two Rates, 1955).
    """
    now, then = ({row["member"]: row for row in rows if row["segment"] == name} for rows in (after, before))
    members = sorted(now.keys() | then.keys())
    is_whole = all(_adds_up(list(rows.values()), total) for rows, total in zip((now, then), totals, strict=True))
    shown = [_addition(member, now.get(member), then.get(member), totals, known=is_whole) for member in members]
    shown.sort(key=lambda entry: -abs(entry.get("adds_to_change") or 0))
    suppressed = sum(row["obs_status"] == "Q" for row in (*now.values(), *then.values()))
    note = None if is_whole else "what each member adds is unknown, as the published members don't add up to the total"
    return {
        "segment": name,
        "members": shown[:_MEMBERS_SHOWN],
        "members_not_shown": max(len(shown) - _MEMBERS_SHOWN, 0),
        "suppressed_values": suppressed,
        "note": note,
    }


def _adds_up(rows: Sequence[Row], total: Row) -> bool:
    """Whether the total is the sum of the members, in the denominator too where it has one."""
    columns = ("numerator", "denominator") if total["denominator"] is not None else ("obs_value",)
    if any(row["obs_status"] == "Q" for row in rows):
        return False
    return all(
        total[column] is not None
        and isclose(sum(row[column] or 0 for row in rows), total[column], rel_tol=1e-6, abs_tol=1e-9)
        for column in columns
    )


def _addition(member: str, now: Row | None, then: Row | None, totals: Sequence[Row], *, known: bool) -> dict[str, Any]:
    """A member's values and, where `known`, what it adds to the change of the total."""
    values = [row["obs_value"] if row else None for row in (now, then)]
    entry = {"member": member, "before": values[1], "after": values[0]}
    if not known:
        return entry
    if totals[0]["denominator"] is None:
        return entry | {"adds_to_change": (values[0] or 0) - (values[1] or 0)}
    shares = [
        (row["denominator"] or 0) / total["denominator"] if row and total["denominator"] else 0
        for row, total in zip((now, then), totals, strict=True)
    ]
    mean_of_all = (totals[0]["obs_value"] + totals[1]["obs_value"]) / 2
    known_ratios = [value for value in values if value is not None] or [mean_of_all]
    ratio_now, ratio_then = (known_ratios[0] if value is None else value for value in values)
    by_ratio = (shares[0] + shares[1]) / 2 * (ratio_now - ratio_then)
    by_share = (shares[0] - shares[1]) * ((ratio_now + ratio_then) / 2 - mean_of_all)
    return entry | {
        "adds_to_change": by_ratio + by_share,
        "of_this_by_its_own_ratio": by_ratio,
        "of_this_by_its_share": by_share,
    }


def _facts_of_data(after: Row, before: Row) -> list[str]:
    """What about the data or the definition, and not the business, may explain the change."""
    facts = []
    if after["definition_version"] != before["definition_version"]:
        versions = f"{before['definition_version']} and {after['definition_version']}"
        facts.append(f"The two values are of different definition versions: {versions}.")
    for row in (before, after):
        if row["obs_status"] == "B":
            facts.append(f"The series breaks at {row['time_period']}: don't compare it with earlier periods.")
        if row["obs_status"] == "U":
            facts.append(f"{row['time_period']} is of few observations: {row['n_obs']}.")
        if row["provisional_until"]:
            facts.append(f"{row['time_period']} is provisional until {row['provisional_until']}.")
        if row["held"] and row["decision"] != "reject":
            facts.append(f"A newer value of {row['time_period']} is held: {row['finding']}")
        elif row["verdict"] == "publish_flagged":
            facts.append(f"{row['time_period']} was published with a warning: {row['finding']}")
    return facts
