-- The company has no models/staging/stg_survey_answers.sql, so this entity is empty. Written by `kpi compile`.
{{ not_supplied() }}
