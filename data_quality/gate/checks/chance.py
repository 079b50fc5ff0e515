"""The number of rows with a rare fault that chance explains, so that few rows alone never hold a value."""

from __future__ import annotations

# The limit is the expected count, plus this many standard deviations of a Poisson count, plus one row. Chance exceeds
# it once in 250 times at most, for ten rows as for any other number (tests/data_quality/test_few_rows.py).
_DEVIATIONS = 3


def rows_by_chance(expected: str) -> str:
    """SQL for the largest number of rows that chance explains. `expected` is SQL for the expected number."""
    return f"({expected} + {_DEVIATIONS} * sqrt({expected}) + 1)"
