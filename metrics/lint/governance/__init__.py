"""The rules of governance. Each module here is one rule, named after what it finds; `finding.py` finds it by itself.

A rule has a docstring that says what it finds and why that matters, and a function `findings(company, catalog)` that
yields (subject, problem) for each finding: the subject is a KPI's id, an objective's key, an owner or `company`.
"""
