-- Every measure of defects_by_created_date, for defects_reported.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key=['freq', 'span', 'period_start']
) }}
WITH days AS (
  SELECT day, inputs
  FROM {{ ref('rollup_defects_by_created_date_daily') }}
  WHERE segment = '_T' AND n_rows > 0
), period_days AS (
  {{ period_days('days', ['W', 'M', 'Q', 'A'], to_date=True) }}
), inputs AS (
  SELECT freq, span, period_start, MD5(STRING_AGG(inputs, ' ' ORDER BY day)) AS inputs
  FROM period_days
  INNER JOIN days USING (day)
  GROUP BY freq, span, period_start
), changed AS (
  SELECT freq, span, period_start, inputs
  FROM inputs{% if is_incremental() %} ANTI JOIN {{ this }} USING (freq, span, period_start, inputs){% endif %}
), changed_days AS (
  SELECT freq, span, period_start, day
  FROM changed
  INNER JOIN period_days USING (freq, span, period_start)
), rolled_up AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    SUM(defects_reported) AS defects_reported
  FROM {{ ref('rollup_defects_by_created_date_daily') }} AS daily
  INNER JOIN changed_days USING (day)
  WHERE n_rows > 0
  GROUP BY freq, span, period_start, segment, member
)
SELECT *
FROM rolled_up
INNER JOIN changed USING (freq, span, period_start)
{% if is_incremental() %}UNION ALL BY NAME
-- A period that has no rows any more.
SELECT DISTINCT freq, span, period_start, '_T' AS segment, '_T' AS member
FROM {{ this }} ANTI JOIN inputs USING (freq, span, period_start)
{% endif %}
