"""The questions about KPIs and their values, for assistants that quote the answers to people.

Every value comes with what a person needs to use it (status, unit, vintage, definition version) and with a sentence,
`quote`, that has all of it. Texts that people or data wrote have their control characters spelt out.
"""

from __future__ import annotations

from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.core.periods import parse
from publishing import reader
from publishing.answers import Answer
from publishing.answers.lookup import KPIS, freq_named, listed, member_named, named_kpi, newest_period, target_of_newest
from publishing.answers.quotes import no_value, unit_words, value_answer, vintage_answer
from publishing.answers.value_rows import VALUES, plain_rows
from publishing.language import language

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
_OF_MEMBER = "where o.kpi_id = ? and o.freq = ? and o.segment = ? and o.member = ?"
_LISTS = ("freqs", "segments", "feeds", "entities", "missing_entities")


def kpis(search: str = "", domain: str = "") -> Answer:
    """The KPIs whose id, name, description, domain, owner or objective has every word of `search`, with newest values.

    `domain` leaves out the others. Raises NyckeltalError for a domain that no KPI has.
    """
    with reader.opened() as connection:
        rows = plain_rows(connection, KPIS)
        newest = {row["kpi_id"]: value_answer(row)["quote"] for row in plain_rows(connection, _NEWEST)}
    domains = sorted({row["domain"] for row in rows})
    if domain and domain not in domains:
        problem = f"no KPI has that domain{did_you_mean(domain, domains)}"
        raise NyckeltalError(problem, field="domain", found=domain, expected=" or ".join(domains))
    columns = ("kpi_id", "name", "description", "domain", "owner", "objective", "objective_name")
    matching = []
    for row in rows:
        text = " ".join(str(row[name]) for name in columns).casefold()
        if domain in ("", row["domain"]) and all(word in text for word in search.casefold().split()):
            shown = {name: row[name] for name in (*columns[:5], "objective_name", "level", "status", "periods_held")}
            lists = {name: listed(row[name]) for name in ("freqs", "segments")}
            matching.append(shown | lists | {"newest": newest.get(row["kpi_id"])})
    return {"kpis": matching, "number_of_all_kpis": len(rows)}


def definition(kpi: str) -> Answer:
    """What the KPI means and who answers for it: the catalogue's row, and the objective that it serves.

    `target` is that of the newest period, `target_period`; `target_varies` says that single periods have their own.

    `kpi` is its id or name. Raises NyckeltalError for another text.
    """
    with reader.opened() as connection:
        row = named_kpi(connection, kpi)
        row |= target_of_newest(connection, row["kpi_id"])
    row["unit"] = unit_words(row)
    return {name: listed(value) if name in _LISTS else value for name, value in row.items() if value is not None}


def value(kpi: str, period: str = "", segment: str = "_T", member: str = "_T") -> Answer:
    """The newest published value for a period and member, with its earlier values; or why there is none.

    `period` is an SDMX code, empty for the newest period. Raises NyckeltalError for an unknown KPI, segment or member.
    """
    with reader.opened() as connection:
        entry = named_kpi(connection, kpi)
        segment, member = member_named(connection, entry, segment, member)
        code = parse(period).code if period else newest_period(connection, entry)
        if code is None:
            return no_value(connection, entry, None, segment, member, language("en"))
        freq = freq_named(entry, parse(code).freq)
        key = (entry["kpi_id"], freq, segment, member)
        rows = plain_rows(connection, f"{VALUES} {_OF_MEMBER} and o.time_period = ?", [*key, code])
        if not rows:
            return no_value(connection, entry, parse(code), segment, member, language("en"))
        vintages = plain_rows(connection, _VINTAGES, [entry["kpi_id"], freq, code, segment, member])
    return value_answer(rows[0]) | {"vintages": [vintage_answer(vintage) for vintage in vintages]}


def series(kpi: str, freq: str = "", segment: str = "_T", member: str = "_T", last: int = 12) -> Answer:
    """The newest `last` published values of a member, oldest first. Without `freq`: monthly, or what the KPI has.

    Raises NyckeltalError for an unknown KPI, frequency, segment or member.
    """
    with reader.opened() as connection:
        entry = named_kpi(connection, kpi)
        segment, member = member_named(connection, entry, segment, member)
        key = (entry["kpi_id"], freq_named(entry, freq), segment, member)
        query = f"from ({VALUES} {_OF_MEMBER} order by o.period_start desc limit ?) order by period_start"
        return {"values": [value_answer(row) for row in plain_rows(connection, query, [*key, last])]}


def off_target() -> Answer:
    """The KPIs whose newest total misses the target, those at risk too, and how many KPIs have each status."""
    with reader.opened() as connection:
        rows = plain_rows(connection, f"from ({_NEWEST}) where target_status in ('off target', 'at risk')")
        counts = connection.execute("select status, count(*) from kpi.scorecard group by all order by all").fetchall()
    return {"off_target": [value_answer(row) for row in rows], "number_of_kpis_by_status": dict(counts)}


def kpi_id(kpi: str) -> str:
    """The id of a KPI with that id or name. Raises NyckeltalError for another text."""
    with reader.opened() as connection:
        return str(named_kpi(connection, kpi)["kpi_id"])
