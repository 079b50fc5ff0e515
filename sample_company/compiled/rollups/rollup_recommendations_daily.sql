-- Days of recommendations, for nps.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(answered_date AS DATE) AS day,
    country AS country_member,
    promoter_points AS promoter_points,
    CASE WHEN NOT promoter_points IS NULL THEN 1 ELSE 0 END AS recommendation_answers,
    _loaded_at
  FROM {{ ref('fct_recommendations') }} AS recommendations
  WHERE CAST(answered_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), '0272bdebbc9c602f') AS inputs
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
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(country_member) = 0 THEN COALESCE(CAST(country_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(promoter_points) AS promoter_points,
  SUM(recommendation_answers) AS recommendation_answers,
  CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), '0272bdebbc9c602f') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, country_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
