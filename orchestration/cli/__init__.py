"""The command `kpi`: arguments in, tables and JSON out."""
