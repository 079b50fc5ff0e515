-- Each conversion with the event that led to it, for lead_to_customer_rate_cohorts, for lead_to_customer_rate.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH events AS NOT MATERIALIZED (
  SELECT
    CAST(lead_date AS DATE) AS day,
    channel AS channel_member,
    country AS country_member,
    person_id AS person_key
  FROM {{ ref('fct_leads') }} AS leads
  WHERE CAST(lead_date AS DATE) IS NOT NULL
), conversions AS NOT MATERIALIZED (
  SELECT
    CAST(first_order_date AS DATE) AS day,
    person_id AS person_key,
    CASE WHEN NOT customer_id IS NULL THEN 1 ELSE 0 END AS converted
  FROM {{ ref('dim_customers') }} AS customers
  WHERE CAST(first_order_date AS DATE) IS NOT NULL
), versions AS (
  SELECT day, CONCAT_WS(' ', ' events', COUNT(*), SUM(CAST(HASH(channel_member, country_member, person_key) AS HUGEINT))) AS version
  FROM events
  GROUP BY day
  UNION ALL
  SELECT day, CONCAT_WS(' ', ' conversions', COUNT(*), SUM(CAST(HASH(person_key, converted) AS HUGEINT))) AS version
  FROM conversions
  GROUP BY day
), inputs AS (
  -- What each day's cohort depends on: all rows from its day to the end of its window.
  SELECT
    cohort_days.day,
    MD5(CONCAT('1432e0033b65382c ', STRING_AGG(CONCAT(versions.day, version), ' ' ORDER BY versions.day, version))) AS inputs
  FROM (SELECT DISTINCT day FROM events) AS cohort_days
  INNER JOIN versions
    ON versions.day >= cohort_days.day AND cohort_days.day > versions.day - INTERVAL 90 day
  GROUP BY cohort_days.day
), changed AS (
  SELECT day, inputs
  FROM inputs{% if is_incremental() %} ANTI JOIN {{ this }} USING (day, inputs){% endif %}
), reopened AS (
  SELECT *
  FROM events
  WHERE day >= (SELECT MIN(day) FROM changed)
), event_days AS (
  -- Of several events on one day, the first member by name.
  SELECT day, person_key, MIN(channel_member) AS channel_member, MIN(country_member) AS country_member
  FROM reopened
  WHERE person_key IS NOT NULL
  GROUP BY day, person_key
), timeline AS (
  SELECT day, person_key, 0 AS is_conversion, NULL AS converted
  FROM event_days
  UNION ALL
  SELECT day, person_key, 1 AS is_conversion, converted
  FROM conversions WHERE day >= (SELECT MIN(day) FROM changed)
), newest_events AS (
  SELECT
    person_key,
    day AS conversion_day,
    is_conversion,
    converted,
    MAX(CASE WHEN is_conversion = 0 THEN day END) OVER (
      PARTITION BY person_key ORDER BY day, is_conversion ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS day
  FROM timeline
), cohort AS (
  SELECT day, channel_member, country_member, 0 AS converted
  FROM reopened
  UNION ALL
  SELECT day, channel_member, country_member, converted
  FROM newest_events
  INNER JOIN event_days USING (day, person_key)
  WHERE is_conversion = 1 AND day > conversion_day - INTERVAL 90 day
)
SELECT day, channel_member, country_member, SUM(converted) AS converted, TRUE AS has_events, inputs
FROM cohort
INNER JOIN changed USING (day)
GROUP BY day, channel_member, country_member, inputs
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no events any more.
SELECT DISTINCT day, FALSE AS has_events
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
