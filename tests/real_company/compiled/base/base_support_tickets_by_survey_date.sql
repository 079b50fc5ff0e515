-- Every leaf of support_tickets_by_survey_date, for csat.
-- Written by `kpi compile`; change the definitions, not this file.
WITH days AS (
  SELECT * FROM {{ ref('base_support_tickets_by_survey_date_daily') }} WHERE n_rows > 0
), period_days AS (
  {{ period_days('days', ['M', 'Q', 'A'], to_date=True) }}
), rolled_up AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    SUM(satisfied_answers) AS satisfied_answers,
    SUM(survey_answers) AS survey_answers
  FROM days
  INNER JOIN period_days USING (day)
  GROUP BY freq, span, period_start, segment, member
)
SELECT * FROM rolled_up
