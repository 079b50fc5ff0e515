-- Days of trainings, for training_hours_per_fte.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(training_date AS DATE) AS day,
    country AS country_member,
    department AS department_member,
    sex AS gender_member,
    employee_id AS trained_employees,
    CASE WHEN has_fte THEN hours END AS training_hours,
    has_fte AS trained_employees_counts
  FROM {{ ref('fct_trainings') }} AS trainings
  WHERE CAST(training_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, department_member, gender_member, trained_employees, training_hours, trained_employees_counts) AS HUGEINT)), '904cd268e989f50c') AS inputs
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
    WHEN GROUPING(gender_member) = 0 THEN 'gender'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(country_member) = 0 THEN COALESCE(CAST(country_member AS STRING), '_U')
    WHEN GROUPING(department_member) = 0 THEN COALESCE(CAST(department_member AS STRING), '_U')
    WHEN GROUPING(gender_member) = 0 THEN COALESCE(CAST(gender_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(training_hours) AS training_hours,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, department_member, gender_member, trained_employees, training_hours, trained_employees_counts) AS HUGEINT)), '904cd268e989f50c') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, country_member), (day, department_member), (day, gender_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
