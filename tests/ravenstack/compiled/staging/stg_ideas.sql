-- The company has no models/staging/stg_ideas.sql, so this entity is empty. Written by `kpi compile`.
{{ not_supplied() }}
