"""Who is behind which figures of a KPI of persons' amounts, read from the marts.

A *figure* is the KPI's value of one place (a segment's member, or the total) on one day; every period that ends on that
day shows the same one. What the figures of several days tell together stands in `differences.py`.
"""

from __future__ import annotations

from datetime import date

import duckdb
import pyarrow as pa

from data_quality.disclosure.system import TOTAL, Place
from metrics.catalog import CatalogKpi
from metrics.errors import NyckeltalError, without_values

Figure = tuple[Place, date]

HISTORIES = pa.schema(
    {
        "history": pa.list_(pa.struct({"day": pa.date32(), "segment": pa.string(), "member": pa.string()})),
        "n_persons": pa.int64(),
        "amount": pa.float64(),
        "largest_amount": pa.float64(),
    }
)

# Persons who were in the same places on the same days are one row.
_HISTORIES = """
with contributions as (
    {sql}
),
days as (
    select distinct period_end as day from candidate_rows where kpi_id = $kpi_id
),
placed as (
    select
        role, person, day, abs(amount)::double as amount,
        unnest({segments}) as segment,
        unnest({members}) as member
    from contributions
    semi join days using (day)
    where person is not null
),
persons as (
    select
        list(distinct {{'day': day, 'segment': segment, 'member': member}}) as places,
        coalesce(max(amount), 0) as amount
    from placed
    group by role, person
)
select
    list_sort(places) as history, count(*) as n_persons, sum(amount)::double as amount, max(amount) as largest_amount
from persons
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
