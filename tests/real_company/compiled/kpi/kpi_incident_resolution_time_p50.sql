-- Incident resolution time (median) (incident_resolution_time_p50). Written by `kpi compile`; change the definition, not this file.
WITH incidents AS (
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
      WHEN GROUPING(priority) = 0
      THEN 'priority'
      WHEN GROUPING(service) = 0
      THEN 'service'
      ELSE '_T'
    END AS segment,
    CASE
      WHEN GROUPING(priority) = 0
      THEN COALESCE(CAST(priority AS TEXT), '_U')
      WHEN GROUPING(service) = 0
      THEN COALESCE(CAST(service AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    QUANTILE_CONT((
      __incident_resolution_time_p50
    ), 0.5
    ORDER BY
      (
        __incident_resolution_time_p50
      )) AS incident_resolution_time_p50,
    SUM(__incidents_resolved) AS incidents_resolved
  FROM (
    SELECT
      DATE_TRUNC('WEEK', resolved_date) AS metric_time__week,
      DATE_TRUNC('MONTH', resolved_date) AS metric_time__month,
      DATE_TRUNC('QUARTER', resolved_date) AS metric_time__quarter,
      DATE_TRUNC('YEAR', resolved_date) AS metric_time__year,
      service,
      priority,
      CASE WHEN NOT resolution_hours IS NULL THEN 1 ELSE 0 END AS __incidents_resolved,
      resolution_hours AS __incident_resolution_time_p50
    FROM {{ ref('fct_incidents') }} AS incidents
  ) AS subq_3
  GROUP BY
    GROUPING SETS (
      (
        metric_time__week
      ),
      (metric_time__week, priority),
      (metric_time__week, service),
      (
        metric_time__month
      ),
      (metric_time__month, priority),
      (metric_time__month, service),
      (
        metric_time__quarter
      ),
      (metric_time__quarter, priority),
      (metric_time__quarter, service),
      (
        metric_time__year
      ),
      (metric_time__year, priority),
      (metric_time__year, service)
    )
  HAVING
    NOT period_start IS NULL
)
SELECT
  'incident_resolution_time_p50' AS kpi_id,
  freq,
  {{ time_period('freq', 'period_start') }} AS time_period,
  period_start,
  {{ period_end('freq', 'period_start') }} AS period_end,
  segment,
  member,
  CAST(incident_resolution_time_p50 AS DOUBLE) AS obs_value,
  CAST(incident_resolution_time_p50 AS DOUBLE) AS numerator,
  CAST(NULL AS DOUBLE) AS denominator,
  CAST(COALESCE(incidents_resolved, 0) AS BIGINT) AS n_obs,
  CAST(NULL AS BIGINT) AS n_persons_numerator,
  CAST(NULL AS BIGINT) AS n_persons_denominator,
  'a51fdc60b3508319' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM incidents
