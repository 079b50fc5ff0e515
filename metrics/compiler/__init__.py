"""From a KPI's definition to the SQL of its dbt model. Pure: no file is read or written here."""
