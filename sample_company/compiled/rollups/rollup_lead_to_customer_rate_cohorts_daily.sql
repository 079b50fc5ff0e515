-- Days of lead_to_customer_rate_cohorts, for lead_to_customer_rate.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    day AS day,
    channel_member AS channel_member,
    country_member AS country_member,
    converted AS lead_to_customer_rate__conversions
  FROM (SELECT * FROM {{ ref('rollup_lead_to_customer_rate_cohorts_attributed') }} WHERE has_events) AS cohort
  WHERE day IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(channel_member, country_member, lead_to_customer_rate__conversions) AS HUGEINT)), '6f4f7b679449baef') AS inputs
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
  SUM(lead_to_customer_rate__conversions) AS lead_to_customer_rate__conversions,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(channel_member, country_member, lead_to_customer_rate__conversions) AS HUGEINT)), '6f4f7b679449baef') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, channel_member), (day, country_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
