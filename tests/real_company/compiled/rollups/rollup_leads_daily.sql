-- Days of leads, for cpl.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(lead_date AS DATE) AS day,
    CASE WHEN is_qualified THEN 1 ELSE 0 END AS qualified_leads,
    _loaded_at
  FROM {{ ref('fct_leads') }} AS leads
  WHERE CAST(lead_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), 'cd2c6b5fed87f3f5') AS inputs
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
  '_T' AS segment,
  '_T' AS member,
  COUNT(*) AS n_rows,
  SUM(qualified_leads) AS qualified_leads,
  CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), 'cd2c6b5fed87f3f5') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
