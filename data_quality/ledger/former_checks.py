"""Former names of checks, which verdicts and decisions of older ledgers still hold."""

from __future__ import annotations

FORMER_CHECKS = {
    "candidates_exist": "built",
    "inputs_complete": "complete",
    "not_null": "missing_results",
    "within_bounds": "bounds",
    "segments_add_up": "parts_add_up",
    "months_add_up": "parts_add_up",
    "identities_hold": "kpis_agree",
    "rows_readable": "rejected_rows",
    "all_rows_readable": "rejected_rows",
    "rows_unique": "duplicate_rows",
    "usual_duplicates": "duplicate_rows",
    "days_there": "too_few_rows",
    "usual_days": "too_few_rows",
    "days_differ": "stale_rows",
    "columns_filled": "missing_values",
    "usual_nulls": "missing_values",
    "keys_match": "unmatched_keys",
    "usual_matches": "unmatched_keys",
    "values_alike": "value_distribution",
    "usual_values": "value_distribution",
    "plausible_change": "expected_range",
    "usual_change": "expected_range",
    "plausible_members": "segment_share",
    "usual_members": "segment_share",
    "clear_of_held": "beside_held",
    "plausible_whole": "part_of_held",
    "usual_whole": "part_of_held",
}
"""The present name by the name before version 0.2. Checks that were removed are not listed."""


def present_name(check: str) -> str:
    """The present name of the check; an unlisted name is returned unchanged."""
    return FORMER_CHECKS.get(check, check)
