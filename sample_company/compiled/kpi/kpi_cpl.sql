
    

    create  table
      "warehouse"."kpi"."kpi_cpl__dbt_tmp"
  
    
    as (
      -- Cost per lead (cpl). Written by `kpi compile`; change the definition, not this file.
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
      ELSE '_T'
    END AS segment,
    CASE
      WHEN GROUPING(country) = 0
      THEN COALESCE(CAST(country AS TEXT), '_U')
      WHEN GROUPING(channel) = 0
      THEN COALESCE(CAST(channel AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    SUM(cost) AS ad_cost
  FROM "warehouse"."marts"."fct_ad_performance" AS ad_performance
  GROUP BY
    GROUPING SETS (
      (
        DATE_TRUNC('WEEK', ad_date)
      ),
      (DATE_TRUNC('WEEK', ad_date), country),
      (DATE_TRUNC('WEEK', ad_date), channel),
      (
        DATE_TRUNC('MONTH', ad_date)
      ),
      (DATE_TRUNC('MONTH', ad_date), country),
      (DATE_TRUNC('MONTH', ad_date), channel),
      (
        DATE_TRUNC('QUARTER', ad_date)
      ),
      (DATE_TRUNC('QUARTER', ad_date), country),
      (DATE_TRUNC('QUARTER', ad_date), channel),
      (
        DATE_TRUNC('YEAR', ad_date)
      ),
      (DATE_TRUNC('YEAR', ad_date), country),
      (DATE_TRUNC('YEAR', ad_date), channel)
    )
  HAVING
    NOT period_start IS NULL
), leads AS (
  SELECT
    CASE
      WHEN GROUPING(metric_time__week) = 0
      THEN 'W'
      WHEN GROUPING(metric_time__month) = 0
      THEN 'M'
      WHEN GROUPING(metric_time__quarter) = 0
      THEN 'Q'
      WHEN GROUPING(metric_time__year) = 0
      THEN 'A'
    END AS freq,
    CAST(COALESCE(metric_time__week, metric_time__month, metric_time__quarter, metric_time__year) AS DATE) AS period_start,
    CASE
      WHEN GROUPING(country) = 0
      THEN 'country'
      WHEN GROUPING(channel) = 0
      THEN 'channel'
      ELSE '_T'
    END AS segment,
    CASE
      WHEN GROUPING(country) = 0
      THEN COALESCE(CAST(country AS TEXT), '_U')
      WHEN GROUPING(channel) = 0
      THEN COALESCE(CAST(channel AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    SUM(__qualified_leads) AS qualified_leads
  FROM (
    SELECT
      DATE_TRUNC('WEEK', lead_date) AS metric_time__week,
      DATE_TRUNC('MONTH', lead_date) AS metric_time__month,
      DATE_TRUNC('QUARTER', lead_date) AS metric_time__quarter,
      DATE_TRUNC('YEAR', lead_date) AS metric_time__year,
      channel,
      country,
      CASE WHEN is_qualified THEN 1 ELSE 0 END AS __qualified_leads
    FROM "warehouse"."marts"."fct_leads" AS leads
  ) AS subq_3
  GROUP BY
    GROUPING SETS (
      (
        metric_time__week
      ),
      (metric_time__week, country),
      (metric_time__week, channel),
      (
        metric_time__month
      ),
      (metric_time__month, country),
      (metric_time__month, channel),
      (
        metric_time__quarter
      ),
      (metric_time__quarter, country),
      (metric_time__quarter, channel),
      (
        metric_time__year
      ),
      (metric_time__year, country),
      (metric_time__year, channel)
    )
  HAVING
    NOT period_start IS NULL
)
SELECT
  'cpl' AS kpi_id,
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
  CAST(ad_cost AS DOUBLE) / CAST(NULLIF(qualified_leads, 0) AS DOUBLE) AS obs_value,
  CAST(ad_cost AS DOUBLE) AS numerator,
  CAST(qualified_leads AS DOUBLE) AS denominator,
  CAST(qualified_leads AS BIGINT) AS n_obs,
  CAST(NULL AS BIGINT) AS n_persons_numerator,
  CAST(NULL AS BIGINT) AS n_persons_denominator,
  '01c7399e9b922f1f' AS definition_hash,
  'fff8db8b-511b-4b65-8ff2-87f3e0536f65' AS batch_id
FROM (
  SELECT
    *
  FROM ad_performance
  FULL OUTER JOIN leads
    USING (freq, period_start, segment, member)
) AS leaves
    );
    
  