-- The company has no models/staging/stg_costs.sql, so this entity is empty. Written by `kpi compile`.
{{ not_supplied() }}
