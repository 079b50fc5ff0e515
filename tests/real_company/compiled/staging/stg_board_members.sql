-- The company has no models/staging/stg_board_members.sql, so this entity is empty. Written by `kpi compile`.
{{ not_supplied() }}
