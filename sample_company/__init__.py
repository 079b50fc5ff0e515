"""Nordvik, the sample company: its feeds, staging models, KPIs, and a simulator of its source systems."""
