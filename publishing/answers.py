"""Answers to questions about published KPIs, read from the published file: for assistants that quote them to people.

Every value comes with what a person needs to use it (status, unit, vintage, definition version) and with a sentence,
`quote`, that has all of it. Texts that people or data wrote have their control characters spelt out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import duckdb

from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.core.periods import FREQ_NAMES, Period, parse
from metrics.core.segments import canonical, member_words, words
from metrics.core.text import visible, with_currency
from publishing import reader
from publishing.movement import gap_to_target, movement, since_when
from publishing.site.language import language
from publishing.site.reasons import Reasons
from publishing.statuses import REVISIONS, STATUSES
from publishing.value_rows import VALUES, ValueRows, plain_rows, plain_value

Answer = dict[str, Any]
Against = Literal["previous", "year_ago", "target"]

_NEWEST = f"""
select n.* from ({VALUES}) n
join kpi.scorecard s using (kpi_id, freq, time_period)
where n.segment = '_T' order by n.kpi_id
"""
_VINTAGES = """
select realtime_start, sequence, obs_value, revised_from, obs_status, definition_version, revision_type, revision_reason
from kpi.vintages
where kpi_id = ? and freq = ? and time_period = ? and segment = ? and member = ?
order by sequence
"""
KPIS = """
select c.*, b.name as objective_name, b.perspective, s.status, s.held as periods_held
from kpi.catalog c
join kpi.scorecard s using (kpi_id)
left join kpi.objectives b on b.objective = c.objective
order by c.domain, c.kpi_id
"""
_OF_MEMBER = "where o.kpi_id = ? and o.freq = ? and o.segment = ? and o.member = ?"
_LISTS = ("freqs", "segments", "feeds", "entities", "missing_entities")
_UNITS = {"fraction": "fraction: 0.05 is 5 %", "count": "number"}


def kpis(search: str = "", domain: str = "") -> Answer:
    """The KPIs whose id, name, description, domain, owner or objective has every word of `search`, with newest values.

    `domain` leaves out the others. Raises NyckeltalError for a domain that no KPI has.
    """
    with reader.opened() as connection:
        rows = plain_rows(connection, KPIS)
        newest = {row["kpi_id"]: _value(row)["quote"] for row in plain_rows(connection, _NEWEST)}
    domains = sorted({row["domain"] for row in rows})
    if domain and domain not in domains:
        problem = f"no KPI has that domain{did_you_mean(domain, domains)}"
        raise NyckeltalError(problem, field="domain", found=domain, expected=" or ".join(domains))
    columns = ("kpi_id", "name", "description", "domain", "owner", "objective", "objective_name")
    found = []
    for row in rows:
        text = " ".join(str(row[name]) for name in columns).casefold()
        if domain in ("", row["domain"]) and all(word in text for word in search.casefold().split()):
            shown = {name: row[name] for name in (*columns[:5], "objective_name", "level", "status", "periods_held")}
            lists = {name: _split(row[name]) for name in ("freqs", "segments")}
            found.append(shown | lists | {"newest": newest.get(row["kpi_id"])})
    return {"kpis": found, "number_of_all_kpis": len(rows)}


def definition(kpi: str) -> Answer:
    """What the KPI means and who answers for it: the catalogue's row, and the objective that it serves.

    `kpi` is its id or name. Raises NyckeltalError for another text.
    """
    with reader.opened() as connection:
        row = _kpi(connection, kpi)
    row["unit"] = _unit(row)
    return {name: _split(value) if name in _LISTS else value for name, value in row.items() if value is not None}


def value(kpi: str, period: str = "", segment: str = "_T", member: str = "_T") -> Answer:
    """The newest published value for a period and member, with its earlier values; or why there is none.

    `period` is an SDMX code, empty for the newest period. Raises NyckeltalError for an unknown KPI, segment or member.
    """
    with reader.opened() as connection:
        entry = _kpi(connection, kpi)
        segment, member = _member(connection, entry, segment, member)
        code = parse(period).code if period else _newest_period(connection, entry)
        if code is None:
            return _no_value(connection, entry, None, segment, member)
        freq = _freq(entry, parse(code).freq)
        key = (entry["kpi_id"], freq, segment, member)
        rows = plain_rows(connection, f"{VALUES} {_OF_MEMBER} and o.time_period = ?", [*key, code])
        if not rows:
            return _no_value(connection, entry, parse(code), segment, member)
        vintages = plain_rows(connection, _VINTAGES, [entry["kpi_id"], freq, code, segment, member])
    return _value(rows[0]) | {"vintages": [_vintage(vintage) for vintage in vintages]}


def series(kpi: str, freq: str = "", segment: str = "_T", member: str = "_T", last: int = 12) -> Answer:
    """The newest `last` published values of a member, oldest first. Without `freq`: monthly, or what the KPI has.

    Raises NyckeltalError for an unknown KPI, frequency, segment or member.
    """
    with reader.opened() as connection:
        entry = _kpi(connection, kpi)
        segment, member = _member(connection, entry, segment, member)
        key = (entry["kpi_id"], _freq(entry, freq), segment, member)
        query = f"from ({VALUES} {_OF_MEMBER} order by o.period_start desc limit ?) order by period_start"
        return {"values": [_value(row) for row in plain_rows(connection, query, [*key, last])]}


def off_target() -> Answer:
    """The KPIs whose newest total misses the target, those at risk too, and how many KPIs have each status."""
    with reader.opened() as connection:
        rows = plain_rows(connection, f"from ({_NEWEST}) where target_status in ('off target', 'at risk')")
        counts = connection.execute("select status, count(*) from kpi.scorecard group by all order by all").fetchall()
    return {"off_target": [_value(row) for row in rows], "number_of_kpis_by_status": dict(counts)}


def why_it_moved(kpi: str, period: str = "", compared_with: Against = "previous") -> Answer:
    """What the published tables tell of a total's change on the period before, a year before, or since its target.

    Both values, the members of each segment by what they add to the change, a ratio's parts, the published KPIs that
    are these parts, and facts of the data: revisions, a series break, warnings, incidents. Against the target, the gap
    to it and what it is made up of. Raises NyckeltalError as `value` does, and for a KPI without a target.
    """
    with reader.opened() as connection:
        entries = plain_rows(connection, KPIS)
        entry = _found(entries, kpi)
        if compared_with == "target" and not period:
            period = _newest_with_target(connection, entry) or ""
        code = parse(period).code if period else _newest_period(connection, entry)
        if code is None:
            return _no_value(connection, entry, None, "_T", "_T")
        _freq(entry, parse(code).freq)
        answer = explained(ValueRows(connection), entries, entry, code, compared_with)
        return answer or _no_value(connection, entry, parse(code), "_T", "_T")


def explained(
    published: ValueRows, entries: Sequence[Answer], entry: Answer, code: str, compared_with: Against
) -> Answer | None:
    """The answer of `why_it_moved` for a period of the KPI `entry`, one of the catalogue's rows `entries`.

    None where nothing is published for the period. Raises NyckeltalError where it has no target to be compared with.
    """
    kpi_id, later = entry["kpi_id"], parse(code)
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
        "not_mature": _immature(total),
        "value": _value(total),
        "incidents": published.incidents(kpi_id, later.start, later.end),
    }
    answer |= {"against_target": target} if target else {}
    if not before and later.freq == "W" and compared_with == "year_ago" and code.endswith("W53"):
        # most years have no week 53
        return answer | {"compared_with": _nothing(entry["name"], None, f"had no week 53 in {earlier[:4]}")}
    if not before:
        return answer | {"compared_with": _nothing(entry["name"], earlier, "has no published value to compare with")}
    answer |= {"compared_with": _value(_total(before))}
    answer |= movement(after, before, entry["formula"] or "", entry["expanded_formula"])
    for part in answer.get("parts_of_the_ratio", ()):
        part |= _published_part(published, entries, part, (later.freq, code, earlier))
    members = {"kpi_served": {row["kpi_id"]: row["name"] for row in entries}}
    in_words = Reasons(language("en"), answer, entry["unit"], entry["currency"], members).sentences()
    return answer | {"in_words": in_words}


def _published_part(
    published: ValueRows, entries: Sequence[Answer], part: Answer, periods: tuple[str, str, str]
) -> Answer:
    """The published KPI that is this part of a ratio, and what its members add to the ratio's change through it.

    `periods` are the frequency, the period and the earlier one. Empty where no KPI has the part's values in both.
    """
    freq, code, earlier = periods
    entry = next((row for row in entries if row["metric"] == part["metric"] and freq in _split(row["freqs"])), None)
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


def kpi_id(kpi: str) -> str:
    """The id of a KPI with that id or name. Raises NyckeltalError for another text."""
    with reader.opened() as connection:
        return str(_kpi(connection, kpi)["kpi_id"])


def plain(answer: Mapping[str, Any]) -> Answer:
    """The answer with plain values, in lists too: control characters spelt out, days and moments as ISO texts."""
    return {
        name: plain(value)
        if isinstance(value, dict)
        else [plain(entry) if isinstance(entry, dict) else plain_value(entry) for entry in value]
        if isinstance(value, list)
        else plain_value(value)
        for name, value in answer.items()
    }


def _immature(row: Mapping[str, Any]) -> str | None:
    """For a cohort whose later events still count, until when they do; None for other values. `row` is of _VALUES."""
    if row["matures_after"] is None or not row["provisional"]:
        return None
    period = language("en").period(row["time_period"])
    return f"Later events still count for {period}, until {row['provisional_until']}: its value will change."


def _split(text: str) -> list[str]:
    return text.split(", ") if text else []


def _kpi(connection: duckdb.DuckDBPyConnection, kpi: str) -> Answer:
    """The catalogue's row of a KPI with that id or name. Raises NyckeltalError, with the most similar id, for none."""
    return _found(plain_rows(connection, KPIS), kpi)


def _found(entries: Sequence[Answer], kpi: str) -> Answer:
    """The row of `entries` with that id or name. Raises NyckeltalError, with the most similar id, for none."""
    for row in sorted(entries, key=lambda row: row["kpi_id"] != kpi.strip()):  # an id counts before another's name
        if kpi.strip().casefold() in (row["kpi_id"], row["name"].casefold()):
            return row
    known = [row["kpi_id"] for row in entries]
    raise NyckeltalError(f"no KPI '{visible(kpi)}' is adopted{did_you_mean(kpi, known)}", expected=", ".join(known))


def _freq(entry: Mapping[str, Any], freq: str) -> str:
    """The frequency, by default the KPI's main one. Raises NyckeltalError if the KPI isn't published at it."""
    freqs = _split(entry["freqs"])
    chosen = freq or next(name for name in ("M", "Q", "A", "W") if name in freqs)
    if chosen not in freqs:
        problem = f"{entry['kpi_id']} is not published {FREQ_NAMES.get(chosen, 'at this frequency')}"
        raise NyckeltalError(problem, field="freq", found=chosen, expected=" or ".join(freqs))
    return chosen


def _member(
    connection: duckdb.DuckDBPyConnection, entry: Mapping[str, Any], segment: str, member: str
) -> tuple[str, str]:
    """The segment and member as the tables have them. Raises NyckeltalError if nothing is published for them."""
    segments, segment = _split(entry["segments"]), canonical(segment)
    if segment in ("", "_T"):
        return "_T", "_T"
    if segment not in segments:
        problem = f"{entry['kpi_id']} is not cut by that segment{did_you_mean(segment, segments)}"
        raise NyckeltalError(problem, field="segment", found=segment, expected=" or ".join(segments) or "none")
    query = "select distinct member from kpi.observations where kpi_id = ? and segment = ? order by all"
    known = [name for (name,) in connection.execute(query, [entry["kpi_id"], segment]).fetchall()]
    for name in sorted(known, key=lambda name: name != member):  # members may differ in case only
        if member.casefold() in (name.casefold(), visible(name).casefold()):
            return segment, name
    problem = f"no such member of {segment}{did_you_mean(member, known)}"
    shown = ", ".join(visible(name) for name in known[:50])
    raise NyckeltalError(problem, field="member", found=member, expected=shown)


def _newest_period(connection: duckdb.DuckDBPyConnection, entry: Mapping[str, Any]) -> str | None:
    """The newest period of the KPI on the scorecard; None where nothing is published."""
    query = "select time_period from kpi.scorecard where kpi_id = ?"
    row = connection.execute(query, [entry["kpi_id"]]).fetchone()
    return row[0] if row else None


def _newest_with_target(connection: duckdb.DuckDBPyConnection, entry: Mapping[str, Any]) -> str | None:
    """The newest period of the KPI that has a value and a target; None where there is none."""
    query = """select time_period from kpi.observations
               where kpi_id = ? and segment = '_T' and target is not null and obs_value is not null
               order by freq <> (select freq from kpi.scorecard where kpi_id = ?), period_start desc limit 1"""
    row = connection.execute(query, [entry["kpi_id"], entry["kpi_id"]]).fetchone()
    return row[0] if row else None


def _unit(row: Mapping[str, Any]) -> str:
    return _UNITS.get(row["unit"]) or with_currency(row["unit"], row["currency"])


def _value(row: Mapping[str, Any]) -> Answer:
    """A value with all that must be said with it. `row` is of _VALUES."""
    facts = {
        "kpi_id": row["kpi_id"],
        "name": row["name"],
        "period": row["time_period"],
        "segment": row["segment"],
        "member": row["member"],
        "value": row["obs_value"],
        "unit": _unit(row),
        "status": row["status"],
        "provisional_until": row["provisional_until"],
        "target": row["target"],
        "target_status": row["target_status"],
        "target_attained": row["target_attained"],
        "changes_are": row["change_kind"],
        "change_on_period_before": row["change_previous"],
        "change_on_a_year_ago": row["change_year_ago"],
        "number_of_observations": row["n_obs"],
        "vintage": {"published_on": row["realtime_start"], "release": row["sequence"]},
        "definition_version": row["definition_version"],
        "held": row["finding"] if row["held"] and row["decision"] != "reject" else None,
        "warning": row["finding"] if row["verdict"] == "publish_flagged" and not row["acknowledged"] else None,
    }
    return facts | {"quote": _quote(facts, row)}


def _quote(facts: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """The value in a sentence with its status, vintage and definition version."""

    def written(number: float | None) -> str:
        return language("en").value(number, row["unit"], row["currency"])

    cut = f"{words(row['segment'])} {member_words(row['segment'], row['member'])}"
    subject = row["name"] if row["segment"] == "_T" else f"{row['name']} ({cut})"
    status = facts["status"]
    shown = status if facts["value"] is None else written(facts["value"])
    remarks = [] if status == "normal" or facts["value"] is None else [status]
    if facts["provisional_until"]:
        remarks = [remark for remark in remarks if remark != "provisional"]
        remarks.append(f"provisional until {facts['provisional_until']}")
    if facts["target_attained"] is not None:
        remarks.append(
            f"{'reaches' if facts['target_attained'] else 'misses'} the target of {written(facts['target'])}"
            f"{' and is at risk' if facts['target_status'] == 'at risk' else ''}"
        )
    if facts["held"]:
        remarks.append("a newer value is held until someone decides")
    if facts["warning"]:
        remarks.append("published with a warning")
    remarks.append(f"published {row['realtime_start']} in release {row['sequence']}")
    remarks.append(f"definition version {row['definition_version']}")
    return f"{subject}, {language('en').period(row['time_period'])}: {shown} ({'; '.join(remarks)})"


def _vintage(row: Mapping[str, Any]) -> Answer:
    """A value as one release published it."""
    return {
        "published_on": row["realtime_start"],
        "release": row["sequence"],
        "value": row["obs_value"],
        "revised_from": row["revised_from"],
        "status": STATUSES[row["obs_status"]],
        "definition_version": row["definition_version"],
        "revised_by": REVISIONS.get(row["revision_type"] or ""),
        "reason": row["revision_reason"],
    }


def _no_value(
    connection: duckdb.DuckDBPyConnection, entry: Mapping[str, Any], period: Period | None, segment: str, member: str
) -> Answer:
    """Why a KPI has no published value: as far as the tables tell."""
    name, code = entry["name"], period.code if period else None
    if not entry["supplied"]:
        return _nothing(name, code, f"has no data: the company doesn't supply {entry['missing_entities']}")
    if period is None:
        held = "select count(*) from kpi.verdicts where kpi_id = ? and held"
        (count,) = connection.execute(held, [entry["kpi_id"]]).fetchone() or (0,)
        return _nothing(name, code, f"has no published value; {count} of its periods are held")
    query = "select reason from kpi.verdicts where held and kpi_id = ? and freq = ? and time_period = ?"
    reasons = plain_rows(connection, query, [entry["kpi_id"], period.freq, period.code])
    first, last = entry["observable_from"], entry["observable_to"]
    if reasons:
        why = f"is held until someone decides: {reasons[0]['reason']}"
    elif first and period.start.isoformat() < first:
        why = f"lies before its feeds' data, which begin on {first}"
    elif last and period.end.isoformat() > last:
        why = f"lies after its feeds' data, which end on {last}"
    elif segment != "_T":
        why = f"has no published value for {segment} {visible(member)}"
    else:
        why = "isn't published: it may not have ended, or was not judged yet"
    return _nothing(name, code, why)


def _nothing(name: str, period: str | None, why: str) -> Answer:
    subject = f"{name}, {language('en').period(period)}," if period else name
    return {"name": name, "period": period, "value": None, "status": "not published", "quote": f"{subject} {why}."}
