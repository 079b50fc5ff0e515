-- Days of survey_answers, for engagement_score, enps.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(answer_date AS DATE) AS day,
    country AS country_member,
    department AS department_member,
    CASE WHEN NOT is_favourable IS NULL THEN 1 ELSE 0 END AS engagement_answers,
    CASE WHEN NOT is_promoter IS NULL THEN 1 ELSE 0 END AS enps_answers,
    CASE WHEN is_detractor THEN 1 ELSE 0 END AS enps_detractors,
    CASE WHEN is_promoter THEN 1 ELSE 0 END AS enps_promoters,
    employee_id AS enps_promoting_employees,
    employee_id AS enps_respondents,
    CASE WHEN is_favourable THEN 1 ELSE 0 END AS favourable_answers,
    employee_id AS favourable_respondents,
    employee_id AS unfavourable_respondents,
    is_promoter AS enps_promoting_employees_counts,
    NOT is_promoter IS NULL AS enps_respondents_counts,
    is_favourable AS favourable_respondents_counts,
    NOT is_favourable AS unfavourable_respondents_counts
  FROM {{ ref('fct_survey_answers') }} AS survey_answers
  WHERE CAST(answer_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, department_member, engagement_answers, enps_answers, enps_detractors, enps_promoters, enps_promoting_employees, enps_respondents, favourable_answers, favourable_respondents, unfavourable_respondents, enps_promoting_employees_counts, enps_respondents_counts, favourable_respondents_counts, unfavourable_respondents_counts) AS HUGEINT)), '35451e8fc3733e4e') AS inputs
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
  SUM(engagement_answers) AS engagement_answers,
  SUM(enps_answers) AS enps_answers,
  SUM(enps_detractors) AS enps_detractors,
  SUM(enps_promoters) AS enps_promoters,
  SUM(favourable_answers) AS favourable_answers,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, department_member, engagement_answers, enps_answers, enps_detractors, enps_promoters, enps_promoting_employees, enps_respondents, favourable_answers, favourable_respondents, unfavourable_respondents, enps_promoting_employees_counts, enps_respondents_counts, favourable_respondents_counts, unfavourable_respondents_counts) AS HUGEINT)), '35451e8fc3733e4e') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, country_member), (day, department_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
