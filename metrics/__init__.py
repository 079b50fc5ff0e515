"""What is measured: companies, feeds, KPI definitions, and their compilation into dbt models."""
