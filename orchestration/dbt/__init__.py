"""Running dbt: the project as dbt sees it, its manifest, builds, and what they did."""
