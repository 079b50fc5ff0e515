"""When things happen: ingest, Dagster's assets and jobs, and the command line."""
