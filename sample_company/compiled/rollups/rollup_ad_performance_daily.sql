-- Days of ad_performance, for ad_conversion_rate, cac, cost_per_conversion, cpc, cpl, ctr, roas.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(ad_date AS DATE) AS day,
    audience AS audience_member,
    campaign AS campaign_member,
    channel AS channel_member,
    country AS country_member,
    message AS message_member,
    platform AS platform_member,
    clicks AS ad_clicks,
    conversion_value AS ad_conversion_value,
    conversions AS ad_conversions,
    cost AS ad_cost,
    impressions AS ad_impressions
  FROM {{ ref('fct_ad_performance') }} AS ad_performance
  WHERE CAST(ad_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(audience_member, campaign_member, channel_member, country_member, message_member, platform_member, ad_clicks, ad_conversion_value, ad_conversions, ad_cost, ad_impressions) AS HUGEINT)), '8dad379e3a56bda6') AS inputs
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
    WHEN GROUPING(campaign_member) = 0 THEN 'campaign'
    WHEN GROUPING(channel_member) = 0 THEN 'channel'
    WHEN GROUPING(country_member) = 0 THEN 'country'
    WHEN GROUPING(message_member) = 0 THEN 'message'
    WHEN GROUPING(platform_member) = 0 THEN 'platform'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(audience_member) = 0 THEN COALESCE(CAST(audience_member AS STRING), '_U')
    WHEN GROUPING(campaign_member) = 0 THEN COALESCE(CAST(campaign_member AS STRING), '_U')
    WHEN GROUPING(channel_member) = 0 THEN COALESCE(CAST(channel_member AS STRING), '_U')
    WHEN GROUPING(country_member) = 0 THEN COALESCE(CAST(country_member AS STRING), '_U')
    WHEN GROUPING(message_member) = 0 THEN COALESCE(CAST(message_member AS STRING), '_U')
    WHEN GROUPING(platform_member) = 0 THEN COALESCE(CAST(platform_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(ad_clicks) AS ad_clicks,
  SUM(ad_conversion_value) AS ad_conversion_value,
  SUM(ad_conversions) AS ad_conversions,
  SUM(ad_cost) AS ad_cost,
  SUM(ad_impressions) AS ad_impressions,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(audience_member, campaign_member, channel_member, country_member, message_member, platform_member, ad_clicks, ad_conversion_value, ad_conversions, ad_cost, ad_impressions) AS HUGEINT)), '8dad379e3a56bda6') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, audience_member), (day, campaign_member), (day, channel_member), (day, country_member), (day, message_member), (day, platform_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
