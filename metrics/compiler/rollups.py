"""From a base to the SQL of its dbt models. Pure: the same base gives the same text.

A base has two models. `base_<fact>_daily` holds what rolls up, by day, and is the one scan of the fact. `base_<fact>`
holds every leaf by period, put together of days or, for what days can't be put together to (distinct counts, quantiles,
averages), counted again; KPIs read nothing else. Both are incremental: each row carries `inputs`, which says what its
day or period was computed from, and only where that has changed is anything computed again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from textwrap import indent

from metrics.compiler.cohorts import attributed_sql
from metrics.compiler.cuts import KEYS, cut, grouping_sets, listed, loops, member_column
from metrics.compiler.measures import Cohort, LeafQuery
from metrics.compiler.non_additive import aggregated, recounts
from metrics.compiler.plan import Base
from metrics.compiler.windows import averages_sql, window_days
from metrics.core.periods import PART_OF_WEEK

_REF = re.compile(r'"?__ref__(\w+)__"?')


def base_models(base: Base, inputs: str | None = None) -> dict[str, str]:
    """The models of a base, by name: incremental by `inputs`, what `inputs_of` gives, or without it whole tables."""
    models = {}
    if base.cohort:
        models[base.cohort.model] = _attributed(base, base.cohort, incremental=inputs is not None)
    if base.window is None:
        models[f"base_{base.name}_daily"] = _daily(base, inputs)
    if base.window is not None and base.window.taken == "average":
        models[f"base_{base.name}_by_day"] = _leaves(base, inputs)
        models[f"base_{base.name}"] = _averages(base)
    else:
        models[f"base_{base.name}"] = _leaves(base, inputs)
    return models


def inputs_of(base: Base, fact_columns: set[str], code: str) -> str:
    """An aggregate over the rows of a day that tells whether they, or `code`, all SQL upstream, are other ones.

    A fact with `_loaded_at` promises that a row which differs in any way is newer, so that the newest row and the
    number of rows tell. Of others, the content does. A window's days are told by those of the base below it.
    """
    if base.window is not None:
        return f"CONCAT_WS(' ', day, inputs, '{code}')"
    columns = [member_column(segment) for segment, _ in base.segments]
    columns += [leaf.metric for leaf in base.leaves]
    columns += [f"{leaf.metric}_counts" for leaf in base.leaves if leaf.counts and _needs_rows(leaf)]
    version = f"SUM(CAST(HASH({', '.join(columns)}) AS HUGEINT))"
    if "_loaded_at" in fact_columns and len(base.models) == 1 and not base.cohort:
        version = "EPOCH_US(MAX(_loaded_at))"
    return f"CONCAT_WS(' ', COUNT(*), {version}, '{code}')"


def referenced(sql: str, form: str = "{{{{ ref('{}') }}}}") -> str:
    """SQL with its marked tables as dbt references, or in another form."""
    return _REF.sub(lambda match: form.format(match.group(1)), sql)


def joined(names: Iterable[str]) -> str:
    """Relations with the columns KEYS, side by side."""
    first, *others = names
    return first + "".join(f"\n  FULL OUTER JOIN {other} USING ({', '.join(KEYS)})" for other in others)


def _daily(base: Base, inputs: str | None) -> str:
    rows = [f"{_rows(leaf)} AS {leaf.metric}_rows" for leaf in base.rolled_up if leaf.leaf_class == "stock"]
    columns = ["COUNT(*) AS n_rows", *(f"{aggregated(leaf)} AS {leaf.metric}" for leaf in base.rolled_up), *rows]
    fact = _fact(base, base.leaves, loaded_at="_loaded_at" in (inputs or ""))
    select = f"SELECT\n  day,\n{indent(cut(base), '  ')}"
    grouped = f"GROUP BY GROUPING SETS ({grouping_sets(base, 'day')})"
    if inputs is None:
        return f"""{_title(base, "Days of")}
WITH fact AS (
{fact}
)
{select}{listed(columns)}
FROM fact
{grouped}
"""
    return f"""{_title(base, "Days of")}
{_incremental("'day'")}
WITH fact AS NOT MATERIALIZED (
{fact}
){{% if is_incremental() %}}, inputs AS (
  SELECT day, {inputs} AS inputs
  FROM fact
  GROUP BY day
), changed AS (
  -- The total's row says what its day was computed from; a member's says it of the member's rows.
  SELECT day
  FROM inputs
  ANTI JOIN (SELECT day, inputs FROM {{{{ this }}}} WHERE segment = '_T') AS kept USING (day, inputs)
){{% endif %}}
{select}{listed([*columns, f"{inputs} AS inputs"])}
FROM fact
{{% if is_incremental() %}}SEMI JOIN changed USING (day)
{{% endif %}}{grouped}
{{% if is_incremental() %}}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{{{ this }}}} ANTI JOIN inputs USING (day)
{{% endif %}}
"""


def _leaves(base: Base, inputs: str | None) -> str:
    days = "period_days" if inputs is None else "changed_days"
    ctes = _periods(base, inputs)
    parts = []
    if base.rolled_up:
        ctes |= _rolled_up(base, days)
        parts.append("rolled_up")
    if base.recounted:
        ctes["fact AS" if inputs is None else "fact AS NOT MATERIALIZED"] = _fact(base, base.recounted)
        recounted, results = recounts(base, days, narrowed=inputs is not None)
        ctes |= recounted
        parts += results
    head = [_title(base, "Every leaf of")]
    head += [_incremental("['freq', 'span', 'period_start']")] if inputs is not None else []
    head += [loops(base)] if base.recounted else []
    chain = ", ".join(f"{begins} (\n{sql}\n)" for begins, sql in ctes.items())
    select = f"{chr(10).join(head)}\nWITH {chain}\nSELECT *\nFROM {joined(parts)}\n"
    if inputs is None:
        return select
    return f"""{select}INNER JOIN changed USING (freq, span, period_start)
{{% if is_incremental() %}}UNION ALL BY NAME
-- A period that has no rows any more.
SELECT DISTINCT freq, span, period_start, '_T' AS segment, '_T' AS member
FROM {{{{ this }}}} ANTI JOIN inputs USING (freq, span, period_start)
{{% endif %}}
"""


def _periods(base: Base, inputs: str | None) -> dict[str, str]:
    """CTEs by how each begins: the days of each period, and with `inputs` those of the periods that have changed."""
    of_day = ""
    if inputs is not None:
        of_day = ", inputs" if base.window is None else f", {inputs} AS inputs"
    ctes = {
        "days AS": f"""  SELECT day{of_day}
  FROM {{{{ ref('base_{base.days}_daily') }}}}
  WHERE segment = '_T' AND n_rows > 0""",
        "period_days AS": _period_days(base),
    }
    if inputs is None:
        return ctes
    kept = "{% if is_incremental() %} ANTI JOIN {{ this }} USING (freq, span, period_start, inputs){% endif %}"
    return ctes | {
        "inputs AS": """  SELECT freq, span, period_start, MD5(STRING_AGG(inputs, ' ' ORDER BY day)) AS inputs
  FROM period_days
  INNER JOIN days USING (day)
  GROUP BY freq, span, period_start""",
        "changed AS": f"""  SELECT freq, span, period_start, inputs
  FROM inputs{kept}""",
        "changed_days AS": """  SELECT freq, span, period_start, day
  FROM changed
  INNER JOIN period_days USING (freq, span, period_start)""",
    }


def _rolled_up(base: Base, days: str) -> dict[str, str]:
    """CTEs by how each begins: what the periods' days come to, `days` naming these."""
    columns = [_of_period(leaf) for leaf in base.rolled_up]
    source = f"FROM {{{{ ref('base_{base.days}_daily') }}}} AS daily\n  INNER JOIN {days} USING (day)"
    ctes = {}
    stocks = [leaf for leaf in base.rolled_up if leaf.leaf_class == "stock"]
    if stocks:
        chosen = [
            f"{'MIN' if leaf.first_day else 'MAX'}(day) FILTER (WHERE {leaf.metric}_rows > 0) AS {leaf.metric}_day"
            for leaf in stocks
        ]
        ctes["stock_days AS"] = f"""  -- The one day of the period that each stock is taken from.
  SELECT
    freq,
    period_start{listed(chosen, "    ")}
  {source}
  WHERE n_rows > 0 AND segment = '_T' AND span = 'period'
  GROUP BY freq, period_start"""
    joins = "\n  LEFT JOIN stock_days USING (freq, period_start)" if stocks else ""
    ctes["rolled_up AS"] = f"""  SELECT
    freq,
    span,
    period_start,
    segment,
    member{listed(columns, "    ")}
  {source}{joins}
  WHERE n_rows > 0
  GROUP BY freq, span, period_start, segment, member"""
    return ctes


def _incremental(unique_key: str) -> str:
    return f"""{{{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key={unique_key}
) }}}}"""


def _title(base: Base, what: str) -> str:
    return (
        f"-- {what} {base.name}, for {', '.join(base.kpi_ids)}.\n"
        "-- Written by `kpi compile`; change the definitions, not this file."
    )


def _fact(base: Base, leaves: Sequence[LeafQuery], *, loaded_at: bool = False) -> str:
    """The source's rows in the base's own columns."""
    columns = [f"{base.day} AS day", *(f"{sql} AS {member_column(segment)}" for segment, sql in base.segments)]
    columns += [f"{_column(leaf)} AS {leaf.metric}" for leaf in leaves]
    columns += [f"{leaf.counts} AS {leaf.metric}_counts" for leaf in leaves if leaf.counts and _needs_rows(leaf)]
    if loaded_at:
        columns.append("_loaded_at")
    listed = ",\n".join(f"    {column}" for column in columns)
    return f"  SELECT\n{listed}\n  FROM {referenced(base.source)}\n  WHERE {base.day} IS NOT NULL"


def _column(leaf: LeafQuery) -> str:
    """Distinct counts come from keys and, apart from them, the filter; others from values that are NULL elsewhere."""
    return leaf.argument if leaf.leaf_class == "distinct" else leaf.value


def _needs_rows(leaf: LeafQuery) -> bool:
    """Whether the value alone doesn't tell a group without rows of the leaf from one with: a count is 0 in both."""
    return leaf.leaf_class in ("stock", "distinct")


def _rows(leaf: LeafQuery) -> str:
    return f"COUNT_IF({leaf.metric}_counts)" if leaf.counts else "COUNT(*)"


def _of_period(leaf: LeafQuery) -> str:
    name = leaf.metric
    if leaf.leaf_class == "stock":
        return f"MAX({name}) FILTER (WHERE span = 'period' AND day = {name}_day AND {name}_rows > 0) AS {name}"
    return f"{leaf.roll_up}({leaf.days_of}) AS {name}"


def _period_days(base: Base) -> str:
    if base.window is not None:
        return f"  {window_days(base.window, base.freqs, base.spine)}"
    freqs = ", ".join(f"'{freq}'" for freq in base.freqs if freq != PART_OF_WEEK)
    days = f"  {{{{ period_days('days', [{freqs}], to_date={base.to_date}) }}}}"
    return days + ("\n  UNION ALL\n  {{ parts_of_weeks('days') }}" if PART_OF_WEEK in base.freqs else "")


def _attributed(base: Base, cohort: Cohort, *, incremental: bool) -> str:
    title = _title(base, "Each conversion with the event that led to it, for")
    config = f"\n{_incremental(repr('day'))}" if incremental else ""
    sql = attributed_sql(cohort, [name for name, _ in base.segments], incremental=incremental)
    return f"{title}{config}\n{referenced(sql)}"


def _averages(base: Base) -> str:
    daily, by_day = f"base_{base.days}_daily", f"base_{base.name}_by_day"
    return f"{_title(base, 'Every leaf of')}\n{averages_sql(daily, by_day, base.leaves, base.freqs, base.spine)}"
