"""Why totals moved: the change, its parts and what else the published tables know of it; of one KPI, or of all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import duckdb

from metrics.core.errors import NyckeltalError
from metrics.core.periods import FREQ_NAMES, parse
from publishing import reader
from publishing.answers import Against, Answer
from publishing.answers.lookup import KPIS, entry_named, freq_named, listed, newest_period, newest_with_target
from publishing.answers.movement import gap_to_target, movement, since_when
from publishing.answers.quotes import immature, no_value, nothing, value_answer
from publishing.answers.reasons import Reasons
from publishing.answers.value_rows import ValueRows, plain_rows
from publishing.language import Language, language

_NEWEST = "select kpi_id, time_period from kpi.scorecard where time_period is not null"


def why_it_moved(kpi: str, period: str = "", compared_with: Against = "previous", lang: str = "en") -> Answer:
    """Explain a total's change since the period before, since a year before, or since it last reached its target.

    Both values, the members of each segment by what they add to the change, a ratio's parts, the published KPIs that
    are these parts, and facts of the data: revisions, a series break, warnings, incidents. Against the target, the gap
    to it and what it is made up of. `in_words` is in the language `lang`, and so is the KPI's name. Raises
    NyckeltalError as `value` does, and for a KPI without a target.
    """
    with reader.opened() as connection:
        entries = plain_rows(connection, KPIS)
        entry = entry_named(entries, kpi)
        if compared_with == "target" and not period:
            period = newest_with_target(connection, entry) or ""
        code = parse(period).code if period else newest_period(connection, entry)
        if code is None:
            return no_value(connection, entry, None, "_T", "_T", language(lang))
        freq_named(entry, parse(code).freq)
        answer = explained(ValueRows(connection), entries, entry, code, compared_with, language(lang))
        return answer or no_value(connection, entry, parse(code), "_T", "_T", language(lang))


def explained(
    published: ValueRows,
    entries: Sequence[Answer],
    entry: Answer,
    code: str,
    compared_with: Against,
    words: Language | None = None,
) -> Answer | None:
    """The answer of `why_it_moved` for a period of the KPI `entry`, one of the catalogue's rows `entries`.

    `words` is the language of its sentences, by default English. None where nothing is published for the period.
    Raises NyckeltalError where it has no target to be compared with.
    """
    kpi_id, later, words = entry["kpi_id"], parse(code), words or language("en")
    after = published.of_period(kpi_id, later.freq, code)
    if not after:
        return None
    total = _total(after)
    target = None
    earlier = later.shift(-1).code if compared_with == "previous" else f"{int(code[:4]) - 1}{code[4:]}"
    if compared_with == "target":
        if total["target"] is None:
            if entry["target"] is None:
                raise NyckeltalError(f"{entry['name']} has no target", expected="a KPI with a target")
            freq = FREQ_NAMES.get(entry["target_freq"], "another")
            problem = f"{entry['name']} has no target for {later.code}"
            raise NyckeltalError(problem, expected=f"a {freq} value, from the day on which a target was set")
        then = since_when(published.totals(kpi_id, later.freq), code)
        earlier = then["time_period"] if then else later.shift(-1).code
        target = gap_to_target(total, then) if total["obs_value"] is not None else None
    before = published.of_period(kpi_id, later.freq, earlier)
    answer: Answer = {
        "not_mature": immature(total),
        "value": value_answer(total),
        "incidents": published.incidents(kpi_id, later.start, later.end),
    }
    answer |= {"against_target": target} if target else {}
    if not before and later.freq == "W" and compared_with == "year_ago" and code.endswith("W53"):
        # most years have no week 53
        why = words.t("had no week 53 in {year}", year=earlier[:4])
        return answer | {"compared_with": nothing(entry["name"], None, why, words)}
    if not before:
        why = words.t("has no published value to compare with")
        return answer | {"compared_with": nothing(entry["name"], earlier, why, words)}
    answer |= {"compared_with": value_answer(_total(before))}
    answer |= movement(after, before, entry["formula"] or "", entry["expanded_formula"])
    for part in answer.get("parts_of_the_ratio", ()):
        part |= _published_part(published, entries, part, (later.freq, code, earlier))
    members: dict[str, dict[str, str]] = {"kpi_served": {row["kpi_id"]: row["name"] for row in entries}}
    if words.code != "en":
        members = reader.newest_catalog().in_language(words.code).member_names(words.code)
    in_words = Reasons(words, answer, entry["unit"], entry["currency"], members).sentences()
    return answer | {"in_words": in_words}


def of_newest(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[Against, Answer]]:
    """By kpi_id, the answers on the value that the scorecard shows: on the period before, and on its target."""
    return of_periods(connection, dict(connection.execute(_NEWEST).fetchall()), ("previous", "target"))


def of_periods(
    connection: duckdb.DuckDBPyConnection, codes: Mapping[str, str], compared_with: Collection[Against]
) -> dict[str, dict[Against, Answer]]:
    """As `of_newest`, for the period in `codes` of each KPI there.

    Without those for which nothing is published, and on its target only where it has a value and a target.
    """
    published = ValueRows(connection)
    published.load_totals()
    entries = plain_rows(connection, KPIS)
    by_id = {entry["kpi_id"]: entry for entry in entries}
    wanted: list[tuple[str, str, Against]] = []
    keys = []
    for kpi_id, code in codes.items():
        period = parse(code)
        totals = published.totals(kpi_id, period.freq)
        total = next((row for row in totals if row["time_period"] == code), None)
        has_target = total is not None and None not in (total["obs_value"], total["target"])
        then = since_when(totals, code) if has_target else None
        earlier = {period.shift(-1).code, f"{int(code[:4]) - 1}{code[4:]}", then["time_period"] if then else code}
        keys += [(kpi_id, period.freq, needed) for needed in {code, *earlier}]
        wanted += [(kpi_id, code, against) for against in compared_with if against != "target" or has_target]
    published.load(keys)
    answers: dict[str, dict[Against, Answer]] = defaultdict(dict)
    for kpi_id, code, against in wanted:
        answer = explained(published, entries, by_id[kpi_id], code, against)
        if answer is not None:
            answers[kpi_id][against] = answer
    return dict(answers)


def _published_part(
    published: ValueRows, entries: Sequence[Answer], part: Answer, periods: tuple[str, str, str]
) -> Answer:
    """The published KPI that is this part of a ratio, and what its members add to the ratio's change through it.

    `periods` are the frequency, the period and the earlier one. Empty where no KPI has the part's values in both.
    """
    freq, code, earlier = periods
    entry = next((row for row in entries if row["metric"] == part["metric"] and freq in listed(row["freqs"])), None)
    if entry is None:
        return {}
    after, before = (published.of_period(entry["kpi_id"], freq, period) for period in (code, earlier))
    if (
        not after
        or not before
        or (_total(after)["obs_value"], _total(before)["obs_value"])
        != (
            part["after"],
            part["before"],
        )
    ):
        return {}
    whole, change = part.get("adds_to_change"), part["after"] - part["before"]
    segments = movement(after, before)["segments"] if whole is not None and change else []
    return {
        "kpi_id": entry["kpi_id"],
        "name": entry["name"],
        "segments": [
            {
                "segment": segment["segment"],
                "members": [
                    member | {"adds_to_change": member["adds_to_change"] / change * whole}
                    for member in segment["members"]
                ],
            }
            for segment in segments
            if segment["note"] is None
        ],
    }


def _total(period_rows: Sequence[Answer]) -> Answer:
    return next(row for row in period_rows if row["segment"] == "_T")
