-- The company has no models/staging/stg_injuries.sql, so this entity is empty. Written by `kpi compile`.
{{ not_supplied() }}
