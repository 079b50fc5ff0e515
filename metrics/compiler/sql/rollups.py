"""Writes the SQL of a rollup's dbt models. Pure: the same rollup gives the same text.

A rollup has two models. `rollup_<fact>_daily` holds the measures that roll up, by day; it scans the fact once.
`rollup_<fact>` holds every measure by period: combined from its days, or computed from all rows of the period where
days can't be combined (distinct counts, quantiles, averages). KPIs read only this model. Both models are incremental:
their column `inputs` is a fingerprint of what a row was computed from, and only rows whose fingerprint has changed are
computed again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from textwrap import indent

from metrics.compiler.cohorts import attributed_sql
from metrics.compiler.measures import Cohort, MeasureQuery
from metrics.compiler.plan import Rollup
from metrics.compiler.sql.cuts import (
    KEYS,
    grouping_sets,
    loop_variables,
    member_column,
    more_columns,
    segment_and_member,
)
from metrics.compiler.sql.non_additive import aggregate_sql, entity_columns, non_additive
from metrics.compiler.windows import averages_sql, window_days
from metrics.core.periods import PART_OF_WEEK

_REF = re.compile(r'"?__ref__(\w+)__"?')


def rollup_models(rollup: Rollup, fingerprint_sql: str | None = None) -> dict[str, str]:
    """The SQL of a rollup's models, by model name.

    With `fingerprint_sql`, as the function `day_fingerprint_sql` gives it, they are incremental. Without it each run
    writes whole tables.
    """
    models = {}
    if rollup.cohort:
        models[rollup.cohort.model] = _attributed_model(rollup, rollup.cohort, incremental=fingerprint_sql is not None)
    if rollup.window is None:
        models[f"rollup_{rollup.name}_daily"] = _daily_model(rollup, fingerprint_sql)
    if rollup.window is not None and rollup.window.period_agg == "average":
        models[f"rollup_{rollup.name}_by_day"] = _measures_model(rollup, fingerprint_sql)
        models[f"rollup_{rollup.name}"] = _averages_model(rollup)
    else:
        models[f"rollup_{rollup.name}"] = _measures_model(rollup, fingerprint_sql)
    return models


def day_fingerprint_sql(rollup: Rollup, fact_columns: set[str], code: str) -> str:
    """SQL of the fingerprint of a day's rows: it changes when the rows change, or `code`, the hash of the SQL.

    It is an aggregate over the rows. A fact with `_loaded_at` promises that a changed row has a newer time, so the
    newest time and the number of rows are enough. In all other cases (several models, a cohort, a filter that looks at
    other rows than its own by a nested select, no `_loaded_at`) it hashes the rows' content. For a window it is made
    from the column `inputs` of the daily model that it reads.
    """
    if rollup.window is not None:
        return f"CONCAT_WS(' ', day, inputs, '{code}')"
    columns = [member_column(segment) for segment, _ in rollup.segments]
    columns += [measure.metric for measure in rollup.measures]
    columns += [f"{measure.metric}_counts" for measure in rollup.measures if _has_filter_column(measure)]
    columns += [name for measure in rollup.measures for name in entity_columns(measure)]
    version = f"SUM(CAST(HASH({', '.join(columns)}) AS HUGEINT))"
    if "_loaded_at" in fact_columns and len(rollup.models) == 1 and not rollup.cohort and "SELECT" not in rollup.source:
        version = "EPOCH_US(MAX(_loaded_at))"
    return f"CONCAT_WS(' ', COUNT(*), {version}, '{code}')"


def referenced(sql: str, form: str = "{{{{ ref('{}') }}}}") -> str:
    """SQL with each `__ref__<model>__` as a dbt reference, or in the given form."""
    return _REF.sub(lambda match: form.format(match.group(1)), sql)


def full_outer_join(names: Iterable[str]) -> str:
    """The relations in a full outer join on KEYS, for a FROM clause."""
    first, *following = names
    return first + "".join(f"\n  FULL OUTER JOIN {name} USING ({', '.join(KEYS)})" for name in following)


def _daily_model(rollup: Rollup, fingerprint_sql: str | None) -> str:
    """The daily model: a row per day and segment member, with the number of rows and the measures that roll up."""
    row_counts = [
        f"{_row_count(measure)} AS {measure.metric}_rows"
        for measure in rollup.rolled_up
        if measure.measure_class == "stock"
    ]
    columns = [
        "COUNT(*) AS n_rows",
        *(f"{aggregate_sql(measure)} AS {measure.metric}" for measure in rollup.rolled_up),
        *row_counts,
    ]
    fact = _fact_rows(rollup, rollup.measures, loaded_at="_loaded_at" in (fingerprint_sql or ""))
    select = f"SELECT\n  day,\n{indent(segment_and_member(rollup), '  ')}"
    grouped = f"GROUP BY GROUPING SETS ({grouping_sets(rollup, 'day')})"
    if fingerprint_sql is None:
        return f"""{_header_comment(rollup, "Days of")}
WITH fact AS (
{fact}
)
{select}{more_columns(columns)}
FROM fact
{grouped}
"""
    return f"""{_header_comment(rollup, "Days of")}
{_incremental("'day'")}
WITH fact AS NOT MATERIALIZED (
{fact}
){{% if is_incremental() %}}, inputs AS (
  SELECT day, {fingerprint_sql} AS inputs
  FROM fact
  GROUP BY day
), changed AS (
  -- The total's row says what its day was computed from; a member's says it of the member's rows.
  SELECT day
  FROM inputs
  ANTI JOIN (SELECT day, inputs FROM {{{{ this }}}} WHERE segment = '_T') AS kept USING (day, inputs)
){{% endif %}}
{select}{more_columns([*columns, f"{fingerprint_sql} AS inputs"])}
FROM fact
{{% if is_incremental() %}}SEMI JOIN changed USING (day)
{{% endif %}}{grouped}
{{% if is_incremental() %}}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{{{ this }}}} ANTI JOIN inputs USING (day)
{{% endif %}}
"""


def _measures_model(rollup: Rollup, fingerprint_sql: str | None) -> str:
    """The model of all measures: a row per period, span (the period itself or one to date) and segment member."""
    days = "period_days" if fingerprint_sql is None else "changed_days"
    ctes = _period_ctes(rollup, fingerprint_sql)
    result_ctes = []
    if rollup.rolled_up:
        ctes |= _rolled_up(rollup, days)
        result_ctes.append("rolled_up")
    if rollup.non_additive:
        ctes["fact AS" if fingerprint_sql is None else "fact AS NOT MATERIALIZED"] = _fact_rows(
            rollup, rollup.non_additive
        )
        non_additive_ctes, non_additive_results = non_additive(rollup, days, narrowed=fingerprint_sql is not None)
        ctes |= non_additive_ctes
        result_ctes += non_additive_results
    head = [_header_comment(rollup, "Every measure of")]
    head += [_incremental("['freq', 'span', 'period_start']")] if fingerprint_sql is not None else []
    head += [loop_variables(rollup)] if rollup.non_additive else []
    cte_list = ", ".join(f"{opening} (\n{sql}\n)" for opening, sql in ctes.items())
    select = f"{chr(10).join(head)}\nWITH {cte_list}\nSELECT *\nFROM {full_outer_join(result_ctes)}\n"
    if fingerprint_sql is None:
        return select
    return f"""{select}INNER JOIN changed USING (freq, span, period_start)
{{% if is_incremental() %}}UNION ALL BY NAME
-- A period that has no rows any more.
SELECT DISTINCT freq, span, period_start, '_T' AS segment, '_T' AS member
FROM {{{{ this }}}} ANTI JOIN inputs USING (freq, span, period_start)
{{% endif %}}
"""


def _period_ctes(rollup: Rollup, fingerprint_sql: str | None) -> dict[str, str]:
    """The CTEs that list the days of each period: their SQL, by the opening of the CTE ("days AS").

    With `fingerprint_sql` there are also CTEs with only the periods whose fingerprint (the column `inputs`) has
    changed. It makes the fingerprints of the days of a window; without a window the daily model has them already.
    """
    inputs_column = ""
    if fingerprint_sql is not None:
        inputs_column = ", inputs" if rollup.window is None else f", {fingerprint_sql} AS inputs"
    ctes = {
        "days AS": f"""  SELECT day{inputs_column}
  FROM {{{{ ref('rollup_{rollup.days}_daily') }}}}
  WHERE segment = '_T' AND n_rows > 0""",
        "period_days AS": _counted_days(rollup),
    }
    if fingerprint_sql is None:
        return ctes
    without_unchanged = (
        "{% if is_incremental() %} ANTI JOIN {{ this }} USING (freq, span, period_start, inputs){% endif %}"
    )
    return ctes | {
        "inputs AS": """  SELECT freq, span, period_start, MD5(STRING_AGG(inputs, ' ' ORDER BY day)) AS inputs
  FROM period_days
  INNER JOIN days USING (day)
  GROUP BY freq, span, period_start""",
        "changed AS": f"""  SELECT freq, span, period_start, inputs
  FROM inputs{without_unchanged}""",
        "changed_days AS": """  SELECT freq, span, period_start, day
  FROM changed
  INNER JOIN period_days USING (freq, span, period_start)""",
    }


def _rolled_up(rollup: Rollup, days: str) -> dict[str, str]:
    """The CTEs that combine the values of a period's days, by their openings; `days` is the CTE with those days."""
    columns = [_period_value(measure) for measure in rollup.rolled_up]
    source = f"FROM {{{{ ref('rollup_{rollup.days}_daily') }}}} AS daily\n  INNER JOIN {days} USING (day)"
    ctes = {}
    stocks = [measure for measure in rollup.rolled_up if measure.measure_class == "stock"]
    if stocks:
        chosen = [
            f"{'MIN' if measure.uses_first_day else 'MAX'}(day) FILTER (WHERE {measure.metric}_rows > 0)"
            f" AS {measure.metric}_day"
            for measure in stocks
        ]
        ctes["stock_days AS"] = f"""  -- The one day of the period that each stock is taken from.
  SELECT
    freq,
    period_start{more_columns(chosen, "    ")}
  {source}
  WHERE n_rows > 0 AND segment = '_T' AND span = 'period'
  GROUP BY freq, period_start"""
    joins = "\n  LEFT JOIN stock_days USING (freq, period_start)" if stocks else ""
    ctes["rolled_up AS"] = f"""  SELECT
    freq,
    span,
    period_start,
    segment,
    member{more_columns(columns, "    ")}
  {source}{joins}
  WHERE n_rows > 0
  GROUP BY freq, span, period_start, segment, member"""
    return ctes


def _incremental(unique_key: str) -> str:
    """The dbt config of an incremental model; `unique_key` is Jinja: a name or a list of names."""
    return f"""{{{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key={unique_key}
) }}}}"""


def _header_comment(rollup: Rollup, opening: str) -> str:
    """The comment at the top of a model: `opening` and the rollup's name, its KPIs, and that the file is generated."""
    return (
        f"-- {opening} {rollup.name}, for {', '.join(rollup.kpi_ids)}.\n"
        "-- Written by `kpi compile`; change the definitions, not this file."
    )


def _fact_rows(rollup: Rollup, measures: Sequence[MeasureQuery], *, loaded_at: bool = False) -> str:
    """The SELECT of the source's rows: their day, segment members and what the measures need."""
    columns = [f"{rollup.day} AS day", *(f"{sql} AS {member_column(segment)}" for segment, sql in rollup.segments)]
    columns += [f"{_fact_column(measure)} AS {measure.metric}" for measure in measures]
    columns += [
        f"{measure.filter_sql} AS {measure.metric}_counts" for measure in measures if _has_filter_column(measure)
    ]
    columns += [
        f"{sql} AS {name}"
        for measure in measures
        for sql, name in zip(measure.entities, entity_columns(measure), strict=True)
    ]
    if loaded_at:
        columns.append("_loaded_at")
    column_list = ",\n".join(f"    {column}" for column in columns)
    return f"  SELECT\n{column_list}\n  FROM {referenced(rollup.source)}\n  WHERE {rollup.day} IS NOT NULL"


def _fact_column(measure: MeasureQuery) -> str:
    """The SQL of the measure's column in `fact`: the key of a distinct count, without its filter; else the value."""
    return measure.argument if measure.measure_class == "distinct" else measure.value


def _has_filter_column(measure: MeasureQuery) -> bool:
    """Whether `fact` has the measure's filter as a column, `<metric>_counts`.

    Stocks and distinct counts need it: a value of 0 doesn't show whether a group has rows that pass the filter.
    """
    return measure.filter_sql is not None and measure.measure_class in ("stock", "stock of entities", "distinct")


def _row_count(measure: MeasureQuery) -> str:
    """The SQL of the number of rows that pass the measure's filter."""
    return f"COUNT_IF({measure.metric}_counts)" if measure.filter_sql else "COUNT(*)"


def _period_value(measure: MeasureQuery) -> str:
    """The SQL column that combines the measure's values of a period's days."""
    name = measure.metric
    if measure.measure_class == "stock":
        return f"MAX({name}) FILTER (WHERE span = 'period' AND day = {name}_day AND {name}_rows > 0) AS {name}"
    return f"{measure.roll_up}({measure.daily_measure}) AS {name}"


def _counted_days(rollup: Rollup) -> str:
    """Calls of dbt macros that select the days that count in each period and span: freq, span, period_start, day.

    With a span to date or a window, days before the period count as well.
    """
    if rollup.window is not None:
        return f"  {window_days(rollup.window, rollup.freqs, rollup.spine)}"
    freqs = ", ".join(f"'{freq}'" for freq in rollup.freqs if freq != PART_OF_WEEK)
    days = f"  {{{{ period_days('days', [{freqs}], to_date={rollup.to_date}) }}}}"
    return days + ("\n  UNION ALL\n  {{ parts_of_weeks('days') }}" if PART_OF_WEEK in rollup.freqs else "")


def _attributed_model(rollup: Rollup, cohort: Cohort, *, incremental: bool) -> str:
    """The model of conversions attributed to their events (see cohorts.py)."""
    header = _header_comment(rollup, "Each conversion with the event that led to it, for")
    config = f"\n{_incremental(repr('day'))}" if incremental else ""
    sql = attributed_sql(cohort, [name for name, _ in rollup.segments], incremental=incremental)
    return f"{header}{config}\n{referenced(sql)}"


def _averages_model(rollup: Rollup) -> str:
    """The model of cumulative metrics whose value is the average over a period's days (see windows.py)."""
    daily, by_day = f"rollup_{rollup.days}_daily", f"rollup_{rollup.name}_by_day"
    averages = averages_sql(daily, by_day, rollup.measures, rollup.freqs, rollup.spine)
    return f"{_header_comment(rollup, 'Every measure of')}\n{averages}"
