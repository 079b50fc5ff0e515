"""Who is behind which figures of a KPI of persons' amounts, read from the marts.

A *figure* is the KPI's value of one place (a segment's member, or the total) on one day; every period that ends on that
day shows the same one. What the figures of several days tell together stands in `differences.py`.
"""

from __future__ import annotations

from datetime import date

import duckdb
import pyarrow as pa

from data_quality.disclosure.system import TOTAL, Place
from metrics.core.errors import NyckeltalError, without_values
from metrics.definitions.catalog import CatalogKpi

Figure = tuple[Place, date]

HISTORIES = pa.schema(
    {
        "segment": pa.string(),
        "member": pa.string(),
        "day": pa.date32(),
        "people": pa.list_(pa.struct({"person": pa.int64(), "amount": pa.float64(), "share": pa.float64()})),
    }
)
"""One row for each figure, with those behind it: a person's number from 0 on, the same in all figures; the amount, and
the amount as a share of the sum of all in the same role. One person in two roles has two numbers."""

_HISTORIES = """
with contributions as (
    {sql}
),
days as (
    select distinct period_end as day from candidate_rows where kpi_id = $kpi_id
),
placed as (
    select role, person, day, amount, unnest({segments}) as segment, unnest({members}) as member
    from contributions
    semi join days using (day)
    where person is not null
),
amounts as (
    select
        segment, member, day, role,
        dense_rank() over (order by role, person) - 1 as number,
        coalesce(sum(abs(amount)), 0)::double as amount
    from placed
    group by segment, member, day, role, person
),
shares as (
    select
        *,
        coalesce(amount / nullif(sum(amount) over (partition by segment, member, day, role), 0), 0) as share
    from amounts
)
select segment, member, day, list({{'person': number, 'amount': amount, 'share': share}}) as people
from shares
group by all
"""


def read(connection: duckdb.DuckDBPyConnection, kpi: CatalogKpi) -> pa.Table:
    """Who was behind which figures of a KPI of persons' amounts (HISTORIES), for the days of its candidates.

    `candidate_rows` is the temporary table of candidates.py.
    Raises NyckeltalError when there are candidates and the marts behind them can't be read: with nothing known of
    anybody, their figures would be hidden, and stay so.
    """
    asked = {"kpi_id": kpi.kpi_id}
    there = "select 1 from candidate_rows where kpi_id = $kpi_id limit 1"
    if kpi.contributions is None or connection.execute(there, asked).fetchone() is None:
        return HISTORIES.empty_table()
    query = _HISTORIES.format(
        sql=kpi.contributions.sql,
        segments=[TOTAL[0], *kpi.segments],
        members="["
        + ", ".join([f"'{TOTAL[1]}'", *(f"coalesce({name}_member::varchar, '_U')" for name in kpi.segments)])
        + "]",
    )
    try:
        return connection.execute(query, asked).to_arrow_table().cast(HISTORIES)
    except duckdb.CatalogException as error:
        problem = f"who is behind its figures can't be read: {without_values(error, own_sql=True)}; `kpi run` builds it"
        raise NyckeltalError(problem, field=kpi.kpi_id) from None
