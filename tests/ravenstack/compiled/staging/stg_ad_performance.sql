-- The company has no models/staging/stg_ad_performance.sql, so this entity is empty. Written by `kpi compile`.
{{ not_supplied() }}
