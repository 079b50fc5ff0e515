"""Puts into sentences, in a language, why a value moved: what `why.explained` answers, largest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metrics.core.segments import is_combination, member_words
from publishing.language import Language

MEMBERS_NAMED = 3
_NEGLIGIBLE = 0.005  # of the whole change: such an addition isn't worth a name
_PER_HUNDRED = {  # metrics that are a hundred times a number that has a name: parts of a score from -100 to 100
    "enps_balance": "promoters minus detractors",
    "promoter_points": "promoters minus detractors",
}


@dataclass(frozen=True)
class Reasons:
    """Writes the sentences of one KPI's answer. `members` has names of members in the language, by segment.

    As members of `kpi_served` it has the KPIs' names, by kpi_id.
    """

    language: Language
    answer: Mapping[str, Any]
    unit: str
    currency: str
    members: Mapping[str, Mapping[str, str]]

    @property
    def names(self) -> Mapping[str, str]:
        """The KPIs' names, by kpi_id."""
        return self.members.get("kpi_served", {})

    @property
    def change(self) -> float:
        return float(self.answer["change"]["absolute"])

    @property
    def has_change(self) -> bool:
        """Whether both values are published."""
        return self.answer.get("change") is not None

    def sentences(self) -> list[str]:
        """All of them: the change, the target, the parts of a ratio, the segments, what the KPIs behind the parts say.

        Empty where one of the two values isn't published.
        """
        if not self.has_change:
            return []
        return [
            sentence
            for sentence in (self.headline(), *self.target(), self.parts(), *self.segments(), *self.behind_parts())
            if sentence
        ]

    def headline(self) -> str:
        """Net revenue was 17.9 M SEK in October 2026: 1.2 M SEK (7.2 %) more than in September 2026, 16.7 M SEK."""
        value, other = self.answer["value"], self.answer["compared_with"]
        relative = self.answer["change"]["relative"]
        facts = {
            "name": self.name,
            "now": self.value(value["value"]),
            "period": self.language.period(value["period"]),
            "then": self.value(other["value"]),
            "earlier": self.language.period(other["period"]),
        }
        if self.change == 0:
            return self.language.t("{name} was {now} in {period}, as in {earlier}.", **facts)
        share = "" if relative is None else f" ({self.language.decimal(abs(relative) * 100, 1)}\N{NO-BREAK SPACE}%)"
        words = (
            "{name} was {now} in {period}: {size} more than in {earlier}, {then}."
            if self.change > 0
            else "{name} was {now} in {period}: {size} less than in {earlier}, {then}."
        )
        return self.language.t(words, size=f"{self.size(self.change)}{share}", **facts)

    def target(self) -> list[str]:
        """How far the value is from its target, and since when; empty where it isn't compared with it."""
        facts = self.answer.get("against_target")
        if facts is None:
            return []
        t = self.language.t
        attained = self.answer["value"]["target_attained"]
        goal = self._goal(facts["target"], facts["target_to"])
        gap = self.size(facts["gap"], facts["gap"])
        if facts["target_to"] is not None and facts["gap"] == 0:
            return [t("It is within the target of {target}.", target=goal)]
        words = {
            True: "It reaches the target of {target}, by {gap}.",
            False: "It misses the target of {target} by {gap}.",
            None: "It is {gap} from the target of {target}.",
        }[attained]
        sentences = [t(words, target=goal, gap=gap)]
        if "since" not in facts:
            return sentences
        then = {
            "period": self.language.period(facts["since"]),
            "gap": self.size(facts["gap_then"], facts["gap_then"]),
            "change": self.added(facts["change_since"]),
        }
        reached = self.answer["compared_with"]["target_attained"]
        if attained is False and reached:
            sentences.append(
                t("It last reached it in {period}, by {gap}; since then it has changed by {change}.", **then)
            )
        elif attained is False:
            sentences.append(t("In {period} it missed it by {gap}; since then it has changed by {change}.", **then))
        if facts["by_change_of_target"]:
            before, now = self._goal(facts["target_then"], facts["target_to_then"]), goal
            sentences.append(t("The target itself was changed from {before} to {now}.", before=before, now=now))
        return sentences

    def parts(self) -> str:
        """What the parts of a ratio add, the larger first; empty where that is unknown."""
        parts = [part for part in self.answer.get("parts_of_the_ratio", ()) if "adds_to_change" in part]
        parts.sort(key=lambda part: -abs(part["adds_to_change"]))
        texts = [
            self.language.t(
                "{part} ({before} → {after}) {added}",
                part=self.part_name(part), before=self.number(part["before"], part),
                after=self.number(part["after"], part), added=self.added(part["adds_to_change"]),
            )
            for part in parts
        ]  # fmt: skip
        return self.language.t("Of this change: {parts}.", parts="; ".join(texts)) if texts and self.change else ""

    def segments(self) -> list[str]:
        """A sentence for each segment: the members that add most, or why their additions aren't shown."""
        single = [segment for segment in self.answer["segments"] if not is_combination(segment["segment"])]
        return [sentence for segment in single if (sentence := self.segment(segment))]

    def segment(self, segment: Mapping[str, Any], *, most: int = MEMBERS_NAMED) -> str:
        """By country, SE adds 0.8 M SEK, NO 0.3 M SEK and 3 others 0.1 M SEK."""
        name = self.segment_name(segment["segment"])
        if segment["suppressed_values"]:
            text = "By {segment}: what each member adds isn't told, as {count} of the values are suppressed."
            return self.language.t(text, segment=name, count=segment["suppressed_values"])
        if segment["note"] or not self.change or not segment["members"]:
            return ""
        listed, rest = self._named(segment["members"], most)
        texts = [self._member_text(segment["segment"], member) for member in listed]
        n_others = len(rest) + segment["members_not_shown"]
        if n_others:
            added = sum(member["adds_to_change"] for member in rest) + (segment["they_add"] or 0)
            texts.append(
                self.language.t("{count} others together {added}", count=n_others, added=self.added(added))
                if n_others > 1
                else self.language.t("one other {added}", added=self.added(added))
            )
        return self.language.t("By {segment}: {members}.", segment=name, members="; ".join(texts))

    def behind_parts(self) -> list[str]:
        """For each part of a ratio that is a KPI itself, the member of each segment that changes the ratio most."""
        sentences = []
        for part in self.answer.get("parts_of_the_ratio", ()):
            leading = [
                (segment["segment"], max(segment["members"], key=lambda member: abs(member["adds_to_change"])))
                for segment in part.get("segments", ())
                if len(segment["members"]) > 1 and not is_combination(segment["segment"])
            ]
            words = "Most through {part}, by {segment}: {member}."
            sentences += [
                self.language.t(
                    words, part=self.part_name(part), segment=self.segment_name(name),
                    member=self._addition(name, member),
                )
                for name, member in leading
            ]  # fmt: skip
        return sentences

    def leading_cause(self) -> str:
        """Both parts of a ratio, and the member that adds most in the direction of the change; each is a sentence.

        The first sentence begins in lower case, and the last has no full stop; empty where nothing is known. What adds
        more than twice the change is left out: others take most of it back, so it isn't why the value moved.
        """
        texts = []
        parts = [part for part in self.answer.get("parts_of_the_ratio", ()) if "adds_to_change" in part]
        if part := self._leading(parts):
            ordered = [part, *(other for other in parts if other is not part)]
            added_by = [f"{self.part_name(each)} {self.added(each['adds_to_change'])}" for each in ordered]
            texts.append(self.language.t("of its two parts, {part} and {other}", part=added_by[0], other=added_by[1]))
        leading_members = [
            {"segment": segment["segment"], **member}
            for segment in self.answer["segments"]
            if not segment["note"] and len(segment["members"]) > 1 and not is_combination(segment["segment"])
            if (member := self._leading(segment["members"]))
        ]
        if member := self._leading(leading_members):
            name = self.segment_name(member["segment"])
            facts = {"member": self.member(member["segment"], member["member"])}
            added = self.added(member["adds_to_change"])
            text = self.language.t("by {segment}, {member} {added}", segment=name, added=added, **facts)
            texts.append(text[:1].upper() + text[1:] if texts else text)
        return ". ".join(texts)

    def _leading(self, additions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """The one that adds most in the direction of the change, unless that is more than twice the change."""
        largest = max(additions, key=lambda addition: float(addition["adds_to_change"]) * self.change, default=None)
        if largest and self.change and 0 < largest["adds_to_change"] / self.change <= 2:
            return largest
        return None

    def _named(
        self, members: Sequence[Mapping[str, Any]], most: int
    ) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
        """The members to name, and the others: members that add next to nothing, and all after the first `most`."""
        worth = [member for member in members if abs(member["adds_to_change"]) > _NEGLIGIBLE * abs(self.change)]
        named = worth[:most] if len(worth) > most + 1 else worth
        return named, [member for member in members if member not in named]

    def _addition(self, segment: str, member: Mapping[str, Any]) -> str:
        return f"{self.member(segment, member['member'])} {self.added(member['adds_to_change'])}"

    def _member_text(self, segment: str, member: Mapping[str, Any]) -> str:
        text = self._addition(segment, member)
        by_share = member.get("of_this_by_its_share")
        if by_share is None or abs(by_share) < 0.1 * abs(member["adds_to_change"]):
            return text
        own = self.added(member["of_this_by_its_own_ratio"])
        share = self.added(by_share)
        return f"{text} ({self.language.t('{own} by its own value, {share} by its share', own=own, share=share)})"

    @property
    def name(self) -> str:
        value = self.answer["value"]
        return self.names.get(value.get("kpi_id", ""), str(value["name"]))

    def part_name(self, part: Mapping[str, Any]) -> str:
        """The name of the published KPI that is the part. If there is none, the metric's name as words."""
        of_metric = _PER_HUNDRED.get(part["metric"]) or part["metric"].replace("_", " ")
        words = self.names.get(part.get("kpi_id", "")) or self.language.t(of_metric)
        return words[:1].lower() + words[1:] if not words[:2].isupper() else words

    def segment_name(self, segment: str) -> str:
        return self.language.segment(segment)

    def member(self, segment: str, member: str) -> str:
        return self.language.t("unknown") if member == "_U" else member_words(segment, member, self.members)

    def value(self, value: float | None) -> str:
        return self.language.value(value, self.unit, self.currency, step=self.change or None)

    def _goal(self, target: float, target_to: float | None) -> str:
        ends = [self.value(end) for end in (target, target_to) if end is not None]
        return self.language.t("{lower} to {upper}", lower=ends[0], upper=ends[1]) if len(ends) > 1 else ends[0]

    def number(self, value: float, part: Mapping[str, Any]) -> str:
        """A part's value, whose unit isn't known: as exactly as its change needs it."""
        if part["metric"] in _PER_HUNDRED:
            value, part = value / 100, {when: part[when] / 100 for when in ("before", "after")}
        step = part["after"] - part["before"]
        is_whole = all(float(part[when]).is_integer() for when in ("before", "after"))
        return self.language.value(value, "count" if is_whole else "ratio", "", step=step or None)

    def size(self, difference: float, step: float | None = None) -> str:
        """The size of a difference, without its sign."""
        return signed(self.language, abs(difference), self.unit, self.currency, step or self.change).removeprefix("+")

    def added(self, value: float | None) -> str:
        return signed(self.language, value, self.unit, self.currency, self.change)


def signed(language: Language, value: float | None, unit: str, currency: str, change: float) -> str:
    """What is added, with its sign; of fractions in percentage points, as exactly as the whole change needs it.

    An addition of less than a thousandth of the change that has no digit to show is 0.
    """
    if value is None:
        return "–"
    if unit == "fraction":
        digits = 1 if abs(change) >= 0.01 else 2 if abs(change) >= 0.001 else 3
        points = round(value * 100, digits) + 0.0  # and not -0.0
        return f"{language.decimal(points, digits, sign=points != 0)}\N{NO-BREAK SPACE}{language.percentage_points}"
    if abs(value) < min(0.005, abs(change) / 1000):
        value = 0.0
    text = language.value(value, unit, currency, like=change)
    return f"+{text}" if value > 0 else text
