"""Writes the SQL of the dbt models from the plan, as text. What is computed is decided in `plan.py`."""
