-- Energy use (energy_use). Written by `kpi compile`; change the definition, not this file.
WITH energy_readings AS (
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
    CASE WHEN GROUPING(site) = 0 THEN 'site' ELSE '_T' END AS segment,
    CASE WHEN GROUPING(site) = 0 THEN COALESCE(CAST(site AS TEXT), '_U') ELSE '_T' END AS member,
    SUM(__energy_use) AS energy_use,
    SUM(__meter_readings) AS meter_readings
  FROM (
    SELECT
      DATE_TRUNC('WEEK', reading_date) AS metric_time__week,
      DATE_TRUNC('MONTH', reading_date) AS metric_time__month,
      DATE_TRUNC('QUARTER', reading_date) AS metric_time__quarter,
      DATE_TRUNC('YEAR', reading_date) AS metric_time__year,
      site,
      energy_mwh AS __energy_use,
      CASE WHEN NOT reading_id IS NULL THEN 1 ELSE 0 END AS __meter_readings
    FROM {{ ref('fct_energy_readings') }} AS energy_readings
  ) AS subq_3
  GROUP BY
    GROUPING SETS (
      (
        metric_time__week
      ),
      (metric_time__week, site),
      (
        metric_time__month
      ),
      (metric_time__month, site),
      (
        metric_time__quarter
      ),
      (metric_time__quarter, site),
      (
        metric_time__year
      ),
      (metric_time__year, site)
    )
  HAVING
    NOT period_start IS NULL
)
SELECT
  'energy_use' AS kpi_id,
  freq,
  {{ time_period('freq', 'period_start') }} AS time_period,
  period_start,
  {{ period_end('freq', 'period_start') }} AS period_end,
  segment,
  member,
  CAST(energy_use AS DOUBLE) AS obs_value,
  CAST(energy_use AS DOUBLE) AS numerator,
  CAST(NULL AS DOUBLE) AS denominator,
  CAST(COALESCE(meter_readings, 0) AS BIGINT) AS n_obs,
  CAST(NULL AS BIGINT) AS n_persons_numerator,
  CAST(NULL AS BIGINT) AS n_persons_denominator,
  'be6f52b29adb2474' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM energy_readings
