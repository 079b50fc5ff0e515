-- Days of hours_worked, for injury_frequency_recordable, ltifr.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(DATE_TRUNC('MONTH', work_month) AS DATE) AS day,
    country AS country_member,
    department AS department_member,
    employee_id AS employees_working,
    million_hours AS million_hours_worked,
    CASE WHEN NOT work_id IS NULL THEN 1 ELSE 0 END AS months_worked
  FROM {{ ref('fct_hours_worked') }} AS hours_worked
  WHERE CAST(DATE_TRUNC('MONTH', work_month) AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, department_member, employees_working, million_hours_worked, months_worked) AS HUGEINT)), 'cb398bb775e202fd') AS inputs
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
    WHEN GROUPING(country_member) = 0 THEN 'country'
    WHEN GROUPING(department_member) = 0 THEN 'department'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(country_member) = 0 THEN COALESCE(CAST(country_member AS STRING), '_U')
    WHEN GROUPING(department_member) = 0 THEN COALESCE(CAST(department_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(million_hours_worked) AS million_hours_worked,
  SUM(months_worked) AS months_worked,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, department_member, employees_working, million_hours_worked, months_worked) AS HUGEINT)), 'cb398bb775e202fd') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, country_member), (day, department_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
