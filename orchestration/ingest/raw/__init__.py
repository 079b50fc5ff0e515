"""Everything that ingest writes to the warehouse's raw schema: feed tables, file records and rejected rows."""
