-- Days of injuries, for injury_frequency_recordable, ltifr.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(injury_date AS DATE) AS day,
    country AS country_member,
    department AS department_member,
    employee_id AS employees_losing_time,
    employee_id AS injured_employees,
    CASE WHEN is_lost_time THEN 1 ELSE 0 END AS lost_time_injuries,
    CASE WHEN is_recordable THEN 1 ELSE 0 END AS recordable_injuries,
    is_lost_time AS employees_losing_time_counts,
    is_recordable AS injured_employees_counts
  FROM {{ ref('fct_injuries') }} AS injuries
  WHERE CAST(injury_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, department_member, employees_losing_time, injured_employees, lost_time_injuries, recordable_injuries, employees_losing_time_counts, injured_employees_counts) AS HUGEINT)), '36636192bde7058a') AS inputs
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
  SUM(lost_time_injuries) AS lost_time_injuries,
  SUM(recordable_injuries) AS recordable_injuries,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, department_member, employees_losing_time, injured_employees, lost_time_injuries, recordable_injuries, employees_losing_time_counts, injured_employees_counts) AS HUGEINT)), '36636192bde7058a') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, country_member), (day, department_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
