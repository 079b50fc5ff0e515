"""Where deliveries come from: one module for each kind of source. `ingest/readers` reads their contents."""
