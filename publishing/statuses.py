"""Status codes of published values in words, and their revision types."""

from __future__ import annotations

STATUSES = {
    "A": "normal",
    "P": "provisional",
    "U": "few observations",
    "B": "series break",
    "Q": "suppressed",
    "O": "missing",
    "E": "estimated",
    "M": "cannot exist",
}
"""By obs_status."""
REVISIONS = {"R3": "another methodology", "C": "a decision", "R1": "newer source data", "R2": "routine"}
"""By revision_type."""
TARGET_SOURCES = {
    "history": "from its own history",
    "benchmark": "from a benchmark, what others reach",
    "commitment": "from a commitment",
}
"""Where a target's value comes from, by the key in its definition."""
