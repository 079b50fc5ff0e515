"""The catalogue's SQL, written by hand as an expert in DuckDB would do it: the best time to compare the engine with.

What can be added up: one scan by day, with the segments as grouping sets. Distinct users: each user once per run of
days within one week and one month, with the members of all segments as bits of one number; a period combines these
numbers and counts by equal bits. (Each user once per period and member, one segment after the other, took twice as
long; COUNT(DISTINCT) in grouping sets took six times as long.) Quantiles: all values are counted in bins, and only the
bins with a quantile's ranks are sorted. (Lists of all values, one combination after the other, took twice as long.)
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from benchmarks.facts import LAST_MONTH, SEGMENTS

UNITS = {"W": "week", "M": "month", "Q": "quarter", "A": "year"}
_SUMS = {
    "events": "count(*)",
    "amount": "sum(amount)",
    "quantity": "sum(quantity)",
    "returns": "count(*) filter (is_return)",
    "conversions": "count(*) filter (is_conversion)",
    "smallest": "min(amount)",
    "largest": "max(amount)",
    "slowest": "max(latency_ms)",
    "total_latency": "sum(latency_ms)",
    "active_days": "1",
    "returned_amount": "sum(amount) filter (is_return)",
    "converted_amount": "sum(amount) filter (is_conversion)",
    "converted_quantity": "sum(quantity) filter (is_conversion)",
}
_ROLL_UP = {"smallest": "min", "largest": "max", "slowest": "max"}
_RATIOS = {
    "conversion_rate": "conversions / events",
    "return_rate": "returns / events",
    "mean_amount": "amount / events",
    "mean_quantity": "quantity / events",
    "mean_latency": "total_latency / events",
    "price": "amount / quantity",
    "amount_per_user": "amount / nullif(users, 0)",
    "events_per_user": "events / nullif(users, 0)",
    "buyer_share": "buyers / nullif(users, 0)",
    "returner_share": "returners / nullif(users, 0)",
    "events_per_day": "events / active_days",
    "returned_share": "returned_amount / nullif(amount, 0)",
}
_COUNTED = ("users", "buyers", "returners")
_QUANTILES = {"latency_p50": 0.5, "latency_p95": 0.95}


def compute(connection: duckdb.DuckDBPyConnection, *, only_last_month: bool = False) -> None:
    """Makes the table `result`: a row with a value for each KPI, period and member.

    `only_last_month` computes the periods that the last month touches, from the rows that those need.
    """
    for statement in _statements(only_last_month):
        connection.execute(statement)


def _statements(only_last_month: bool) -> Iterator[str]:
    since = {freq: f"event_date >= date_trunc('{unit}', date '{LAST_MONTH}')" for freq, unit in UNITS.items()}
    if not only_last_month:
        since = dict.fromkeys(UNITS, "true")
    sets = ", ".join(["(event_date)", *(f"(event_date, {segment})" for segment in SEGMENTS)])
    columns = ", ".join(f"{sql} as {name}" for name, sql in _SUMS.items())
    yield f"""create temp table days as select event_date, {_cut()}, {columns}
        from fct_events where {since["A"]} group by grouping sets ({sets})"""
    added = ", ".join(f"{_ROLL_UP.get(name, 'sum')}({name}) as {name}" for name in _SUMS)
    parts = [
        f"""select '{freq}' as freq, date_trunc('{unit}', event_date)::date as period_start, segment, member, {added}
        from days where {since[freq]} group by all"""
        for freq, unit in UNITS.items()
    ]
    yield f"create temp table added as {' union all '.join(parts)}"
    yield "create temp table counted (freq text, period_start date, segment text, member text, users bigint," \
        " buyers bigint, returners bigint)"  # fmt: skip
    yield """create temp table members as select segment, member, 1::bigint << (number - 1)::int as bit
        from (select segment, member, row_number() over () as number from days group by all)"""
    yield "create temp table segments as select segment, bit_or(bit) as own from members group by all"
    bits = " | ".join(
        ["(select bit from members where segment = '_T')", *(f"of_{segment}.bit" for segment in SEGMENTS)]
    )
    joins = " ".join(
        f"""join members as of_{segment} on of_{segment}.segment = '{segment}'
            and of_{segment}.member = coalesce({segment}, '_U')"""
        for segment in SEGMENTS
    )
    yield f"""create temp table keys as
        select greatest(date_trunc('week', event_date), date_trunc('month', event_date)) as piece, user_id,
            bit_or({bits}) as u, bit_or({bits}) filter (is_conversion) as b, bit_or({bits}) filter (is_return) as r
        from fct_events {joins} where {since["A"]} or {since["W"]} group by all"""
    for freq, unit in UNITS.items():
        pieces = since[freq].replace("event_date", "piece")
        yield f"""insert into counted
            select '{freq}', p, segment, member, sum(n), sum(n) filter (b & bit <> 0), sum(n) filter (r & bit <> 0)
            from (select p, segment, u & own as u, b & own as b, r & own as r, count(user_id) as n
                  from (select date_trunc('{unit}', piece)::date as p, user_id, bit_or(u) as u, bit_or(b) as b,
                        bit_or(r) as r from keys where {pieces} group by all), segments
                  group by all)
            join members using (segment) where u & bit <> 0 group by all"""
    yield from _quantiles(since)
    added_up = (*_SUMS, *_COUNTED, *_QUANTILES)
    values = [f"{name}::double as {name}" for name in added_up]
    values += [f"({sql})::double as {name}" for name, sql in _RATIOS.items()]
    yield f"""create or replace table result as
        select kpi_id, freq, period_start, segment, member, value from (
            unpivot (
                select freq, period_start, segment, member, {", ".join(values)}
                from added join counted using (freq, period_start, segment, member)
                join quantiles using (freq, period_start, segment, member))
            on {", ".join((*added_up, *_RATIOS))} into name kpi_id value value)"""
    yield "drop table days; drop table added; drop table counted; drop table quantiles; drop table keys;" \
        " drop table members; drop table segments"  # fmt: skip


def _quantiles(since: dict[str, str]) -> Iterator[str]:
    """All latencies counted by run of days and bin; then only those sorted that are in the bin of a quantile's rank."""
    code = "latency_ms::bit::bigint >> 41"  # as the values are ordered, none being negative
    piece = "greatest(date_trunc('week', event_date), date_trunc('month', event_date))::date"
    needed = f"from fct_events where {since['A']} or {since['W']}"
    read = f"(select *, {code} as code, {piece} as piece {needed}) join codes using (code)"
    places = [
        " + ".join([f"floor(16 * {at})", *(f"floor(8 * ({at} - {q}) / (abs({at} - {q}) + 0.02))" for q in (0.5, 0.95))])
        for at in ("(upto - n) / total", "upto / total")
    ]
    yield f"""create temp table codes as select code, ({" + ".join(places)})::int as bin
        from (select {code} as code, count(*) as n, sum(count(*)) over (order by code) as upto,
              sum(count(*)) over () as total {needed} group by code)"""
    sets = ", ".join(["(piece, bin)", *(f"(piece, bin, {segment})" for segment in SEGMENTS)])
    yield f"""create temp table counts as select piece, bin, {_cut()}, count(*) as n
        from {read} group by grouping sets ({sets})"""
    periods = " union all ".join(
        f"select distinct '{freq}' as freq, date_trunc('{unit}', piece)::date as period_start, piece from counts"
        f" where {since[freq].replace('event_date', 'piece')}"
        for freq, unit in UNITS.items()
    )
    yield f"create temp table period_pieces as {periods}"
    ranks = ", ".join(f"{q}::double * (total - 1) as {name}" for name, q in _QUANTILES.items())
    held = " or ".join(f"below <= ceil({name}) and below + n > floor({name})" for name in _QUANTILES)
    cell = "freq, period_start, segment, member"
    yield f"""create temp table wanted as select *, piece from (
            select *, {ranks} from (
                select *, (sum(n) over (partition by {cell} order by bin))::bigint - n as below,
                    (sum(n) over (partition by {cell}))::bigint as total
                from (select {cell}, bin, sum(n)::bigint as n
                      from counts join period_pieces using (piece) group by all)))
        join period_pieces using (freq, period_start) where {held}"""
    yield "create temp table wanted_codes as select distinct piece, code, bin from wanted join codes using (bin)"
    at_ranks = [
        f"max(latency_ms) filter (rank = {side}({name})) as {name}_{side}"
        for name in _QUANTILES
        for side in ("floor", "ceil")
    ]
    values = ", ".join(
        f"{name}_floor * (1 - ({name} - floor({name}))) + {name}_ceil * ({name} - floor({name})) as {name}"
        for name in _QUANTILES
    )
    names = ", ".join(["'_T'", *(f"'{segment}'" for segment in SEGMENTS)])
    members = ", ".join(["'_T'", *(f"coalesce({segment}, '_U')" for segment in SEGMENTS)])
    ranks_of_cell = ", ".join(f"any_value({name}) as {name}" for name in _QUANTILES)
    yield f"""create temp table quantiles as select {cell}, {values} from (
            select {cell}, {ranks_of_cell}, {", ".join(at_ranks)} from (
                select *, below + row_number() over (partition by {cell}, bin order by latency_ms) - 1 as rank
                from (select piece, bin, latency_ms, unnest([{names}]) as segment, unnest([{members}]) as member
                      from (select *, {code} as code, {piece} as piece {needed})
                      join wanted_codes using (piece, code))
                join wanted using (piece, bin, segment, member))
            group by all)"""
    yield "drop table codes; drop table counts; drop table period_pieces; drop table wanted; drop table wanted_codes"


def _cut() -> str:
    names = " ".join(f"when grouping({segment}) = 0 then '{segment}'" for segment in SEGMENTS)
    members = " ".join(f"when grouping({segment}) = 0 then coalesce({segment}, '_U')" for segment in SEGMENTS)
    return f"case {names} else '_T' end as segment, case {members} else '_T' end as member"
