"""The catalogue as somebody would write it by hand for DuckDB who knows it well: the limit to measure against.

One scan by day for what can be added up, with the segments as grouping sets. Distinct users: each once per period and
member, then counted, one period length and segment after the other (COUNT(DISTINCT) in grouping sets took three times
as long and twice the memory). Quantiles of one column together. Everything ends in one table per shape.
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
_QUANTILES = ("latency_p50", "latency_p95")


def compute(connection: duckdb.DuckDBPyConnection, *, only_last_month: bool = False) -> None:
    """Makes the table `hand`: freq, period_start, segment, member, and a column per KPI.

    `only_last_month` computes the periods that the last month touches, from the rows that those need.
    """
    for statement in _statements(only_last_month):
        connection.execute(statement)


def kpis() -> tuple[str, ...]:
    """The columns of `hand` that are KPIs."""
    return (*_SUMS, *_COUNTED, *_QUANTILES, *_RATIOS)


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
    yield "create temp table quantiles (freq text, period_start date, segment text, member text, q double[])"
    for freq, unit in UNITS.items():
        for segment, column in {"_T": "'_T'", **{name: name for name in SEGMENTS}}.items():
            period = f"date_trunc('{unit}', event_date)::date"
            yield f"""insert into counted select '{freq}', p, '{segment}', coalesce(m, '_U'), count(user_id),
                case when bool_or(c) then count(user_id) filter (c) end,
                case when bool_or(r) then count(user_id) filter (r) end
                from (select {period} as p, {column} as m, user_id, bool_or(is_conversion) as c, bool_or(is_return) as r
                      from fct_events where {since[freq]} group by all) group by p, m"""
            yield f"""insert into quantiles select '{freq}', {period} as p, '{segment}', coalesce({column}, '_U') as m,
                quantile_cont(latency_ms, [0.5, 0.95]) from fct_events where {since[freq]} group by p, m"""
    ratios = ", ".join(f"({sql})::double as {name}" for name, sql in _RATIOS.items())
    yield f"""create or replace table hand as
        select *, q[1] as latency_p50, q[2] as latency_p95, {ratios}
        from added join counted using (freq, period_start, segment, member)
        join quantiles using (freq, period_start, segment, member)"""
    yield "drop table days; drop table added; drop table counted; drop table quantiles"


def _cut() -> str:
    names = " ".join(f"when grouping({segment}) = 0 then '{segment}'" for segment in SEGMENTS)
    members = " ".join(f"when grouping({segment}) = 0 then coalesce({segment}, '_U')" for segment in SEGMENTS)
    return f"case {names} else '_T' end as segment, case {members} else '_T' end as member"
