"""The append-only ledger: its tables, appending, verifying, compacting. What to append is decided elsewhere."""
