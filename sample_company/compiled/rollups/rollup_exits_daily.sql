-- Days of exits, for turnover_rate, turnover_voluntary_rate.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(exit_date AS DATE) AS day,
    country AS country_member,
    department AS department_member,
    employee_id AS leavers,
    employee_id AS voluntary_leavers,
    exit_reason = 'voluntary' AS voluntary_leavers_counts
  FROM {{ ref('fct_exits') }} AS exits
  WHERE CAST(exit_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, department_member, leavers, voluntary_leavers, voluntary_leavers_counts) AS HUGEINT)), 'e6d3c8140894136c') AS inputs
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
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, department_member, leavers, voluntary_leavers, voluntary_leavers_counts) AS HUGEINT)), 'e6d3c8140894136c') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, country_member), (day, department_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
