"""The asset graph, from left to right: raw feeds, dbt's models, published KPIs."""
