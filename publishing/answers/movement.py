"""What makes up the change of a total between two periods, from the published values of members, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import isclose
from typing import Any

from metrics.definitions.kpis.targets import gap_to
from publishing.language import Language, language

_MEMBERS_SHOWN = 10
LIMITS = (
    "The published tables tell which members and which part of a ratio a change comes from, not what people or markets"
    " did. Suppressed members are left out, and what they add must not be estimated."
)
Row = Mapping[str, Any]
# A ratio of two metrics as MetricFlow writes it: a / b, or COALESCE(a, 0) / NULLIF(b, 0).
_RATIO = re.compile(r"(?:COALESCE\()?(?P<numerator>\w+)(?:, 0\))? / (?:NULLIF\()?(?P<denominator>\w+)(?:, 0\))?")
# `expanded_formula` of kpi.catalog: (a - b) / a or (a - b) / b.
_DIFFERENCE = re.compile(r"\((?P<first>\w+) - (?P<second>\w+)\) / (?P<below>\w+)")


def movement(
    after: Sequence[Row],
    before: Sequence[Row],
    formula: str = "",
    expanded_formula: str | None = None,
    words: Language | None = None,
) -> dict[str, Any]:
    """The change of the total, its parts, and what about the data may explain it.

    `after` and `before` are the rows of a KPI's period and of an earlier one: the total and all members, with the
    columns of `kpi.observations` and `change_kind` of `kpi.catalog`. `formula` and `expanded_formula` are those of
    `kpi.catalog`: they name the parts of a ratio. `words` is the language of what may explain it, by default English.
    """
    totals = [next(row for row in rows if row["segment"] == "_T") for rows in (after, before)]
    values = [row["obs_value"] for row in totals]
    answer: dict[str, Any] = {"data": _facts_of_data(totals[0], totals[1], words or language("en")), "limits": LIMITS}
    if None in values:
        return answer | {"change": None}
    is_relative = totals[0]["change_kind"] == "relative"
    answer["change"] = {
        "absolute": values[0] - values[1],
        "relative": (values[0] - values[1]) / abs(values[1]) if values[1] and is_relative else None,
    }
    if totals[0]["denominator"] and totals[1]["denominator"]:
        answer["parts_of_the_ratio"] = _parts(totals[0], totals[1], formula, expanded_formula)
    segments = sorted({row["segment"] for rows in (after, before) for row in rows} - {"_T"})
    answer["segments"] = [_segment(name, after, before, totals) for name in segments]
    return answer


def gap_to_target(now: Row, then: Row | None) -> dict[str, Any]:
    """How far a total is from its target, split into parts since an earlier period that add up to the gap.

    `now` and `then` have time_period, obs_value, target and target_to. The gap is the value minus the target; for a
    band, minus the end beyond which the value lies. The earlier period is left out if the value lies within its band,
    or if the earlier value lay beyond the other end.
    """
    gap = _gap(now)
    answer = {"target": now["target"], "target_to": now["target_to"], "gap": gap}
    if then is None:
        return answer
    end = "target" if gap < 0 or now["target_to"] is None else "target_to"
    is_band = now["target_to"] is not None
    if then[end] is None or (is_band and (gap == 0 or gap * _gap(then) < 0)):
        return answer
    return answer | {
        "since": then["time_period"],
        "target_then": then["target"],
        "target_to_then": then["target_to"],
        "gap_then": then["obs_value"] - then[end],
        "change_since": now["obs_value"] - then["obs_value"],
        "by_change_of_target": then[end] - now[end],
    }


def _gap(row: Row) -> float:
    return gap_to(row["obs_value"], row["target"], row["target_to"])


def since_when(totals: Sequence[Row], code: str) -> Row | None:
    """The earlier total to compare with, when a total is compared with its target.

    If the total misses its target, it is the newest earlier total that reached its own target. If there is none, or the
    total reaches its target, it is the total before. Only totals with a value and a target count; None without any.
    `totals` have one frequency, oldest first.
    """
    earlier = [row for row in totals if row["time_period"] < code and None not in (row["obs_value"], row["target"])]
    now = next(row for row in totals if row["time_period"] == code)
    reached = [row for row in earlier if row["target_attained"]] if now["target_attained"] is False else []
    candidates = reached or earlier
    return candidates[-1] if candidates else None


def _parts(now: Row, then: Row, formula: str, expanded_formula: str | None) -> list[dict[str, Any]]:
    """The two parts of a ratio before and after, and what each adds to the change of the ratio.

    They are numerator and denominator, or the two metrics of `expanded_formula`, such as revenue and cost of a margin.
    A part adds the effect of its own change, on average over the other part's two values. So the two add up to the
    change (Kitagawa's midpoint). Additions are left out if a published value isn't what the formula gives.
    """
    names = _RATIO.fullmatch(formula)
    parts = [
        {"part": part, "metric": names[part] if names else part, "before": then[part], "after": now[part]}
        for part in ("numerator", "denominator")
    ]
    if any(
        row["numerator"] is None or not _equal(row["obs_value"], row["numerator"] / row["denominator"])
        for row in (now, then)
    ):
        return parts
    ratio: Callable[[float, float], float] = _quotient
    if match := _DIFFERENCE.fullmatch(expanded_formula or ""):
        below_is_first = match["below"] == match["first"]
        ratio = _share_left if below_is_first else _growth
        parts = [{"part": match[name], "metric": match[name]} for name in ("first", "second")]
        for when, row in (("before", then), ("after", now)):
            known, above = row["denominator"], row["numerator"]
            values = (known, known - above) if below_is_first else (known + above, known)
            for part, value in zip(parts, values, strict=True):
                part[when] = value
        if not all(part[when] for part in parts for when in ("before", "after")):
            return parts
    (first_before, first_after), (second_before, second_after) = ((part["before"], part["after"]) for part in parts)
    start, end = ratio(first_before, second_before), ratio(first_after, second_after)
    by_first, by_second = ratio(first_after, second_before), ratio(first_before, second_after)
    parts[0]["adds_to_change"] = ((by_first - start) + (end - by_second)) / 2
    parts[1]["adds_to_change"] = ((by_second - start) + (end - by_first)) / 2
    return parts


def _quotient(above: float, below: float) -> float:
    return above / below


def _share_left(first: float, second: float) -> float:
    return (first - second) / first


def _growth(first: float, second: float) -> float:
    return (first - second) / second


def _segment(name: str, after: Sequence[Row], before: Sequence[Row], totals: Sequence[Row]) -> dict[str, Any]:
    """The members of a segment, the largest addition to the change first. Unknown additions are left out.

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
        "they_add": sum(entry.get("adds_to_change") or 0 for entry in shown[_MEMBERS_SHOWN:]) if is_whole else None,
        "suppressed_values": suppressed,
        "note": note,
    }


def _adds_up(rows: Sequence[Row], total: Row) -> bool:
    """Whether the total is the sum of the members; of a ratio its numerator and denominator, and the ratio itself."""
    if any(row["obs_status"] == "Q" for row in rows):
        return False
    is_ratio = total["denominator"] is not None
    columns = ("numerator", "denominator") if is_ratio else ("obs_value",)
    if not all(
        total[column] is not None and _equal(sum(row[column] or 0 for row in rows), total[column]) for column in columns
    ):
        return False
    return not is_ratio or _equal(sum(_weighted(row, total) for row in rows), total["obs_value"])


def _equal(value: float, other: float) -> bool:
    return isclose(value, other, rel_tol=1e-8, abs_tol=1e-9)


def _share(row: Row | None, total: Row) -> float:
    """The member's share of the total's denominator."""
    return float((row["denominator"] or 0) / total["denominator"]) if row and total["denominator"] else 0.0


def _weighted(row: Row | None, total: Row) -> float:
    """What a member gives to the total's ratio: its own ratio times its share; without a denominator its numerator."""
    if row is None or not total["denominator"]:
        return 0.0
    value = row["obs_value"]
    return float(_share(row, total) * value if value is not None else (row["numerator"] or 0) / total["denominator"])


def _addition(member: str, now: Row | None, then: Row | None, totals: Sequence[Row], *, known: bool) -> dict[str, Any]:
    """A member's values and, where `known`, what it adds to the change of the total."""
    values = [row["obs_value"] if row else None for row in (now, then)]
    entry = {"member": member, "before": values[1], "after": values[0]}
    if not known:
        return entry
    if totals[0]["denominator"] is None:
        return entry | {"adds_to_change": (values[0] or 0) - (values[1] or 0)}
    share_now, share_then = (_share(row, total) for row, total in zip((now, then), totals, strict=True))
    weighted_now, weighted_then = (_weighted(row, total) for row, total in zip((now, then), totals, strict=True))
    mean_of_all = (totals[0]["obs_value"] + totals[1]["obs_value"]) / 2
    whole = weighted_now - weighted_then - (share_now - share_then) * mean_of_all
    by_ratio = 0.0
    if values[0] is not None and values[1] is not None:
        by_ratio = (share_now + share_then) / 2 * (values[0] - values[1])
    return entry | {
        "adds_to_change": whole,
        "of_this_by_its_own_ratio": by_ratio,
        "of_this_by_its_share": whole - by_ratio,
    }


def _facts_of_data(after: Row, before: Row, words: Language) -> list[str]:
    """What about the data or the definition, and not the business, may explain the change."""
    facts, tell = [], words.t
    if after["definition_version"] != before["definition_version"]:
        said = "The two values are of different definition versions: {before} and {after}."
        facts.append(tell(said, before=before["definition_version"], after=after["definition_version"]))
    for row in (before, after):
        period = row.get("time_period")
        if row["obs_status"] == "B":
            facts.append(tell("The series breaks at {period}: don't compare it with earlier periods.", period=period))
        if row["obs_status"] == "U":
            facts.append(tell("{period} is of few observations: {count}.", period=period, count=row["n_obs"]))
        if row["provisional_until"]:
            facts.append(tell("{period} is provisional until {day}.", period=period, day=row["provisional_until"]))
        if row["held"] and row["decision"] != "reject":
            said = "A newer value of {period} is held: {finding}"
        elif row["verdict"] == "publish_flagged":
            said = "{period} was published with a warning: {finding}"
        else:
            continue
        facts.append(tell(said, period=period, finding=words.finding(row["finding"]) or row["finding"]))
    return facts
