"""The persons behind each figure of a KPI of persons' amounts (such as pay), read from the marts.

A *figure* is the KPI's value for one place (a member of a segment, or the total) on one day. Every period that ends on
that day shows the same figure. `differences.py` works out what several figures reveal together.
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
"""One row per figure with the contributions behind it.

`person` is a number from 0, the same in all figures; someone with two roles (such as numerator and denominator) has two
numbers. `amount` is the absolute contribution, `share` its share of the sum over all persons of the same role.
"""

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
    """The persons behind each candidate figure of the KPI, with the columns HISTORIES.

    The table is empty for a KPI without `contributions` or without candidates. Needs the temporary table
    `candidate_rows` of `gate/candidates.py`.
    Raises NyckeltalError when there are candidates but their marts can't be read: an empty table would suppress the
    figures, and what was suppressed once stays so.
    """
    parameters = {"kpi_id": kpi.kpi_id}
    any_candidate = "select 1 from candidate_rows where kpi_id = $kpi_id limit 1"
    if kpi.contributions is None or connection.execute(any_candidate, parameters).fetchone() is None:
        return HISTORIES.empty_table()
    query = _HISTORIES.format(
        sql=kpi.contributions.sql,
        segments=[TOTAL[0], *kpi.segments],
        members="["
        + ", ".join([f"'{TOTAL[1]}'", *(f"coalesce({name}_member::varchar, '_U')" for name in kpi.segments)])
        + "]",
    )
    try:
        return connection.execute(query, parameters).to_arrow_table().cast(HISTORIES)
    except duckdb.CatalogException as error:
        reason = without_values(error, own_sql=True)
        problem = f"the persons behind its figures can't be read: {reason}; `kpi run` builds the tables"
        raise NyckeltalError(problem, field=kpi.kpi_id) from None
