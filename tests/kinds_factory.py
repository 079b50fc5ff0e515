"""The project of `engine_kinds/`: its tables, dense rows for them, and what comes of each of its metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import duckdb

from metrics.compiler.semantic_layer import GRAINS, SemanticLayer
from metrics.compiler.support import unsupported
from metrics.core.periods import FREQS

PROJECT = Path(__file__).parent / "engine_kinds"
TODAY = date(2021, 1, 10)
# A leap day, the 53rd week of 2020, and days after today.
FIRST, LAST = date(2019, 11, 1), date(2021, 2, 20)

_TABLES = f"""
create table dim_dates as select day::date as date_day, date_trunc('month', day - interval 9 day)::date as fiscal_month
    from generate_series(date '2019-01-01', date '2021-12-31', interval 1 day) as days (day);
create table dim_hours as select hour_start
    from generate_series(timestamp '2019-01-01', timestamp '2021-12-31 23:00', interval 1 hour) as hours (hour_start);
create table dim_regions as select * from (values (1, 'north'), (2, 'south')) as rows (region_id, continent);
create table dim_customers as
    select n as customer_id, n % 3 as region_id, ['gold', 'basic'][1 + n % 2] as tier,
        ['young', 'old', null][1 + n % 3] as age_group, date '2019-01-01' + n::integer as joined_date
    from range(1, 7) as numbers (n);
create table dim_customer_plans as
    select customer_id, ['free', 'full'][1 + part] as plan_name,
        [date '2019-01-01', date '2020-06-15'][1 + part] as valid_from, [date '2020-06-15', null][1 + part] as valid_to
    from dim_customers, range(2) as parts (part);
create table days as select day::date as day, n
    from generate_series(date '{FIRST}', date '{LAST}', interval 1 day) as days (day), range(6) as numbers (n);
create table fct_orders as
    select row_number() over (order by day, n) as order_id, nullif(1 + (n * 7 + day(day)) % 6, 3) as customer_id,
        ['a', 'b'][1 + n % 2] as country, (n + day(day)) % 3 = 0 as is_web, day as order_date,
        if(n = 5, null, day + n::integer) as paid_date,
        ((hash(day, n) % 10000)::integer / 100)::decimal(9, 2) as amount
    from days;
create table fct_signups as
    select row_number() over (order by day, n) as signup_id, 1 + (n + day(day)) % 6 as customer_id,
        ['a', 'b'][1 + (n + month(day)) % 2] as country, day as signup_date
    from days where n < 2;
create table fct_clicks as
    select row_number() over (order by day, n) as click_id, 1 + n as customer_id,
        day + interval (hash(n, day) % 24) hour as clicked_at
    from days where n % 3 < 2;
create table fct_budgets as
    select row_number() over (order by day, n) as budget_id, ['a', 'b'][1 + n] as country, day as budget_month,
        100 * month(day) + n as amount
    from days where day(day) = 1 and n < 2;
create table fct_targets as
    select row_number() over (order by day, n) as target_id, ['a', 'b'][1 + n] as country, day as target_week,
        10 * week(day) + n as amount
    from days where isodow(day) = 1 and n < 2;
create table fct_openings as
    select row_number() over () as opening_id, n as customer_id, freq as period_freq,
        ['a', 'b'][1 + n % 2] as country, day as opening_date, hash(n, freq, day) % 5 = 0 as is_lost
    from days, (values ('M'), ('Q'), ('A')) as freqs (freq)
    where (freq = 'M' and day(day) = 1 or freq = 'Q' and day = date_trunc('quarter', day)
        or freq = 'A' and day = date_trunc('year', day)) and hash(day, n, freq) % 4 > 0;
create table fct_balances as
    select row_number() over (order by day, n) as balance_id, 1 + n as customer_id, ['a', 'b'][1 + n % 2] as country,
        day as balance_date, day + 1 as booked_date, (hash(n, day) % 1000)::integer as amount
    from days where (day(day) + n) % 4 > 0;
"""


# How values may differ from MetricFlow's: shown in docs/reference/metric_kinds.md.
Difference = Literal["none", "open", "empty", "mean", "days", "itself"]
DIFFERENCES: dict[Difference, str] = {
    "none": "equal",
    "open": "equal in closed periods; in an open one the window ends at the newest row up to today,"
    " and an empty window has no value",
    "empty": "equal where there are rows; a period or member without rows has none, where MetricFlow has 0",
    "days": "equal at M; at Q the whole quarter before, of which MetricFlow leaves out 30 November, as no day of"
    " February is three months after it",
    "itself": "the filtered part of the whole; MetricFlow divides it by itself, as both have one name, and gives 1",
    "mean": "the mean of the earlier period's days, where MetricFlow takes each day of this period a month earlier",
}


@dataclass(frozen=True)
class Kind:
    """A kind of metric: the metrics of it, their segments, the frequencies at which they compile, and the difference.

    A kind that compiles at no frequency is refused.
    """

    name: str
    metrics: tuple[str, ...]
    segments: tuple[str, ...] = ()
    freqs: tuple[str, ...] = FREQS
    differs: Difference = "none"


OF_OPENINGS = ("opening_customers", "lost_customers", "churn_rate")  # of the rows of a frequency
_M, _W = ("M", "Q", "A"), ("W",)
KINDS = (
    Kind("count, sum, sum of a boolean, minimum, maximum, average", ("orders", "spent", "web_orders", "smallest",
         "largest", "mean_amount"), ("order__country", "customer")),
    Kind("distinct count", ("buyers",), ("order__country", "customer__tier")),
    Kind("median, percentile, discrete percentile", ("median_amount", "high_amount", "high_discrete"),
         ("order__country",)),
    Kind("approximate percentile", ("high_approximate",), (), ()),
    Kind("by another day of the same rows", ("paid",), ("order__country",)),
    Kind("filter by a dimension, by a joined one, by an entity, by days", ("web_spent", "gold_spent", "known_spent",
         "spent_since_march"), ("order__country",)),
    Kind("filter by another metric of an entity", ("frequent_spent", "clickers_spent", "frequent_amount_per_order"),
         ("order__country",)),
    Kind("segments by one join, several of one table", ("spent", "median_amount"),
         ("customer__tier", "customer__age_group")),
    Kind("segment by two joins", ("spent", "buyers"), ("customer__region__continent", "order__country")),
    Kind("segment by a join with a time of validity", ("spent",), ("customer__plan_name",)),
    Kind("ratio, derived and nested", ("amount_per_order", "fees", "fees_per_buyer"), ("order__country",)),
    Kind("filter on an input, or on a ratio or derived metric", ("web_share", "gold_mean_share", "web_amount_per_order",
         "twice_mail_orders", "gold_rate", "web_gold_rate", "regional_balances"), ()),
    Kind("ratio of a metric, filtered, to itself without an alias", ("loyal_share",), (), FREQS, "itself"),
    Kind("two facts", ("budget_used",), (), _M),
    Kind("fill_nulls_with: 0, join_to_timespine", ("filled_spent", "spined_spent", "filled_spined_orders",
         "signups_and_orders", "twice_filled", "orders_by_signup"), (), FREQS, "empty"),
    Kind("fill_nulls_with of an average", ("filled_mean",), (), ()),
    Kind("offset of whole periods", ("spent_year_ago", "growth_year", "web_spent_year_ago"), ("order__country",), _M),
    Kind("offset of whole months", ("growth_month", "filled_change"), ("order__country",), ("M",), "empty"),
    Kind("offset of a quarter, in months", ("spent_3_months_ago",), (), ("M", "Q"), "days"),
    Kind("offset of whole weeks", ("growth_2_weeks", "fees_last_week_per_buyer", "orders_1_week_ago"),
         ("order__country",), _W),
    Kind("offset that isn't of whole periods", ("orders_5_days_ago",), (), ()),
    Kind("offset of an offset", ("orders_offset_twice",), (), _W),
    Kind("offset of an offset, of months", ("change_of_growth",), (), ("M",)),
    Kind("offset in months of one in weeks", ("month_of_week_ago",), (), ()),
    Kind("filter by days, with an offset or a window", ("since_march_month_ago", "since_july_month_ago",
         "since_march_so_far", "since_july_2_months"), (), ()),
    Kind("filter by another day, with an offset", ("paid_since_july_month_ago",), (), ("M",)),
    Kind("filter by days of a conversion", ("since_july_rate",), (), FREQS),
    Kind("offset of a custom granularity", ("orders_fiscal_month_ago",), (), ()),
    Kind("offset_to_grain", ("orders_at_start_of_month",), (), ()),
    Kind("cumulative: all, a window, to date, over derived", ("spent_so_far", "spent_2_months", "spent_month_to_date",
         "less_10", "spent_2_months_mean", "buyers_2_days"), ("order__country",), FREQS, "open"),
    Kind("cumulative with a filter, or filled", ("gold_2_months", "filled_2_days"), (), FREQS, "open"),
    Kind("offset of a cumulative metric", ("spent_7_days_week_ago",), (), _W, "open"),
    Kind("offset of an averaged cumulative metric", ("mean_month_ago",), (), ("M",), "mean"),
    Kind("facts by month", ("budget", "budget_countries", "budget_level"), ("budget__country",), _M),
    Kind("facts by month, a month earlier", ("budget_last_month",), ("budget__country",), ("M",)),
    Kind("facts by month, cumulative", ("budget_3_months",), ("budget__country",), _M, "open"),
    Kind("facts by month, cumulative in days or a mean", ("budget_28_days", "budget_3_months_mean"), (), ()),
    Kind("facts by week", ("target_amount",), ("target__country",), _W),
    Kind("facts by the hour", ("clicks",), ("customer",)),
    Kind("facts by the hour, cumulative", ("clicks_of_hour", "clicks_24_hours", "clicks_7_days"), (), ()),
    Kind("facts by the hour, the last of a period", ("last_hour_clicks",), (), ()),
    Kind("last or first day of a period", ("closing_balance", "opening_balance"), ("balance__country",)),
    Kind("last or first day of each entity", ("balance_by_customer", "first_balance_by_customer"),
         ("balance__country",)),
    Kind("last day of another time dimension", ("balance_by_booking",), (), ()),
    Kind("facts by period, a row for each frequency (freq_dimension)", ("opening_customers", "lost_customers",
         "churn_rate"), ("opening__country",), _M),
    Kind("conversion", ("order_rate", "order_rate_7_days", "orders_of_signups", "order_rate_same_country",
         "filled_order_rate"), ("signup__country",), FREQS, "empty"),
    Kind("conversion with a filter", ("order_rate_of_a",)),
    Kind("conversion of facts by the hour", ("click_rate",), (), ()),
)  # fmt: skip


def connect() -> duckdb.DuckDBPyConnection:
    """The tables with their rows."""
    connection = duckdb.connect()
    connection.execute(_TABLES)
    return connection


Values = dict[tuple[Any, ...], float]


def metricflow_values(
    connection: duckdb.DuckDBPyConnection,
    layer: SemanticLayer,
    metric: str,
    freqs: Sequence[str],
    segments: Sequence[str],
) -> Values:
    """MetricFlow's values by freq, period_start, segment and member."""
    values: Values = {}
    where = "{{{{ Dimension('opening__period_freq') }}}} = '{}'" if metric in OF_OPENINGS else None
    for freq in freqs:
        for segment in ("_T", *segments):
            cut = [] if segment == "_T" else [segment]
            time = f"metric_time__{GRAINS[freq]}"
            conditions = [where.format(freq)] if where else []
            sql = layer.query_sql([metric], [time, *cut], conditions).replace('"memory"."main".', "")
            member = f"coalesce({segment}::varchar, '_U')" if cut else "'_T'"
            rows = connection.sql(f"select {time}::date, {member}, {metric}::double from ({sql})").fetchall()
            values |= {
                (freq, start, segment, name): value for start, name, value in rows if value is not None and start
            }
    return {key: value for key, value in values.items() if key[1] <= TODAY}


def page(layer: SemanticLayer) -> str:
    """The text of docs/reference/metric_kinds.md."""
    rows, counts = [], dict.fromkeys(("equal", "different", "refused"), 0)
    for kind in KINDS:
        outcome = "equal" if kind.differs == "none" else "different"
        result = DIFFERENCES[kind.differs]
        if not kind.freqs:
            reasons = dict.fromkeys(str(unsupported(metric, layer, ["M"])) for metric in kind.metrics)
            outcome, result = "refused", f"refused: {'<br>'.join(reasons)}"
        counts[outcome] += len(kind.metrics)
        names = ", ".join(f"`{name}`" for name in kind.metrics)
        rows.append(f"| {kind.name} | {names} | {' '.join(kind.freqs) or '–'} | {result} |")
    total = sum(counts.values())
    return f"""# Kinds of metrics

<!-- Written by tests/metrics/test_engine_kinds.py with UPDATE_SNAPSHOTS=1. -->

What the compiler makes of each kind of metric that MetricFlow's own tests have, as models of this project in
`tests/engine_kinds/`. Each metric is compiled at all its frequencies and segments, run twice, and compared with
MetricFlow's own queries. Of {total} cases {counts["equal"]} are equal, {counts["different"]} differ as stated, and
{counts["refused"]} are refused. A refusal names the metric, and the file and line of the KPI that uses it.

| kind | metrics | frequencies | what comes of it |
| --- | --- | --- | --- |
{chr(10).join(rows)}
"""
