"""The rules on what was published. Each module here is one rule, named after what it finds; `publishing.lint` finds it.

A rule has a docstring that says what it finds and why that matters, and a function `problems(record, day)` that yields
a sentence for each finding on the KPI of a Record.
"""
