-- Days of absence_days, for absence_rate.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(absence_date AS DATE) AS day,
    department AS department_member,
    CASE WHEN NOT absence_day_id IS NULL THEN 1 ELSE 0 END AS absence_days,
    employee_id AS absent_employees
  FROM {{ ref('fct_absence_days') }} AS absence_days
  WHERE CAST(absence_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(department_member, absence_days, absent_employees) AS HUGEINT)), '1df644fe1fb96f35') AS inputs
  FROM fact
  GROUP BY day
), changed AS (
  -- The total's row says what its day was computed from; a member's says it of the member's rows.
  SELECT day
  FROM inputs
  ANTI JOIN (SELECT day, inputs FROM {{ this }} WHERE segment = '_T') AS kept USING (day, inputs)
){% endif %}
SELECT
  day,
  CASE
    WHEN GROUPING(department_member) = 0 THEN 'department'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(department_member) = 0 THEN COALESCE(CAST(department_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(absence_days) AS absence_days,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(department_member, absence_days, absent_employees) AS HUGEINT)), '1df644fe1fb96f35') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, department_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
