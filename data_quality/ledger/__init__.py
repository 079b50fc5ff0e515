"""The append-only ledger: its tables, append, verify, compact, lock. What to append is decided in `release/`."""
