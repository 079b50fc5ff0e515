"""A generated mart: web shop events of many users, in the shape and skew that real ones have. Seeded, made by DuckDB.

A session is three events of one user on one day, and some users come far more often than others, so that distinct users
can't be added up over days. A tenth of the segment columns is NULL.
"""

from __future__ import annotations

from datetime import date

import duckdb

SEGMENTS = {"country": 12, "channel": 6, "device": 4, "plan": 5, "category": 10}
LAST_MONTH = date(2026, 10, 1)

_ROWS = """
insert into fct_events
with numbered as (
    select range as event_id, range // 3 as session from range($first, $first + $rows)
),
drawn as (
    select
        event_id,
        hash(session, 1, $seed) / 18446744073709551615 as which_user,
        hash(event_id, 2, $seed) / 18446744073709551615 as amount,
        hash(event_id, 3, $seed) % 100 as luck,
        hash(event_id, 4, $seed) as category,
        hash(session, 5, $seed) as origin,
        hash(event_id, 6, $seed) / 18446744073709551615 as latency,
        -- Numbers run along with the days, as in a fact that was loaded day by day.
        $start::date + ((event_id - $first) * $days // $rows)::integer as event_date
    from numbered
)
select
    event_id,
    event_date,
    (pow(which_user, 3) * $users)::integer as user_id,
    case when origin % 10 > 0 then 'country' || (sqrt(origin % 144))::integer end as country,
    case when (origin >> 8) % 10 > 0 then 'channel' || (sqrt((origin >> 8) % 36))::integer end as channel,
    case when (origin >> 16) % 10 > 0 then 'device' || (sqrt((origin >> 16) % 16))::integer end as device,
    case when (origin >> 24) % 10 > 0 then 'plan' || (sqrt((origin >> 24) % 25))::integer end as plan,
    case when category % 10 > 0 then 'category' || (sqrt(category % 100))::integer end as category,
    (10 + 490 * pow(amount, 4))::decimal(12, 2) as amount,
    (1 + luck % 4)::integer as quantity,
    luck < 4 as is_return,
    luck >= 90 as is_conversion,
    40 + 2000 * pow(latency, 6) as latency_ms,
    $loaded_at::timestamptz as _loaded_at
from drawn
"""


def create(connection: duckdb.DuckDBPyConnection, rows: int, months: int, seed: int) -> None:
    """Makes `fct_events` (`rows` rows over the `months` months before the last one) and `dim_dates`."""
    connection.execute(
        """create table fct_events (event_id bigint, event_date date, user_id integer, country varchar,
        channel varchar, device varchar, plan varchar, category varchar, amount decimal(12, 2), quantity integer,
        is_return boolean, is_conversion boolean, latency_ms double, _loaded_at timestamptz)"""
    )
    connection.execute(
        "create table dim_dates as select unnest(generate_series(date '2018-01-01', date '2027-12-31',"
        " interval 1 day))::date as date_day"
    )
    start = connection.execute("select ($1::date - to_months($2))::date", [LAST_MONTH, months]).fetchone()
    assert start is not None
    _insert(connection, start[0], (LAST_MONTH - start[0]).days, 0, rows, rows, seed, "2026-10-01 02:00:00+00")


def add_month(connection: duckdb.DuckDBPyConnection, rows: int, history_rows: int, seed: int) -> None:
    """Brings the last month: `rows` more rows, of the same users."""
    _insert(connection, LAST_MONTH, 31, history_rows, rows, history_rows, seed, "2026-11-01 02:00:00+00")


def _insert(
    connection: duckdb.DuckDBPyConnection, start: date, days: int, first: int, rows: int, history: int, seed: int,
    loaded_at: str,
) -> None:  # fmt: skip
    parameters = {
        "start": start, "days": days, "first": first, "rows": rows, "users": max(history // 20, 100), "seed": seed,
        "loaded_at": loaded_at,
    }  # fmt: skip
    connection.execute(_ROWS, parameters)
