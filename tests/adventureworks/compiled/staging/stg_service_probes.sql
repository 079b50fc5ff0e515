-- The company has no models/staging/stg_service_probes.sql, so this entity is empty. Written by `kpi compile`.
{{ not_supplied() }}
