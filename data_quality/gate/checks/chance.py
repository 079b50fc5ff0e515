"""How many rows chance makes of something rare: no deviation is more certain than the number of rows allows."""

from __future__ import annotations

# The standard deviations of a Poisson count, beside one row. By chance there are more once in 250 times at most, of ten
# rows as of any other number.
CERTAIN = 3


def rows_by_chance(expected: str) -> str:
    """SQL for the most rows that are by chance where so many are expected (SQL, too)."""
    return f"({expected} + {CERTAIN} * sqrt({expected}) + 1)"
