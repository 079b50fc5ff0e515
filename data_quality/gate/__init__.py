"""The gate: planned keys, their candidates, the checks, verdicts and incidents."""
