
    

    create  table
      "warehouse"."kpi"."kpi_ctr__dbt_tmp"
  
    
    as (
      -- Click-through rate (ctr). Written by `kpi compile`; change the definition, not this file.
WITH ad_performance AS (
  SELECT
    CASE
      WHEN GROUPING(DATE_TRUNC('WEEK', ad_date)) = 0
      THEN 'W'
      WHEN GROUPING(DATE_TRUNC('MONTH', ad_date)) = 0
      THEN 'M'
      WHEN GROUPING(DATE_TRUNC('QUARTER', ad_date)) = 0
      THEN 'Q'
      WHEN GROUPING(DATE_TRUNC('YEAR', ad_date)) = 0
      THEN 'A'
    END AS freq,
    CAST(COALESCE(
      DATE_TRUNC('WEEK', ad_date),
      DATE_TRUNC('MONTH', ad_date),
      DATE_TRUNC('QUARTER', ad_date),
      DATE_TRUNC('YEAR', ad_date)
    ) AS DATE) AS period_start,
    CASE
      WHEN GROUPING(country) = 0
      THEN 'country'
      WHEN GROUPING(channel) = 0
      THEN 'channel'
      WHEN GROUPING(platform) = 0
      THEN 'platform'
      ELSE '_T'
    END AS segment,
    CASE
      WHEN GROUPING(country) = 0
      THEN COALESCE(CAST(country AS TEXT), '_U')
      WHEN GROUPING(channel) = 0
      THEN COALESCE(CAST(channel AS TEXT), '_U')
      WHEN GROUPING(platform) = 0
      THEN COALESCE(CAST(platform AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    SUM(clicks) AS ad_clicks,
    SUM(impressions) AS ad_impressions
  FROM "warehouse"."marts"."fct_ad_performance" AS ad_performance
  GROUP BY
    GROUPING SETS (
      (
        DATE_TRUNC('WEEK', ad_date)
      ),
      (DATE_TRUNC('WEEK', ad_date), country),
      (DATE_TRUNC('WEEK', ad_date), channel),
      (DATE_TRUNC('WEEK', ad_date), platform),
      (
        DATE_TRUNC('MONTH', ad_date)
      ),
      (DATE_TRUNC('MONTH', ad_date), country),
      (DATE_TRUNC('MONTH', ad_date), channel),
      (DATE_TRUNC('MONTH', ad_date), platform),
      (
        DATE_TRUNC('QUARTER', ad_date)
      ),
      (DATE_TRUNC('QUARTER', ad_date), country),
      (DATE_TRUNC('QUARTER', ad_date), channel),
      (DATE_TRUNC('QUARTER', ad_date), platform),
      (
        DATE_TRUNC('YEAR', ad_date)
      ),
      (DATE_TRUNC('YEAR', ad_date), country),
      (DATE_TRUNC('YEAR', ad_date), channel),
      (DATE_TRUNC('YEAR', ad_date), platform)
    )
  HAVING
    NOT period_start IS NULL
)
SELECT
  'ctr' AS kpi_id,
  freq,
  case freq
        when 'W' then strftime(period_start, '%G-W%V')
        when 'M' then strftime(period_start, '%Y-%m')
        when 'Q' then strftime(period_start, '%Y') || '-Q' || quarter(period_start)
        when 'A' then strftime(period_start, '%Y')
    end AS time_period,
  period_start,
  cast(
        case freq
            when 'W' then period_start + interval 7 day
            when 'M' then period_start + interval 1 month
            when 'Q' then period_start + interval 3 month
            when 'A' then period_start + interval 1 year
        end - interval 1 day as date
    ) AS period_end,
  segment,
  member,
  CAST(ad_clicks AS DOUBLE) / CAST(NULLIF(ad_impressions, 0) AS DOUBLE) AS obs_value,
  CAST(ad_clicks AS DOUBLE) AS numerator,
  CAST(ad_impressions AS DOUBLE) AS denominator,
  CAST(ad_impressions AS BIGINT) AS n_obs,
  CAST(NULL AS BIGINT) AS n_persons_numerator,
  CAST(NULL AS BIGINT) AS n_persons_denominator,
  '9de938143449b1b5' AS definition_hash,
  'fff8db8b-511b-4b65-8ff2-87f3e0536f65' AS batch_id
FROM ad_performance
    );
    
  