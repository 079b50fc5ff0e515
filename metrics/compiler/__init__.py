"""Compiles a KPI's definition to the SQL of its dbt model. Pure: nothing here reads or writes a file."""
