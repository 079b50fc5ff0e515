-- Days of ideas, for idea_to_launch_rate.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(accepted_date AS DATE) AS day,
    idea_source AS idea_source_member,
    CASE WHEN NOT idea_id IS NULL THEN 1 ELSE 0 END AS ideas_accepted,
    CASE WHEN is_launched_within_year THEN 1 ELSE 0 END AS ideas_launched
  FROM {{ ref('fct_ideas') }} AS ideas
  WHERE CAST(accepted_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(idea_source_member, ideas_accepted, ideas_launched) AS HUGEINT)), '183e9ffd7ab7e11b') AS inputs
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
    WHEN GROUPING(idea_source_member) = 0 THEN 'idea_source'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(idea_source_member) = 0 THEN COALESCE(CAST(idea_source_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(ideas_accepted) AS ideas_accepted,
  SUM(ideas_launched) AS ideas_launched,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(idea_source_member, ideas_accepted, ideas_launched) AS HUGEINT)), '183e9ffd7ab7e11b') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, idea_source_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
