-- The company has no models/staging/stg_water_readings.sql, so this entity is empty. Written by `kpi compile`.
{{ not_supplied() }}
