"""WHEN things are computed: ingest, Dagster assets, jobs, schedules and the `kpi` command. No formula lives here."""
