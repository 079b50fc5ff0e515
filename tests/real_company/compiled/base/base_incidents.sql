-- Every leaf of incidents, for incident_resolution_time_p50, mttr.
-- Written by `kpi compile`; change the definitions, not this file.
WITH days AS (
  SELECT * FROM {{ ref('base_incidents_daily') }} WHERE n_rows > 0
), period_days AS (
  {{ period_days('days', ['W', 'M', 'Q', 'A'], to_date=True) }}
), rolled_up AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    SUM(incidents_resolved) AS incidents_resolved,
    SUM(resolution_hours) AS resolution_hours
  FROM days
  INNER JOIN period_days USING (day)
  GROUP BY freq, span, period_start, segment, member
), recounted AS (
  SELECT freq, span, period_start, segment, member, incident_resolution_time_p50
  FROM {{ ref('base_incidents_recounted') }}
)
SELECT *
FROM rolled_up
  FULL OUTER JOIN recounted USING (freq, span, period_start, segment, member)
