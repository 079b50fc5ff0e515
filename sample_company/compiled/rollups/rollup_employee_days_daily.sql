-- Days of employee_days, for absence_rate, gender_pay_gap, headcount, revenue_per_employee, training_hours_per_fte, turnover_rate, turnover_voluntary_rate.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(date_day AS DATE) AS day,
    country AS country_member,
    department AS department_member,
    sex AS gender_member,
    CASE WHEN is_working_day THEN 1 ELSE 0 END AS contracted_days,
    CASE WHEN NOT employee_id IS NULL THEN 1 ELSE 0 END AS employee_days,
    employee_id AS employees_in_period,
    fte AS fte_days,
    employee_id AS headcount,
    CASE WHEN sex = 'M' THEN hourly_pay END AS highest_hourly_pay_men,
    CASE WHEN sex = 'F' THEN hourly_pay END AS highest_hourly_pay_women,
    CASE WHEN sex = 'M' THEN hourly_pay END AS hourly_pay_men,
    CASE WHEN sex = 'F' THEN hourly_pay END AS hourly_pay_women,
    CASE WHEN sex = 'M' THEN employee_id END AS men,
    date_day AS staffed_days,
    CASE WHEN sex = 'F' THEN employee_id END AS women,
    sex = 'M' AS highest_hourly_pay_men_counts,
    sex = 'F' AS highest_hourly_pay_women_counts,
    sex = 'M' AS hourly_pay_men_counts,
    sex = 'F' AS hourly_pay_women_counts,
    sex = 'M' AS men_counts,
    sex = 'F' AS women_counts
  FROM {{ ref('fct_employee_days') }} AS employee_days
  WHERE CAST(date_day AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, department_member, gender_member, contracted_days, employee_days, employees_in_period, fte_days, headcount, highest_hourly_pay_men, highest_hourly_pay_women, hourly_pay_men, hourly_pay_women, men, staffed_days, women, highest_hourly_pay_men_counts, highest_hourly_pay_women_counts, hourly_pay_men_counts, hourly_pay_women_counts, men_counts, women_counts) AS HUGEINT)), '22f7db05a65fc463') AS inputs
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
  SUM(contracted_days) AS contracted_days,
  SUM(employee_days) AS employee_days,
  SUM(fte_days) AS fte_days,
  COUNT(DISTINCT headcount) AS headcount,
  MAX(highest_hourly_pay_men) AS highest_hourly_pay_men,
  MAX(highest_hourly_pay_women) AS highest_hourly_pay_women,
  SUM(hourly_pay_men) AS hourly_pay_men,
  SUM(hourly_pay_women) AS hourly_pay_women,
  COUNT(DISTINCT men) AS men,
  NULLIF(COUNT(DISTINCT staffed_days), 0) AS staffed_days,
  COUNT(DISTINCT women) AS women,
  COUNT(*) AS headcount_rows,
  COUNT_IF(highest_hourly_pay_men_counts) AS highest_hourly_pay_men_rows,
  COUNT_IF(highest_hourly_pay_women_counts) AS highest_hourly_pay_women_rows,
  COUNT_IF(hourly_pay_men_counts) AS hourly_pay_men_rows,
  COUNT_IF(hourly_pay_women_counts) AS hourly_pay_women_rows,
  COUNT_IF(men_counts) AS men_rows,
  COUNT_IF(women_counts) AS women_rows,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, department_member, gender_member, contracted_days, employee_days, employees_in_period, fte_days, headcount, highest_hourly_pay_men, highest_hourly_pay_women, hourly_pay_men, hourly_pay_women, men, staffed_days, women, highest_hourly_pay_men_counts, highest_hourly_pay_women_counts, hourly_pay_men_counts, hourly_pay_women_counts, men_counts, women_counts) AS HUGEINT)), '22f7db05a65fc463') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, country_member), (day, department_member), (day, gender_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
