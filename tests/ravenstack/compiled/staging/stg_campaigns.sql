-- The company has no models/staging/stg_campaigns.sql, so this entity is empty. Written by `kpi compile`.
{{ not_supplied() }}
