"""The YAML files that people write, as models: companies, feeds, KPIs, identities, roles, calendars; and the compiled
catalogue of them.
"""
