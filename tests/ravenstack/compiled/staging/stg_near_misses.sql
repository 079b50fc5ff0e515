-- The company has no models/staging/stg_near_misses.sql, so this entity is empty. Written by `kpi compile`.
{{ not_supplied() }}
