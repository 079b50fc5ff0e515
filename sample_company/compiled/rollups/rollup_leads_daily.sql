-- Days of leads, for cpl, lead_to_customer_rate.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(lead_date AS DATE) AS day,
    audience AS audience_member,
    channel AS channel_member,
    country AS country_member,
    message AS message_member,
    platform AS platform_member,
    CASE WHEN NOT lead_id IS NULL THEN 1 ELSE 0 END AS leads,
    CASE WHEN is_qualified THEN 1 ELSE 0 END AS qualified_leads,
    _loaded_at
  FROM {{ ref('fct_leads') }} AS leads
  WHERE CAST(lead_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), 'd172ddd00178fd95') AS inputs
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
    WHEN GROUPING(audience_member) = 0 THEN 'audience'
    WHEN GROUPING(channel_member) = 0 THEN 'channel'
    WHEN GROUPING(country_member) = 0 THEN 'country'
    WHEN GROUPING(message_member) = 0 THEN 'message'
    WHEN GROUPING(platform_member) = 0 THEN 'platform'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(audience_member) = 0 THEN COALESCE(CAST(audience_member AS STRING), '_U')
    WHEN GROUPING(channel_member) = 0 THEN COALESCE(CAST(channel_member AS STRING), '_U')
    WHEN GROUPING(country_member) = 0 THEN COALESCE(CAST(country_member AS STRING), '_U')
    WHEN GROUPING(message_member) = 0 THEN COALESCE(CAST(message_member AS STRING), '_U')
    WHEN GROUPING(platform_member) = 0 THEN COALESCE(CAST(platform_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(leads) AS leads,
  SUM(qualified_leads) AS qualified_leads,
  CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), 'd172ddd00178fd95') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, audience_member), (day, channel_member), (day, country_member), (day, message_member), (day, platform_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
