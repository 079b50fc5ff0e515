"""From a rollup to the SQL of its dbt models. Pure: the same rollup gives the same text.

A rollup has two models. `rollup_<fact>_daily` holds what rolls up, by day, and is the one scan of the fact.
`rollup_<fact>` holds every measure by period: combined from days, or counted again from the rows where days can't be
combined (distinct counts, quantiles, averages). KPIs read nothing else. Both are incremental: `inputs` says what a row
was computed from, and only rows whose inputs have changed are computed again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from textwrap import indent

from metrics.compiler.cohorts import attributed_sql
from metrics.compiler.cuts import KEYS, cut, grouping_sets, listed, loops, member_column
from metrics.compiler.measures import Cohort, MeasureQuery
from metrics.compiler.non_additive import aggregated, non_additive
from metrics.compiler.plan import Rollup
from metrics.compiler.windows import averages_sql, window_days
from metrics.core.periods import PART_OF_WEEK

_REF = re.compile(r'"?__ref__(\w+)__"?')


def rollup_models(rollup: Rollup, inputs: str | None = None) -> dict[str, str]:
    """The models of a rollup, by name: incremental by `inputs`, what `inputs_of` gives, or without it whole tables."""
    models = {}
    if rollup.cohort:
        models[rollup.cohort.model] = _attributed(rollup, rollup.cohort, incremental=inputs is not None)
    if rollup.window is None:
        models[f"rollup_{rollup.name}_daily"] = _daily(rollup, inputs)
    if rollup.window is not None and rollup.window.taken == "average":
        models[f"rollup_{rollup.name}_by_day"] = _measures(rollup, inputs)
        models[f"rollup_{rollup.name}"] = _averages(rollup)
    else:
        models[f"rollup_{rollup.name}"] = _measures(rollup, inputs)
    return models


def inputs_of(rollup: Rollup, fact_columns: set[str], code: str) -> str:
    """An aggregate over the rows of a day that tells whether they, or `code`, all SQL upstream, are other ones.

    A fact with `_loaded_at` promises that a row which differs in any way is newer, so that the newest row and the
    number of rows tell. Of others, the content does. A window's days are told by those of the rollup below it.
    """
    if rollup.window is not None:
        return f"CONCAT_WS(' ', day, inputs, '{code}')"
    columns = [member_column(segment) for segment, _ in rollup.segments]
    columns += [measure.metric for measure in rollup.measures]
    columns += [f"{measure.metric}_counts" for measure in rollup.measures if measure.counts and _needs_rows(measure)]
    version = f"SUM(CAST(HASH({', '.join(columns)}) AS HUGEINT))"
    if "_loaded_at" in fact_columns and len(rollup.models) == 1 and not rollup.cohort:
        version = "EPOCH_US(MAX(_loaded_at))"
    return f"CONCAT_WS(' ', COUNT(*), {version}, '{code}')"


def referenced(sql: str, form: str = "{{{{ ref('{}') }}}}") -> str:
    """SQL with its marked tables as dbt references, or in another form."""
    return _REF.sub(lambda match: form.format(match.group(1)), sql)


def joined(names: Iterable[str]) -> str:
    """Relations with the columns KEYS, side by side."""
    first, *others = names
    return first + "".join(f"\n  FULL OUTER JOIN {other} USING ({', '.join(KEYS)})" for other in others)


def _daily(rollup: Rollup, inputs: str | None) -> str:
    rows = [
        f"{_rows(measure)} AS {measure.metric}_rows" for measure in rollup.rolled_up if measure.measure_class == "stock"
    ]
    columns = [
        "COUNT(*) AS n_rows",
        *(f"{aggregated(measure)} AS {measure.metric}" for measure in rollup.rolled_up),
        *rows,
    ]
    fact = _fact(rollup, rollup.measures, loaded_at="_loaded_at" in (inputs or ""))
    select = f"SELECT\n  day,\n{indent(cut(rollup), '  ')}"
    grouped = f"GROUP BY GROUPING SETS ({grouping_sets(rollup, 'day')})"
    if inputs is None:
        return f"""{_title(rollup, "Days of")}
WITH fact AS (
{fact}
)
{select}{listed(columns)}
FROM fact
{grouped}
"""
    return f"""{_title(rollup, "Days of")}
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


def _measures(rollup: Rollup, inputs: str | None) -> str:
    days = "period_days" if inputs is None else "changed_days"
    ctes = _periods(rollup, inputs)
    parts = []
    if rollup.rolled_up:
        ctes |= _rolled_up(rollup, days)
        parts.append("rolled_up")
    if rollup.recounted:
        ctes["fact AS" if inputs is None else "fact AS NOT MATERIALIZED"] = _fact(rollup, rollup.recounted)
        recounted, results = non_additive(rollup, days, narrowed=inputs is not None)
        ctes |= recounted
        parts += results
    head = [_title(rollup, "Every measure of")]
    head += [_incremental("['freq', 'span', 'period_start']")] if inputs is not None else []
    head += [loops(rollup)] if rollup.recounted else []
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


def _periods(rollup: Rollup, inputs: str | None) -> dict[str, str]:
    """CTEs by how each begins: the days of each period, and with `inputs` those of the periods that have changed."""
    of_day = ""
    if inputs is not None:
        of_day = ", inputs" if rollup.window is None else f", {inputs} AS inputs"
    ctes = {
        "days AS": f"""  SELECT day{of_day}
  FROM {{{{ ref('rollup_{rollup.days}_daily') }}}}
  WHERE segment = '_T' AND n_rows > 0""",
        "period_days AS": _period_days(rollup),
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


def _rolled_up(rollup: Rollup, days: str) -> dict[str, str]:
    """CTEs by how each begins: what the periods' days come to, `days` naming these."""
    columns = [_of_period(measure) for measure in rollup.rolled_up]
    source = f"FROM {{{{ ref('rollup_{rollup.days}_daily') }}}} AS daily\n  INNER JOIN {days} USING (day)"
    ctes = {}
    stocks = [measure for measure in rollup.rolled_up if measure.measure_class == "stock"]
    if stocks:
        chosen = [
            f"{'MIN' if measure.first_day else 'MAX'}(day) FILTER (WHERE {measure.metric}_rows > 0)"
            f" AS {measure.metric}_day"
            for measure in stocks
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


def _title(rollup: Rollup, what: str) -> str:
    return (
        f"-- {what} {rollup.name}, for {', '.join(rollup.kpi_ids)}.\n"
        "-- Written by `kpi compile`; change the definitions, not this file."
    )


def _fact(rollup: Rollup, measures: Sequence[MeasureQuery], *, loaded_at: bool = False) -> str:
    """The source's rows in the rollup's own columns."""
    columns = [f"{rollup.day} AS day", *(f"{sql} AS {member_column(segment)}" for segment, sql in rollup.segments)]
    columns += [f"{_column(measure)} AS {measure.metric}" for measure in measures]
    columns += [
        f"{measure.counts} AS {measure.metric}_counts"
        for measure in measures
        if measure.counts and _needs_rows(measure)
    ]
    if loaded_at:
        columns.append("_loaded_at")
    listed = ",\n".join(f"    {column}" for column in columns)
    return f"  SELECT\n{listed}\n  FROM {referenced(rollup.source)}\n  WHERE {rollup.day} IS NOT NULL"


def _column(measure: MeasureQuery) -> str:
    """Distinct counts come from keys and, apart from them, the filter; others from values that are NULL elsewhere."""
    return measure.argument if measure.measure_class == "distinct" else measure.value


def _needs_rows(measure: MeasureQuery) -> bool:
    """Whether the value alone doesn't tell a group without rows of the measure from one with: a count is 0 in both."""
    return measure.measure_class in ("stock", "distinct")


def _rows(measure: MeasureQuery) -> str:
    return f"COUNT_IF({measure.metric}_counts)" if measure.counts else "COUNT(*)"


def _of_period(measure: MeasureQuery) -> str:
    name = measure.metric
    if measure.measure_class == "stock":
        return f"MAX({name}) FILTER (WHERE span = 'period' AND day = {name}_day AND {name}_rows > 0) AS {name}"
    return f"{measure.roll_up}({measure.days_of}) AS {name}"


def _period_days(rollup: Rollup) -> str:
    if rollup.window is not None:
        return f"  {window_days(rollup.window, rollup.freqs, rollup.spine)}"
    freqs = ", ".join(f"'{freq}'" for freq in rollup.freqs if freq != PART_OF_WEEK)
    days = f"  {{{{ period_days('days', [{freqs}], to_date={rollup.to_date}) }}}}"
    return days + ("\n  UNION ALL\n  {{ parts_of_weeks('days') }}" if PART_OF_WEEK in rollup.freqs else "")


def _attributed(rollup: Rollup, cohort: Cohort, *, incremental: bool) -> str:
    title = _title(rollup, "Each conversion with the event that led to it, for")
    config = f"\n{_incremental(repr('day'))}" if incremental else ""
    sql = attributed_sql(cohort, [name for name, _ in rollup.segments], incremental=incremental)
    return f"{title}{config}\n{referenced(sql)}"


def _averages(rollup: Rollup) -> str:
    daily, by_day = f"rollup_{rollup.days}_daily", f"rollup_{rollup.name}_by_day"
    averages = averages_sql(daily, by_day, rollup.measures, rollup.freqs, rollup.spine)
    return f"{_title(rollup, 'Every measure of')}\n{averages}"
