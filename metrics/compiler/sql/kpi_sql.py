"""Writes the SQL of a KPI's dbt model from its plan. Pure: the same plan gives the same text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlglot import exp

from metrics.compiler.arithmetic import Measure
from metrics.compiler.plan import KpiPlan, Rollup
from metrics.compiler.sql.cuts import KEYS
from metrics.compiler.sql.rollups import full_outer_join
from metrics.core.periods import PART_OF_WEEK
from metrics.core.quoting import comment


def kpi_sql(plan: KpiPlan, rollups: Sequence[Rollup], definition_hash: str) -> str:
    """The SQL of a KPI's dbt model: for each period of each frequency a row per segment member and one for the total.

    Its columns are those of `kpi.candidates`, apart from `candidate_hash`: that is one hash over all rows of a period,
    so the gate adds it when it reads the rows. For protected KPIs the gate makes it a keyed hash.
    """
    ctes = _measure_ctes(plan, rollups)
    columns = {
        "obs_value": _sql(plan.value, "DOUBLE"),
        "numerator": _sql(plan.numerator, "DOUBLE"),
        "denominator": _sql(plan.denominator, "DOUBLE"),
        "n_obs": _count(plan.n_obs),
        "n_persons_numerator": _count(plan.n_persons_numerator),
        "n_persons_denominator": _count(plan.n_persons_denominator),
    }
    measures = full_outer_join(ctes)
    if plan.offsets:
        if len(ctes) > 1:
            ctes["measures"] = f"  SELECT *\n  FROM {measures}"
            measures = "measures"
        ctes["with_earlier"] = _with_earlier(plan, measures)
        measures = "with_earlier"
    computed = ",\n    ".join([*KEYS, *(f"{expression} AS {name}" for name, expression in columns.items())])
    counted = [*plan.measures, *(measure.column for measure in plan.offsets if plan.has_value_of_vanished)]
    of_freq = {column: f" AND freq = '{freq}'" for column, freq in plan.freq_of.items()}
    has_value = " OR ".join(f"NOT {column} IS NULL{of_freq.get(column, '')}" for column in counted)
    ctes["computed"] = f"  SELECT\n    {computed}\n  FROM {measures}\n  WHERE {has_value}"
    to_date, joins = "CAST(NULL AS DOUBLE) AS year_to_date,\n  CAST(NULL AS DOUBLE) AS rolling_12_months", ""
    if plan.to_date:
        to_date = "year_to_date.obs_value AS year_to_date,\n  rolling_12_months.obs_value AS rolling_12_months"
        joins = "".join(
            f"\nLEFT JOIN computed AS {span}\n  ON {_to_date(span)}" for span in ("year_to_date", "rolling_12_months")
        )
    cte_list = ", ".join(f"{name} AS (\n{sql}\n)" for name, sql in ctes.items())
    code = "{{ time_period('period.freq', 'period.period_start') }}"
    end = "{{ period_end('period.freq', 'period.period_start') }}"
    if PART_OF_WEEK in plan.freqs:
        code = f"COALESCE({code}, CAST(period.period_start AS STRING))"
        end = f"COALESCE({end}, {{{{ part_of_week_end('period.period_start') }}}})"
    return f"""{comment(f"{plan.kpi.definition.name} ({plan.kpi.id}).")}
-- Written by `kpi compile`; change the definition, not this file.
WITH {cte_list}
SELECT
  '{plan.kpi.id}' AS kpi_id,
  period.freq,
  {code} AS time_period,
  period.period_start,
  {end} AS period_end,
  period.segment,
  period.member,
  {("," + chr(10) + "  ").join(f"period.{name}" for name in columns)},
  {to_date},
  '{definition_hash}' AS definition_hash,
  '{{{{ invocation_id }}}}' AS batch_id
FROM computed AS period{joins}
WHERE period.span = 'period'
"""


def _measure_ctes(plan: KpiPlan, rollups: Sequence[Rollup]) -> dict[str, str]:
    """The SQL of one CTE per group of measures that are in the same rollups, by the CTE's name."""
    adopted = plan.kpi.adoption.segments
    groups: dict[tuple[tuple[str, str], ...], list[str]] = defaultdict(list)
    for measure in plan.measures:
        sources = []  # (rollup, SQL list of the segments that it has of the measure)
        for rollup in rollups:
            for query in rollup.measures:
                if query.metric == measure:
                    segments = ["_T"] * query.includes_total + [name for name, _ in query.segments if name in adopted]
                    sources.append((rollup.name, ", ".join(f"'{segment}'" for segment in segments)))
        groups[tuple(source for source in sources if source[1])].append(measure)
    freqs = ", ".join(f"'{freq}'" for freq in plan.freqs)
    span = f"(freq IN ({freqs}) OR span <> 'period')" if plan.to_date else f"freq IN ({freqs}) AND span = 'period'"
    ctes: dict[str, str] = {}
    for rollup_segments, measures in groups.items():
        selects = [
            f"  SELECT {', '.join((*KEYS, *measures))}\n  FROM {{{{ ref('rollup_{rollup_name}') }}}}\n"
            f"  WHERE {span} AND segment IN ({segment_list})"
            for rollup_name, segment_list in rollup_segments
        ]
        first_rollup = rollup_segments[0][0]
        name = first_rollup if first_rollup not in ctes else f"{first_rollup}_{measures[0]}"
        ctes[name] = "\n  UNION ALL\n".join(selects)
    return ctes


def _with_earlier(plan: KpiPlan, measures: str) -> str:
    """The measures, joined with their values of earlier periods.

    A left join, because a period without rows of its own has no observation, even where the earlier period has one;
    unless the metric has a value there. Then there are also the members that only the earlier period has, up to today.
    """
    columns = ", ".join(f"{measure.column}.{measure.metric} AS {measure.column}" for measure in plan.offsets)
    joins = []
    for measure in plan.offsets:
        conditions = [f"{measure.column}.{key} = now.{key}" for key in KEYS if key != "period_start"]
        conditions.append(f"{_later(measure, f'{measure.column}.period_start')} = now.period_start")
        joins.append(f"\n  LEFT JOIN {measures} AS {measure.column}\n    ON " + "\n    AND ".join(conditions))
    now = f"{measures} AS now"
    if plan.has_value_of_vanished:
        keys = ", ".join(KEYS)
        starts = {measure.offset: _later(measure, "period_start") for measure in plan.offsets}
        vanished = "".join(
            f"\n      UNION\n      SELECT freq, span, CAST({start} AS DATE) AS period_start, segment, member\n"
            f"      FROM {measures}\n      WHERE {start} <= {{{{ today() }}}}"
            for start in starts.values()
        )
        now = f"""(
    SELECT *
    FROM (
      SELECT {keys}
      FROM {measures}{vanished}
    ) AS keys
    LEFT JOIN {measures} USING ({keys})
  ) AS now"""
    return f"  SELECT now.*, {columns}\n  FROM {now}{''.join(joins)}"


def _later(measure: Measure, start: str) -> str:
    """The SQL of the start of the period that is compared with the one that begins on `start`."""
    count, unit = measure.offset.split()
    return f"{start} + INTERVAL {count} {unit.upper()}"


def _to_date(span: str) -> str:
    """The condition that joins a period with its value to date: for a month its own, for a quarter its last month's.

    `span`, year_to_date or rolling_12_months, is the value's span and the alias of its table.
    """
    return (
        f"{span}.span = '{span}'\n"
        f"  AND {span}.period_start = CASE period.freq\n"
        "    WHEN 'M' THEN period.period_start WHEN 'Q' THEN period.period_start + INTERVAL 2 MONTH\n  END\n"
        f"  AND {span}.segment = period.segment AND {span}.member = period.member"
    )


def _sql(expression: exp.Expr | None, sql_type: str) -> str:
    if expression is None:
        return f"CAST(NULL AS {sql_type})"
    sql = expression.sql(dialect="duckdb")
    return sql if isinstance(expression, exp.Div) and sql_type == "DOUBLE" else f"CAST({sql} AS {sql_type})"


def _count(expression: exp.Expr | None) -> str:
    """The SQL of a count over joined measures: 0 where a measure has no row."""
    return _sql(
        exp.func("COALESCE", expression.copy(), exp.Literal.number(0)) if expression is not None else None, "BIGINT"
    )


def candidates_sql(plans: Sequence[KpiPlan]) -> str:
    """The SQL of the view `candidates`: the rows of all KPIs, with a hash of the rows of each KPI and period."""
    selects = [
        f"    select * from {{{{ ref('{plan.kpi.model}') }}}}"
        + (f" where freq <> '{PART_OF_WEEK}'" if PART_OF_WEEK in plan.freqs else "")
        for plan in plans
    ]
    union = "\n    union all\n".join(selects)
    return f"""-- Every candidate of every adopted KPI. Written by `kpi compile`.
{{{{ config(materialized='view') }}}}

with observations as (

{union}

),

hashes as (

    -- Ten digits of canonical text: sums of DOUBLE differ between runs in their last ones.
    select
        kpi_id,
        freq,
        time_period,
        sha256(
            string_agg(
                concat_ws(
                    '|', segment, member,
                    coalesce(printf('%.9e', obs_value), ''),
                    coalesce(printf('%.9e', numerator), ''),
                    coalesce(printf('%.9e', denominator), ''),
                    coalesce(printf('%.9e', year_to_date), ''), coalesce(printf('%.9e', rolling_12_months), ''),
                    coalesce(n_obs, -1), coalesce(n_persons_numerator, -1), coalesce(n_persons_denominator, -1),
                    definition_hash
                ),
                chr(10) order by segment, member
            )
        ) as candidate_hash
    from observations
    group by kpi_id, freq, time_period

)

select
    observations.* exclude (definition_hash, batch_id),
    observations.definition_hash,
    hashes.candidate_hash,
    observations.batch_id
from observations
inner join hashes using (kpi_id, freq, time_period)
"""
