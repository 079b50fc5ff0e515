-- Every leaf of absence_days, for absence_rate.
-- Written by `kpi compile`; change the definitions, not this file.
WITH days AS (
  SELECT * FROM {{ ref('base_absence_days_daily') }} WHERE n_rows > 0
), period_days AS (
  {{ period_days('days', ['W', 'M', 'Q', 'A'], to_date=True) }}
  UNION ALL
  {{ parts_of_weeks('days') }}
), rolled_up AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    SUM(absence_days) AS absence_days
  FROM days
  INNER JOIN period_days USING (day)
  GROUP BY freq, span, period_start, segment, member
), recounted AS (
  SELECT freq, span, period_start, segment, member, absent_employees
  FROM {{ ref('base_absence_days_recounted') }}
)
SELECT *
FROM rolled_up
  FULL OUTER JOIN recounted USING (freq, span, period_start, segment, member)
