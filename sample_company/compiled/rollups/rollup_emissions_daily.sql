-- Days of emissions, for ghg_scope12_location, ghg_scope12_market.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(DATE_TRUNC('MONTH', activity_month) AS DATE) AS day,
    scope AS scope_member,
    site AS site_member,
    CASE WHEN NOT activity_id IS NULL THEN 1 ELSE 0 END AS emission_activities,
    tonnes_location AS ghg_scope12_location,
    tonnes_market AS ghg_scope12_market
  FROM {{ ref('fct_emissions') }} AS emissions
  WHERE CAST(DATE_TRUNC('MONTH', activity_month) AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(scope_member, site_member, emission_activities, ghg_scope12_location, ghg_scope12_market) AS HUGEINT)), '96e206ba3daf53b6') AS inputs
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
    WHEN GROUPING(scope_member) = 0 THEN 'scope'
    WHEN GROUPING(site_member) = 0 THEN 'site'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(scope_member) = 0 THEN COALESCE(CAST(scope_member AS STRING), '_U')
    WHEN GROUPING(site_member) = 0 THEN COALESCE(CAST(site_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(emission_activities) AS emission_activities,
  SUM(ghg_scope12_location) AS ghg_scope12_location,
  SUM(ghg_scope12_market) AS ghg_scope12_market,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(scope_member, site_member, emission_activities, ghg_scope12_location, ghg_scope12_market) AS HUGEINT)), '96e206ba3daf53b6') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, scope_member), (day, site_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
