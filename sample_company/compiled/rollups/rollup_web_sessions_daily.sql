-- Days of web_sessions, for bounce_rate, conversion_rate, engagement_rate, web_sessions.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(session_date AS DATE) AS day,
    channel AS channel_member,
    country AS country_member,
    sessions - engaged_sessions AS web_bounces,
    conversions AS web_conversions,
    engaged_sessions AS web_engaged_sessions,
    sessions AS web_sessions,
    _loaded_at
  FROM {{ ref('fct_web_sessions') }} AS web_sessions
  WHERE CAST(session_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), '1a14e60afa87b20d') AS inputs
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
    WHEN GROUPING(channel_member) = 0 THEN 'channel'
    WHEN GROUPING(country_member) = 0 THEN 'country'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(channel_member) = 0 THEN COALESCE(CAST(channel_member AS STRING), '_U')
    WHEN GROUPING(country_member) = 0 THEN COALESCE(CAST(country_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(web_bounces) AS web_bounces,
  SUM(web_conversions) AS web_conversions,
  SUM(web_engaged_sessions) AS web_engaged_sessions,
  SUM(web_sessions) AS web_sessions,
  CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), '1a14e60afa87b20d') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, channel_member), (day, country_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
